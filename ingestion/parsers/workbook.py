"""An Excel workbook opened with care: what it is, which sheets it has, and what a sheet holds that must be known first.

Everything is counted while it is unpacked (`archive`), before any reader opens the file. Refused: encrypted
and old binary workbooks, macros, links to other files, document type declarations, UTF-16 parts. Nothing is
fetched, no formula is computed. What a sheet's text tells is left to `sheet_shape`, reading cells to `xlsx`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.parsers import expat

from ingestion.contract.table_formats import XlsxFormat
from ingestion.errors import DeliveryRefused
from ingestion.parsers.archive import Archive
from ingestion.parsers.probe import PROBE_BYTES, check_text
from ingestion.parsers.sheet_shape import Shape, shape_of
from ingestion.settings import Settings

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_CHUNK = 4 * 2**20
_MAX_DIRECTORY = 4 * 2**20
_WORKBOOK = "xl/workbook.xml"
_SHARED = "xl/sharedStrings.xml"
_STYLES = "xl/styles.xml"
_TYPES = "[Content_Types].xml"
_AGAIN = "ask the department to save the table as an Excel workbook (.xlsx) without password and macros, or as CSV"
_DAMAGED = "ask the department to send it again"


@dataclass(frozen=True)
class Sheet:
    """One worksheet: its name, its part of the package, whether it is shown."""

    name: str
    part: str
    visible: bool


class Workbook:
    """Raises DeliveryRefused: `empty`, `html_page`, `container`, `xls_binary`, `workbook_encrypted`, `workbook_macros`,
    `workbook_links`, `workbook_unsafe`, `workbook_damaged`, `zip_unsafe`, `zip_damaged`.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        _check_container(path)
        self._archive = Archive(
            path, max_bytes=settings.max_uncompressed_bytes, max_ratio=settings.max_compression_ratio
        )
        self._check_parts()
        targets: dict[str, str] = {}
        for attributes in self._elements("xl/_rels/workbook.xml.rels", "Relationship"):
            if attributes.get("Type", "").endswith("/worksheet"):
                target = PurePosixPath("/xl") / attributes.get("Target", "")
                targets[attributes.get("Id", "")] = str(target).lstrip("/")
        self.sheets = tuple(
            Sheet(found.get("name", ""), targets[found["id"]], found.get("state", "visible") == "visible")
            for found in self._elements(_WORKBOOK, "sheet")
            if found.get("id") in targets
        )
        properties = next(iter(self._elements(_WORKBOOK, "workbookPr")), {})
        self.date_1904 = properties.get("date1904") in ("1", "true")
        for part in (_TYPES, _STYLES, _SHARED):  # the reader holds these in memory
            if part in self._archive.names:
                deque(self._text(part, settings.max_document_bytes), maxlen=0)

    def sheet(self, spec: XlsxFormat) -> Sheet:
        """The declared sheet. Raises DeliveryRefused (rule `sheet`)."""
        names = ", ".join(repr(sheet.name) for sheet in self.sheets)
        shown = [sheet for sheet in self.sheets if sheet.visible]
        if spec.sheet is not None:
            found = [sheet for sheet in self.sheets if sheet.name == spec.sheet]
            problem = f"no sheet is named {spec.sheet!r}"
        elif spec.sheet_number is not None:
            found = list(self.sheets[spec.sheet_number - 1 : spec.sheet_number])
            problem = f"there is no sheet number {spec.sheet_number}"
        else:
            found = shown if len(shown) == 1 else []
            problem = f"the contract names no sheet and {len(shown)} are visible"
        if not found:
            raise DeliveryRefused(
                f"{problem}; the workbook has {names or 'no sheets'}",
                rule="sheet",
                next_step="correct `sheet` in the contract, or ask the department which sheet holds the table",
            )
        return found[0]

    def shape(self, sheet: Sheet) -> Shape:
        """How far the sheet reaches, and what its cells do not say; see `sheet_shape`."""
        return shape_of(self._text(sheet.part, None), sheet.name)

    def _check_parts(self) -> None:
        names = self._archive.names
        if _WORKBOOK not in names:
            raise _refused("the file is a ZIP archive, not an Excel workbook (.xlsx)", "container", _AGAIN)
        if any(name.lower().endswith("vbaproject.bin") for name in names):
            raise _refused("the workbook holds macros (an .xlsm file?)", "workbook_macros", _AGAIN)
        if any(name.startswith("xl/externalLinks/") for name in names):
            raise _refused(
                "the workbook takes values from other files (external links), which may be stale",
                "workbook_links",
                "ask the department to paste the values and break the links (Data, Edit Links)",
            )

    def _elements(self, part: str, name: str) -> list[dict[str, str]]:
        """Attributes (without namespaces) of every element of that local name in a small part."""
        found: list[dict[str, str]] = []

        def start(tag: str, attributes: dict[str, str]) -> None:
            if tag.rpartition(" ")[2] == name:
                found.append({key.rpartition(" ")[2]: value for key, value in attributes.items()})

        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = start
        try:
            for chunk in self._text(part, _MAX_DIRECTORY):
                parser.Parse(chunk)
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise _refused(f"{part} is not well-formed XML: {error}", "workbook_damaged", _DAMAGED) from error
        return found

    def _text(self, part: str, limit: int | None) -> Iterator[bytes]:
        """A part's bytes in pieces, checked for what no reader should meet."""
        if part not in self._archive.names:
            raise _refused(f"the workbook lacks its part {part}", "workbook_damaged", _DAMAGED)
        tail, size = b"", 0
        with self._archive.open(part) as stream:
            while chunk := stream.read(_CHUNK):
                if not size and (chunk[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in chunk[:8]):
                    raise _refused(f"{part} is not UTF-8", "workbook_unsafe", _AGAIN)
                size += len(chunk)
                if limit is not None and size > limit:
                    raise _refused(f"{part} unpacks to more than {limit:,} bytes", "workbook_unsafe", _AGAIN)
                if b"<!DOCTYPE" in tail + chunk:
                    raise _refused(f"{part} declares a document type (entities)", "workbook_unsafe", _AGAIN)
                tail = chunk[-16:]
                yield chunk


def _check_container(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(PROBE_BYTES)
        if head.startswith(_OLE):
            raise _binary(file.read(), head)
    if head.startswith(b"PK\x03\x04"):
        return
    try:
        check_text(head, "the file")
    except DeliveryRefused as refusal:
        if refusal.rule in ("empty", "html_page"):
            raise
    raise _refused(
        "the file is not an Excel workbook (.xlsx)", "container", "correct `format` in the contract, or " + _AGAIN
    )


def _binary(rest: bytes, head: bytes) -> DeliveryRefused:
    """An OLE container is an encrypted .xlsx or an old .xls."""
    if "EncryptedPackage".encode("utf-16-le") in head + rest:
        return _refused("the workbook is encrypted with a password", "workbook_encrypted", _AGAIN)
    return _refused("the file is an old binary workbook (.xls)", "xls_binary", _AGAIN)


def _refused(message: str, rule: str, next_step: str) -> DeliveryRefused:
    return DeliveryRefused(message, rule=rule, next_step=next_step)
