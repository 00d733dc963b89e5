"""In which encoding HL7 messages are, by the contract or by what each says itself (MSH-18, HL7 table 0211)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract.health_formats import Hl7Format
from ingestion.parsers.blocks import Array, Block
from ingestion.parsers.hl7_cut import AS_LINE_FEEDS, Cut

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


def of_contract(spec: Hl7Format) -> str:
    """The encoding by which messages are cut; where each declares its own, UTF-8 until that is known."""
    return _UTF8 if spec.encoding == "declared" else spec.encoding


def contradicts(charsets: pa.Array, spec: Hl7Format) -> Array:
    """Which of these values of MSH-18 say another encoding than the contract, or one that is not known."""
    allowed = [name for name, one in _NAMES.items() if {spec.encoding} <= {"declared", one}]
    found = pc.utf8_upper(pc.utf8_trim_whitespace(pc.fill_null(charsets, "")))
    return ~np.asarray(pc.is_in(found, pa.array([*_ANY, *allowed])), dtype=bool)


def by_encoding(cut: Cut, spec: Hl7Format) -> Iterator[Cut]:
    """The messages in runs of one encoding."""
    if spec.encoding != "declared" or cut.block.data.isascii():
        yield cut
        return
    names = np.array([_declared(cut.block, unit) for unit in range(len(cut.block))])
    edges = np.flatnonzero(names[1:] != names[:-1]) + 1
    for low, high in zip([0, *edges.tolist()], [*edges.tolist(), len(names)], strict=True):
        yield _part(cut, low, high, str(names[low]))


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


def _part(cut: Cut, low: int, high: int, encoding: str) -> Cut:
    block = cut.block
    start, stop = int(block.starts[low]), int(block.ends[high - 1])
    part = replace(
        block,
        data=block.data[start:stop],
        base=None if block.base is None else block.base + start,
        starts=block.starts[low:high] - start,
        ends=block.ends[low:high] - start,
        lengths=block.lengths[low:high],
        encoding=encoding,
        refused=tuple((rule, rows[(rows >= low) & (rows < high)] - low) for rule, rows in block.refused),
    )
    return Cut(part, cut.is_message[low:high], cut.records[low:high], cut.has_table[low:high])
