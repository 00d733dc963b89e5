"""Which records of a block hold bytes no reader can take: NUL, and bytes outside the declared encoding."""

from __future__ import annotations

import numpy as np

from ingestion.parsers.blocks import Array, Block, Refusals
from ingestion.parsers.encoding import to_utf8, undecodable


def unreadable(block: Block) -> Refusals:
    """Rules `nul_byte` and `encoding` with the records they refuse."""
    refused: Refusals = ()
    if b"\x00" in block.data:
        places = np.flatnonzero(np.frombuffer(block.data, np.uint8) == 0)
        refused += (("nul_byte", holding(block, places)),)
    if to_utf8(block.data, block.encoding) is None:
        refused += (("encoding", holding(block, undecodable(block.data, block.encoding))),)
    return tuple((rule, rows) for rule, rows in refused if len(rows))


def holding(block: Block, places: Array) -> Array:
    """Block indices of the records that hold these byte places."""
    index = np.searchsorted(block.starts, places, side="right") - 1
    inside = (index >= 0) & (places < block.ends[np.maximum(index, 0)])
    return np.unique(index[inside])
