"""Strip blanks (`ingestion.values.blanks`) from the values of an Arrow text column, set-based.

Most values have none. So the first and last bytes are tested first, and only values that may begin or end with a blank
are processed as text.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.parsers.blocks import Array
from ingestion.values.blanks import BLANKS

_SPACE, _NOT_ASCII = 0x20, 0x80
_SHIFT = 8


def _table(bytes_: set[int]) -> Array:
    found = np.zeros(256, dtype=bool)
    found[sorted(bytes_)] = True
    return found


_FIRST = _table({blank.encode()[0] for blank in BLANKS})
_LAST = _table({blank.encode()[-1] for blank in BLANKS})
_WIDE_ENDS = np.array(sorted(int.from_bytes(blank.encode()[-3:], "big") for blank in BLANKS if len(blank.encode()) > 1))
_ONE_BYTE = _table({ord(blank) for blank in BLANKS if ord(blank) < _NOT_ASCII})


class Stripped(NamedTuple):
    """`text`: the column without surrounding blanks; `changed`: indices of the rows that had some, or are empty."""

    text: pa.Array
    changed: Array


def stripped(column: pa.ChunkedArray | pa.Array) -> Stripped:
    """The column with every value stripped. NULL stays NULL."""
    text = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(text, pa.ChunkedArray):  # beyond 2 GB
        text = pa.concat_arrays(text.cast(pa.large_string()).chunks)
    if not (pa.types.is_string(text.type) or pa.types.is_large_string(text.type)):
        text = text.cast(pa.large_string())
    rows = _candidates(text)
    if not len(rows):
        return Stripped(text, rows)
    before = text.take(pa.array(rows))
    after = pc.utf8_trim(before, characters=BLANKS)
    differs = np.asarray(pc.fill_null(pc.or_(pc.not_equal(before, after), pc.equal(after, "")), False), dtype=bool)
    rows = rows[differs]
    if len(rows):
        mask = np.zeros(len(text), dtype=bool)
        mask[rows] = True
        text = pc.replace_with_mask(text, pa.array(mask), after.filter(pa.array(differs)))
    return Stripped(text, rows)


def _candidates(text: pa.Array) -> Array:
    """Rows that may begin or end with a blank, or are empty."""
    _, offsets, data = text.buffers()
    if not len(text) or offsets is None:
        return np.empty(0, np.int64)
    width = np.int64 if pa.types.is_large_string(text.type) else np.int32
    limits = np.frombuffer(offsets, width)[text.offset : text.offset + len(text) + 1]
    begins, ends = limits[:-1], limits[1:]
    empty = np.flatnonzero(begins == ends)
    if text.null_count and len(empty):
        empty = empty[np.asarray(text.take(pa.array(empty)).is_valid(), dtype=bool)]
    view = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    used = view[int(limits[0]) : int(limits[-1])]
    if not len(used) or (used.min() > _SPACE and used.max() < _NOT_ASCII):
        return empty
    if len(empty):
        return np.union1d(empty, _bordered(view, begins, ends))
    return _bordered(view, begins, ends)


def _bordered(view: Array, begins: Array, ends: Array) -> Array:
    """Rows whose first or last character may be a blank; an empty text reads its neighbours, which does no harm."""
    last = np.maximum(ends - 1, 0)
    head = _FIRST[view[np.minimum(begins, len(view) - 1)]]
    tail = _LAST[view[last]]
    wide = np.flatnonzero(tail & ~head)
    if len(wide):
        place = last[wide].astype(np.int64)
        low = view[place]
        number = low.astype(np.int64)
        number |= view[np.maximum(place - 1, 0)].astype(np.int64) << _SHIFT
        two = np.isin(number, _WIDE_ENDS)
        number |= view[np.maximum(place - 2, 0)].astype(np.int64) << (2 * _SHIFT)
        tail[wide] = _ONE_BYTE[low] | two | np.isin(number, _WIDE_ENDS)
    return np.flatnonzero(head | tail)
