"""Open an Excel workbook safely: its sheets, shared texts and cell styles.

`archive` limits the unpacked size, `opc` finds the parts. Refused are encrypted and old binary workbooks, macros, links
to other files, document type declarations and UTF-16 parts. Nothing is fetched and no formula is computed. Transitional
and Strict workbooks are read alike (ECMA-376, ISO/IEC 29500). `sheet_shape` reads cells, `xlsx` rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from ingestion.contract.table_formats import XlsxFormat
from ingestion.errors import DeliveryRefused
from ingestion.parsers.blocks import Array
from ingestion.parsers.opc import AGAIN, Link, Package, damaged, refused
from ingestion.parsers.probe import PROBE_BYTES, check_text
from ingestion.parsers.shared_text import shared_text
from ingestion.parsers.sheet_shape import SheetReader
from ingestion.parsers.sheet_styles import style_displays
from ingestion.settings import Settings

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAIN = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
_TRUE = ("1", "true", "on")


@dataclass(frozen=True)
class Sheet:
    """One worksheet: its name, its part of the package, and whether it is visible."""

    name: str
    part: str
    visible: bool


class Workbook:
    """An Excel workbook.

    Raises DeliveryRefused: `empty`, `html_page`, `container`, `xls_binary`, `workbook_encrypted`, `workbook_macros`,
    `workbook_links`, `workbook_unsafe`, `workbook_damaged`, `zip_unsafe`, `zip_damaged`.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        _check_container(path)
        self._limit = settings.max_document_bytes
        self._package = Package(path, settings)
        self._part = self._main_part()
        links = self._package.links(self._part)
        self._check_parts(links)
        worksheets = {link.id: link.target for link in links if link.kind == "worksheet"}
        known = {link.id for link in links}
        listed = self._package.elements(self._part, "sheet")
        unlinked = next((found.get("name", "") for found in listed if found.get("id") not in known), None)
        if unlinked is not None:
            raise damaged(f"sheet {unlinked!r} names no part of the workbook")
        self.sheets = tuple(
            Sheet(found.get("name", ""), worksheets[found["id"]], found.get("state", "visible") == "visible")
            for found in listed
            if found["id"] in worksheets
        )
        properties = next(iter(self._package.elements(self._part, "workbookPr")), {})
        self.date_1904 = properties.get("date1904", "").strip().lower() in _TRUE
        self._styles = next((link.target for link in links if link.kind == "styles"), None)
        self._shared = next((link.target for link in links if link.kind == "sharedStrings"), None)

    def sheet(self, spec: XlsxFormat) -> Sheet:
        """The sheet that the contract declares. Raises DeliveryRefused (rule `sheet`)."""
        names = ", ".join(repr(sheet.name) for sheet in self.sheets)
        shown = [sheet for sheet in self.sheets if sheet.visible]
        if spec.sheet is not None:
            found = [sheet for sheet in self.sheets if sheet.name == spec.sheet]
            problem = f"{len(found)} sheets are" if len(found) > 1 else "no sheet is"
            problem += f" named {spec.sheet!r}"
        elif spec.sheet_number is not None:
            found = list(self.sheets[spec.sheet_number - 1 : spec.sheet_number])
            problem = f"there is no sheet number {spec.sheet_number}"
        else:
            found = shown
            problem = f"the contract names no sheet and {len(shown)} are visible"
        if len(found) != 1:
            raise DeliveryRefused(
                f"{problem}; the workbook has {names or 'no sheets'}",
                rule="sheet",
                next_step="correct `sheet` in the contract, or ask the department which sheet holds the table",
            )
        return found[0]

    def reader(self, sheet: Sheet) -> SheetReader:
        """A reader of the sheet's cells."""
        return SheetReader(lambda: self._package.text(sheet.part, None), sheet.part, sheet.name, self.shared)

    @cached_property
    def shared(self) -> pa.LargeStringArray:
        """The shared texts, to which cells refer by number."""
        if self._shared is None:
            return pa.array([], pa.large_string())
        return shared_text(self._package, self._shared, self._limit)

    @cached_property
    def shown(self) -> Array:
        """The `sheet_styles.NumberDisplay` of each cell style."""
        return style_displays(self._package, self._styles, self._limit)

    def _main_part(self) -> str:
        """The name of the workbook's main part, found by the package's relationships or else its content types."""
        package = self._package
        if "mimetype" in package.names and not package.find("[Content_Types].xml"):
            raise refused("the file is an OpenDocument file (.ods?), not an Excel workbook (.xlsx)", "container", AGAIN)
        main = next((link.target for link in package.links() if link.kind == "officeDocument"), None)
        part = main or package.part_of_type(_MAIN)
        if part is None or package.find(part) is None:
            raise refused("the file is a ZIP archive, not an Excel workbook (.xlsx)", "container", AGAIN)
        kind = package.content_type(part)
        if "macroenabled" in kind and "binary" not in kind:
            raise refused("the workbook holds macros (an .xlsm file?)", "workbook_macros", AGAIN)
        if "sheet.binary" in kind or part.lower().endswith(".bin"):
            raise refused("the file is a binary workbook (.xlsb)", "xlsb_binary", AGAIN)
        if "wordprocessingml" in kind or "presentationml" in kind:
            raise refused("the file is an Office document of another kind than a workbook", "container", AGAIN)
        return part

    def _check_parts(self, links: list[Link]) -> None:
        names = self._package.names
        if any(name.endswith("vbaproject.bin") for name in names) or any(link.kind == "vbaProject" for link in links):
            raise refused("the workbook holds macros (an .xlsm file?)", "workbook_macros", AGAIN)
        outside = [link for link in links if link.external or link.kind == "externalLink"]
        if outside or any(name.startswith("xl/externallinks/") for name in names):
            raise refused(
                "the workbook takes values from other files (external links), which may be stale",
                "workbook_links",
                "ask the department to paste the values and break the links (Data, Edit Links)",
            )


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
    raise refused(
        "the file is not an Excel workbook (.xlsx)", "container", "correct `format` in the contract, or " + AGAIN
    )


def _binary(rest: bytes, head: bytes) -> DeliveryRefused:
    """The refusal of an OLE container: an encrypted .xlsx or an old .xls."""
    if "EncryptedPackage".encode("utf-16-le") in head + rest:
        return refused("the workbook is encrypted with a password", "workbook_encrypted", AGAIN)
    return refused("the file is an old binary workbook (.xls)", "xls_binary", AGAIN)
