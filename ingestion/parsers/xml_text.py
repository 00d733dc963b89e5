"""Read an XML payload as UTF-8 chunks, decoded by its own declaration or the contract's encoding.

A document declares its encoding (XML 1.0, 4.3.3; the default is UTF-8). The contract can override it, for exports that
are written in another encoding than they declare. Finding the records is left to `xml_cut`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from ingestion.errors import DeliveryRefused
from ingestion.parsers.block_limits import MAX_RECORDS, join_chunks
from ingestion.parsers.encoding import utf8_chunks
from ingestion.parsers.probe import PROBE_BYTES, check_text

CHUNK = 4 * 2**20
"""Bytes parsed into one tree by `xml_records`; the tree takes a few dozen megabytes of memory."""

_DECLARATION = re.compile(rb"""\A\s*<\?xml\b[^>]*?\bencoding\s*=\s*["']([A-Za-z][\w.\-]*)["']""")
_CODECS = {
    "utf-8": "utf-8",
    "us-ascii": "utf-8",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "cp936": "gb18030",
    "windows-1252": "windows-1252",
    "iso-8859-1": "iso-8859-1",
}
"""Declared names to codecs; GB18030 reads everything its predecessors GB2312 and GBK can write."""


class XmlText:
    """The text of one stream. `bom` is the length in bytes of its byte order mark, which is not part of the text.

    Raises DeliveryRefused: `empty`, `html_page`, `container`, `encoding`.
    """

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        head = stream.read(PROBE_BYTES)
        self.bom = check_text(head, "the file")
        self._codec = _codec(head[self.bom :], encoding, marked=self.bom > 0)
        stream.seek(self.bom)

    @property
    def as_sent(self) -> bool:
        """Whether the chunks are the original bytes, so that their offsets are offsets in the file."""
        return self._codec == "utf-8"

    def chunks(self) -> Iterator[bytes]:
        """The text in UTF-8, once. In a UTF-8 document undecodable bytes are passed on; `xml_cut` finds them."""
        chunks = utf8_chunks(
            self._stream, self._codec, chunk=CHUNK, place=self.bom,
            refused=lambda place: undecodable_byte(place, self._codec),
        )  # fmt: skip
        return join_chunks(chunks, CHUNK, {ord("<"): MAX_RECORDS})


def undecodable_byte(place: int, codec: str) -> DeliveryRefused:
    """The refusal of a document with a byte that is not in its encoding, at this offset of the file."""
    return DeliveryRefused(
        f"the XML document is read as {codec}, but byte {place:,} cannot be decoded",
        rule="encoding",
        next_step="ask the department to write what the document declares, or set `encoding` in the contract",
    )


def _codec(text: bytes, encoding: str, *, marked: bool) -> str:
    found = _DECLARATION.match(text)
    declared = found[1].decode("ascii").lower() if found else "utf-8"
    codec = _CODECS.get(declared) if encoding == "declared" else encoding
    if codec is None:
        raise DeliveryRefused(
            f"the XML document declares the encoding {declared!r}, which is not read; read are {', '.join(_CODECS)}",
            rule="encoding",
            next_step="ask the department to export UTF-8 or GB18030, or set `encoding` in the contract",
        )
    if marked and codec != "utf-8":
        said = "declares" if encoding == "declared" else "is declared by the contract as"
        raise DeliveryRefused(
            f"the XML document {said} {codec}, but begins with the byte order mark of UTF-8",
            rule="encoding",
            next_step="ask the department which it is; `encoding: utf-8` in the contract overrules the document",
        )
    return codec
