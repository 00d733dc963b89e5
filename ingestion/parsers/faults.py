"""Find the records of a block that contain NUL bytes or bytes outside the declared encoding.

Records that are too long are not examined, because how much of their text a block holds varies.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ingestion.parsers.blocks import Array, Block, Refusals
from ingestion.parsers.encoding import to_utf8, undecodable

_NONE = np.empty(0, np.int64)
_WINDOW = 2**20
"""Bytes examined together, since each offset found costs eight bytes and some masks."""


def unreadable(block: Block) -> Refusals:
    """The records (block indices) refused by the rules `nul_byte` and `encoding`."""
    found: dict[str, list[Array]] = {}
    if b"\x00" in block.data:
        found["nul_byte"] = [
            _holding(block, low + np.flatnonzero(np.frombuffer(data, np.uint8) == 0)) for low, data in _windows(block)
        ]
    if to_utf8(block.data, block.encoding) is None:
        found["encoding"] = [
            _holding(block, low + undecodable(data, block.encoding))
            for low, data in _windows(block)
            if to_utf8(data, block.encoding) is None
        ]
    long = np.concatenate([_NONE, *(rows for rule, rows in block.refused if rule == "record_too_long")])
    by_rule = {rule: np.setdiff1d(np.concatenate([_NONE, *parts]), long) for rule, parts in found.items()}
    return tuple((rule, rows) for rule, rows in by_rule.items() if len(rows))


def _windows(block: Block) -> Iterator[tuple[int, bytes]]:
    """Consecutive whole records of about _WINDOW bytes: (offset in the block, bytes)."""
    first = 0
    while first < len(block):
        low = int(block.starts[first])
        stop = max(int(np.searchsorted(block.ends, low + _WINDOW, side="right")), first + 1)
        yield low, block.data[low : int(block.ends[stop - 1])]
        first = stop


def _holding(block: Block, places: Array) -> Array:
    """Block indices of the records that contain the bytes at these offsets."""
    index = np.searchsorted(block.starts, places, side="right") - 1
    inside = (index >= 0) & (places < block.ends[np.maximum(index, 0)])
    index = index[inside]
    return index[np.append(True, index[1:] != index[:-1])] if len(index) else index
