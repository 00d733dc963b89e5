"""Find the parts of an Office document and their relationships, by the Open Packaging Conventions (ECMA-376 part 2).

Part names are compared without regard to ASCII case (6.2.2.3); a part is found by its relationship, never by its usual
name (6.5); targets are resolved like relative URLs (6.4); a content type is that of the part or of its extension
(6.2.3). Backslashes, which some programs write, count as slashes. Interpreting the parts is left to `workbook`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote
from xml.parsers import expat

from ingestion.errors import DeliveryRefused
from ingestion.parsers.archive import Archive
from ingestion.settings import Settings

AGAIN = "ask the department to save the table as an Excel workbook (.xlsx) without password and macros, or as CSV"
DAMAGED = "ask the department to send it again"
_TYPES = "[Content_Types].xml"
_PACKAGE_LINKS = "_rels/.rels"
_CHUNK = 4 * 2**20
_MAX_DIRECTORY = 4 * 2**20
_ENCODINGS = (None, "utf-8", "us-ascii", "ascii")


@dataclass(frozen=True)
class Link:
    """A relationship: `kind` is the last word of its type (`worksheet`), `target` a part name for `Package.find`."""

    id: str
    kind: str
    target: str
    external: bool


class Package:
    """The parts of an Office file.

    Raises DeliveryRefused: `zip_unsafe`, `zip_damaged`, `workbook_unsafe`, `workbook_damaged`.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self._archive = Archive(
            path, max_bytes=settings.max_uncompressed_bytes, max_ratio=settings.max_compression_ratio
        )
        self._parts: dict[str, str] = {}
        for name in self._archive.names:
            before = self._parts.setdefault(_part_key(name), name)
            if before != name:
                raise damaged(f"the parts {before!r} and {name!r} of the package have one name")
        self._overrides: dict[str, str] = {}
        self._defaults: dict[str, str] = {}
        if self.find(_TYPES):
            for found in self.elements(_TYPES, "Override"):
                self._overrides[_part_key(found.get("PartName", ""))] = found.get("ContentType", "").lower()
            for found in self.elements(_TYPES, "Default"):
                self._defaults[found.get("Extension", "").lower()] = found.get("ContentType", "").lower()

    @property
    def names(self) -> tuple[str, ...]:
        """Normalised names of all parts: in lower case, with slashes, without a leading slash."""
        return tuple(self._parts)

    def find(self, part: str) -> str | None:
        """The name in the archive of a part, whatever its case and slashes; None where there is no such part."""
        return self._parts.get(_part_key(part))

    def content_type(self, part: str) -> str:
        """The content type of a part in lower case; empty where the package declares none."""
        key = _part_key(part)
        return self._overrides.get(key) or self._defaults.get(key.rpartition(".")[2], "")

    def part_of_type(self, content_type: str) -> str | None:
        """The first existing part that is declared with this content type; None where there is none."""
        return next((part for part, kind in self._overrides.items() if kind == content_type and self.find(part)), None)

    def links(self, part: str = "") -> list[Link]:
        """The relationships of a part, or of the package itself. Raises DeliveryRefused where a part has none."""
        folder, _, name = part.rpartition("/")
        source = f"{folder}/_rels/{name}.rels" if part else _PACKAGE_LINKS
        if not part and not self.find(source):
            return []
        found = []
        for given in self.elements(source, "Relationship"):
            external = given.get("TargetMode", "").lower() == "external"
            target = given.get("Target", "")
            kind = given.get("Type", "").rpartition("/")[2]
            found.append(Link(given.get("Id", ""), kind, target if external else _resolved(folder, target), external))
        if len({link.id for link in found}) < len(found):
            raise damaged(f"{source} gives one id to several relationships")
        return found

    def elements(self, part: str, *names: str) -> list[dict[str, str]]:
        """Attributes (without namespaces) of every element with one of these local names in a small part, in order."""
        found: list[dict[str, str]] = []

        def start(tag: str, attributes: dict[str, str]) -> None:
            if tag.rpartition(" ")[2] in names:
                found.append({key.rpartition(" ")[2]: value for key, value in attributes.items()})

        parser = xml_parser(part)
        parser.StartElementHandler = start
        self.parse(part, parser, _MAX_DIRECTORY)
        return found

    def parse(self, part: str, parser: expat.XMLParserType, limit: int | None) -> None:
        """Feed a whole part to a parser; `limit` is in bytes."""
        with well_formed(part):
            for chunk in self.text(part, limit):
                parser.Parse(chunk)
            parser.Parse(b"", True)

    def text(self, part: str, limit: int | None) -> Iterator[bytes]:
        """A part's bytes in chunks. Raises DeliveryRefused for UTF-16, a DOCTYPE, or more than `limit` bytes."""
        name = self.find(part)
        if name is None:
            raise damaged(f"the workbook lacks its part {part}")
        tail, size = b"", 0
        with self._archive.open(name) as stream:
            while chunk := stream.read(_CHUNK):
                if not size and (chunk[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in chunk[:8]):
                    raise unsafe(f"{part} is not UTF-8")
                size += len(chunk)
                if limit is not None and size > limit:
                    raise unsafe(f"{part} unpacks to more than {limit:,} bytes")
                if b"<!DOCTYPE" in tail + chunk:
                    raise unsafe(f"{part} declares a document type (entities)")
                tail = chunk[-16:]
                yield chunk


class well_formed:
    """Context manager that raises XML syntax errors as DeliveryRefused (`workbook_damaged`)."""

    def __init__(self, part: str) -> None:
        self._part = part

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (expat.ExpatError, UnicodeError)):
            raise damaged(f"{self._part} is not well-formed XML: {error}") from error


def xml_parser(part: str) -> expat.XMLParserType:
    """An XML parser that names elements `namespace local` and accepts UTF-8 only (ECMA-376 part 2, 6.2.5)."""

    def declared(version: str, encoding: str | None, standalone: int) -> None:
        if (encoding.lower() if encoding else None) not in _ENCODINGS:
            raise unsafe(f"{part} is not UTF-8 but declares {encoding!r}")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.XmlDeclHandler = declared
    return parser


def refused(message: str, rule: str, next_step: str) -> DeliveryRefused:
    """The refusal of a workbook, with its rule and next step."""
    return DeliveryRefused(message, rule=rule, next_step=next_step)


def damaged(message: str) -> DeliveryRefused:
    """The refusal of a workbook that contradicts itself or the standard (rule `workbook_damaged`)."""
    return refused(message, "workbook_damaged", DAMAGED)


def unsafe(message: str) -> DeliveryRefused:
    """The refusal of a workbook with unsafe content (rule `workbook_unsafe`)."""
    return refused(message, "workbook_unsafe", AGAIN)


def _part_key(name: str) -> str:
    plain = unquote(name).replace("\\", "/").lstrip("/")
    return "".join(letter.lower() if letter.isascii() else letter for letter in plain)


def _resolved(folder: str, target: str) -> str:
    """The part name of a target: absolute, or relative to the folder of the linking part (RFC 3986, 5.2.4)."""
    plain = target.strip().partition("#")[0].replace("\\", "/")
    steps: list[str] = []
    for step in (plain if plain.startswith("/") else f"{folder}/{plain}").split("/"):
        if step == "..":
            steps = steps[:-1]
        elif step not in ("", "."):
            steps.append(step)
    return "/".join(steps) if plain else ""
