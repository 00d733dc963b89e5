"""Read a workbook's shared strings: the table of texts to which cells refer by number.

It is held in memory, so its size is limited (`max_document_bytes`). Nearly all workbooks write it in one form, which a
regular expression reads; any other form is read by an XML parser.
"""

from __future__ import annotations

import re

import pyarrow as pa

from ingestion.parsers.opc import Package, well_formed, xml_parser
from ingestion.parsers.sheet_text import PLAIN_ENTITY, RichText, all_without_escapes, without_entities

NAMESPACES = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
"""SpreadsheetML: transitional (ECMA-376 part 4) and strict (part 1, also ISO/IEC 29500-1)."""

_ITEM_DEPTH = 2
_T = rb'<t(?: xml:space="preserve")?>([^<>\r]*)</t>'
_READING = rb'<rPh [^<>]*><t(?: xml:space="preserve")?>[^<>]*</t></rPh>'
_PLAIN = re.compile(rb"<si>(?:" + _T + rb"|<t/>)(?:" + _READING + rb")*(?:<phoneticPr [^<>]*/>)?</si>")
_HEAD = re.compile(
    rb'(?:\xef\xbb\xbf)?\s*(?:<\?xml version="1\.0" encoding="(?:UTF|utf)-8"(?: standalone="yes")?\s*\?>)?\s*'
    rb'<sst xmlns="(?:' + b"|".join(re.escape(space.encode()) for space in NAMESPACES) + rb')"'
    rb'(?: (?:count|uniqueCount)="\d+")*>'
)
_TAIL = re.compile(rb"\s*</sst>\s*")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def shared_text(package: Package, part: str, limit: int) -> pa.LargeStringArray:
    """All shared texts in order; NULL for an invalid item (two texts in one). `limit` is in bytes.

    Raises DeliveryRefused (`workbook_damaged`, `workbook_unsafe`).
    """
    data = b"".join(package.text(part, limit))
    with well_formed(part):
        found = _plain(data)
        return _parsed(package, part, limit) if found is None else found


def _plain(data: bytes) -> pa.LargeStringArray | None:
    """The texts; None where the part does not match the usual form completely."""
    head = _HEAD.match(data)
    if not head or _CONTROL.search(data) or re.search(PLAIN_ENTITY, data):
        return None
    texts: list[bytes] = []
    end = head.end()
    for found in _PLAIN.finditer(data, end):
        if found.start() != end:
            return None
        texts.append(found[1] or b"")
        end = found.end()
    if not _TAIL.fullmatch(data, end):
        return None
    try:
        made = pa.array(texts, pa.large_binary()).cast(pa.large_string())
    except pa.ArrowInvalid:
        return None
    return all_without_escapes(without_entities(made))


class _Reader:
    """Handlers of the XML parser."""

    def __init__(self) -> None:
        self.texts: list[str | None] = []
        self._depth = 0
        self._item: RichText | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        space, _, name = tag.rpartition(" ")
        ours = name if space in NAMESPACES else tag
        if self._item is not None:
            self._item.start(ours)
        elif self._depth == _ITEM_DEPTH and ours == "si":
            self._item = RichText()

    def end(self, tag: str) -> None:
        self._depth -= 1
        if self._item is None:
            return
        if self._depth == 1:
            self.texts.append(self._item.text)
            self._item = None
        else:
            self._item.end()

    def data(self, text: str) -> None:
        if self._item is not None:
            self._item.data(text)


def _parsed(package: Package, part: str, limit: int) -> pa.LargeStringArray:
    reader, parser = _Reader(), xml_parser(part)
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.data
    package.parse(part, parser, limit)
    return all_without_escapes(pa.array(reader.texts, pa.large_string()))
