"""In which encoding HL7 messages are, by the contract or by what each says itself (MSH-18, HL7 table 0211)."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract.health_formats import Hl7Format
from ingestion.parsers.blocks import Array, Block
from ingestion.parsers.hl7_cut import AS_LINE_FEEDS

_UTF8, _GB18030, _LATIN = "utf-8", "gb18030", "iso-8859-1"
_ANY = {"": _UTF8, "ASCII": _UTF8}
"""Names that say nothing against any of the encodings, all of which contain ASCII."""
_NAMES = {
    "UNICODE UTF-8": _UTF8, "UTF-8": _UTF8, "UTF8": _UTF8, "UNICODE": _UTF8,
    "GB 18030-2000": _GB18030, "GB18030-2000": _GB18030, "GB18030": _GB18030, "GBK": _GB18030, "GB2312": _GB18030,
    "8859/1": _LATIN,
}  # fmt: skip
"""Table 0211 and how senders spell it."""
_CHARSET = 17
_HEX_ESCAPE = re.compile(rb"[!-/:-@\[-`{-~]X[0-9A-Fa-f]{2}")
"""What may be bytes written in hexadecimal, which need their message's encoding: any mark can begin an escape."""


def of_contract(spec: Hl7Format) -> str:
    """The encoding by which messages are cut; where each declares its own, UTF-8 until that is known."""
    return _UTF8 if spec.encoding == "declared" else spec.encoding


def contradicts(charsets: pa.Array, spec: Hl7Format) -> Array:
    """Which of these values of MSH-18 say another encoding than the contract, or one that is not known."""
    allowed = [name for name, one in _NAMES.items() if {spec.encoding} <= {"declared", one}]
    found = pc.utf8_upper(pc.utf8_trim_whitespace(pc.fill_null(charsets, "")))
    return ~np.asarray(pc.is_in(found, pa.array([*_ANY, *allowed])), dtype=bool)


def by_encoding(block: Block, spec: Hl7Format) -> list[tuple[Array, Block]]:
    """The messages of each encoding: their block indices, and a block that holds them alone and in order."""
    everything = np.arange(len(block))
    if spec.encoding != "declared" or (block.data.isascii() and not _HEX_ESCAPE.search(block.data)):
        return [(everything, block)]
    names = np.array([_declared(block, unit) for unit in everything.tolist()])
    if len(set(names.tolist())) <= 1:
        return [(everything, replace(block, encoding=str(name))) for name in names[:1]]
    found = [(np.flatnonzero(names == name), str(name)) for name in np.unique(names)]
    return [(units, _part(block, units, name)) for units, name in found]


def put_together(block: Block, parts: list[tuple[Array, Block]]) -> Block:
    """The block that was parted, with the encoding of every message."""
    if len(parts) == 1:
        return parts[0][1]
    encodings = np.empty(len(block), object)
    for units, part in parts:
        encodings[units] = part.encoding
    return replace(block, encodings=encodings)


def _declared(block: Block, unit: int) -> str:
    """What the header of one message says; read byte by byte, as its encoding is not known yet."""
    line = block.text_of(unit).translate(AS_LINE_FEEDS).partition(b"\n")[0]
    for encoding in (_UTF8, _GB18030):
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError:
            continue
        fields = text.split(text[3:4]) if len(text) > len("MSH") else []
        name = fields[_CHARSET].partition(fields[1][1:2] or "~")[0] if len(fields) > _CHARSET else ""
        return _NAMES.get(name.strip().upper(), _UTF8)
    return _UTF8


def _part(block: Block, units: Array, encoding: str) -> Block:
    texts = [block.text_of(unit) for unit in units.tolist()]
    ends = np.cumsum([len(text) + 1 for text in texts]) - 1
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1] + 1))
    refused = ((rule, np.searchsorted(units, rows[np.isin(rows, units)])) for rule, rows in block.refused)
    return Block(b"\n".join(texts), None, 1, starts, ends, block.lengths[units], encoding, tuple(refused))
