"""Extract fields at fixed positions from many records at once, as Arrow strings.

Positions count bytes of the encoding or characters. In both cases the text is an array of units (bytes or code
points), so that one numpy indexing operation extracts a field from all records. Characters that a field boundary would
cut in two are detected (`split`).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract.table_formats import FixedField
from ingestion.parsers.blank_cells import stripped
from ingestion.parsers.blocks import Array, Block
from ingestion.parsers.encoding import to_utf8, undecodable
from ingestion.parsers.text import strings

_BLANK, _LF = 32, 10
_AT_ONCE = 2**20
"""Units extracted together; each takes eight bytes of index."""


class Positions:
    """Text of the records `rows` (block indices) of a block, which must be valid in the block's encoding.

    `starts` and `ends` (int64) delimit each record, in units.
    """

    def __init__(self, block: Block, rows: Array, *, characters: bool) -> None:
        self._encoding = block.encoding
        self._plain = block.data.isascii()
        self._characters = characters and not self._plain
        if not self._characters:
            self._units: Array = np.frombuffer(block.data, np.uint8)
            self.starts, self.ends = block.starts[rows], block.ends[rows]
            return
        lines = strings(block, rows)
        text = "".join(lines.to_pylist()) if len(lines) else ""  # one copy of a block, not a loop over its rows
        self._units = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        lengths = np.asarray(pc.utf8_length(lines), dtype=np.int64)
        self.ends = np.cumsum(lengths)
        self.starts = self.ends - lengths

    @property
    def lengths(self) -> Array:
        """Length of each record in units."""
        return np.asarray(self.ends - self.starts)

    def split(self, cuts: Iterable[int]) -> Array:
        """Indices of the records in which a cut before one of these positions (from 0) falls within a character."""
        places = sorted({0, *cuts})
        if self._plain or self._characters or not len(self.starts):
            return np.empty(0, np.int64)
        # A line feed is inserted at each cut: a character that it splits becomes undecodable.
        found, first = [], 0
        while first < len(self.starts):
            few = slice(first, first + max(1, int(_AT_ONCE // max(places[-1] + 1, self.lengths[first:].max()))))
            ends = [*places[1:], max(int(self.lengths[few].max()), places[-1])]
            cuts_of = zip(places, ends, strict=True)
            joined = np.hstack([self._cells(self.starts[few] + a, self.ends[few], b - a) for a, b in cuts_of])
            found.append(first + np.unique(undecodable(joined.tobytes(), self._encoding) // joined.shape[1]))
            first = few.stop
        return np.concatenate(found)

    def field(self, field: FixedField, rows: Array | None = None, base: Array | int = 0) -> pa.Array:
        """One field of every record, or of `rows` (indices, may repeat), shifted by `base` units.

        Positions beyond a record's end read as spaces.
        """
        starts, ends = (self.starts, self.ends) if rows is None else (self.starts[rows], self.ends[rows])
        begins = starts + base + (field.start - 1)
        found = self._tail(begins, ends) if field.width is None else self._fixed(begins, ends, field.width)
        if field.blanks == "trim":
            return stripped(found).text
        return found

    def _fixed(self, begins: Array, ends: Array, width: int) -> pa.Array:
        cells = self._cells(begins, ends, width)
        if self._plain:
            offsets = np.arange(len(begins) + 1, dtype=np.int64) * width
            return _array(np.ascontiguousarray(cells[:, :width]).tobytes(), offsets)
        return _lines(self._decoded(cells.tobytes()))

    def _tail(self, begins: Array, ends: Array) -> pa.Array:
        lengths = np.maximum(ends - begins, 0)
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
        units = self._units[np.repeat(begins - offsets[:-1], lengths) + np.arange(offsets[-1])]
        data = units.tobytes()
        if self._plain:
            return _array(data, offsets)
        size = units.itemsize
        codec = "utf-32-le" if self._characters else self._encoding
        return pa.array([data[a * size : b * size].decode(codec) for a, b in pairwise(offsets.tolist())], pa.string())

    def _cells(self, begins: Array, ends: Array, width: int) -> Array:
        """Array (records x width + 1): `width` units of each record and a line feed, which no field can contain."""
        found = np.empty((len(begins), width + 1), self._units.dtype)
        few = max(1, _AT_ONCE // (width + 1))
        for first in range(0, len(begins), few):
            part = slice(first, first + few)
            places = begins[part, None] + np.arange(width + 1)
            cells = self._units[np.minimum(places, max(len(self._units) - 1, 0))]
            cells[places >= ends[part, None]] = _BLANK
            found[part] = cells
        found[:, width] = _LF
        return found

    def _decoded(self, data: bytes) -> bytes:
        if self._characters:
            return data.decode("utf-32-le").encode("utf-8")
        text = to_utf8(data, self._encoding)
        if text is None:
            raise UnicodeError("a field was cut within a character: `split` was not asked")
        return text


def _lines(data: bytes) -> pa.Array:
    """The lines of UTF-8 text as strings, without their line feeds."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _LF) + 1
    return pc.utf8_rtrim(_array(data, np.concatenate((np.zeros(1, np.int64), ends))), characters="\n")


def _array(data: bytes, offsets: Array) -> pa.Array:
    large = pa.LargeStringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets.astype(np.int64)), pa.py_buffer(data)
    )
    return large.cast(pa.string())
