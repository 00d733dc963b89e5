"""How much of a payload is held at a time: bounds in bytes, in records and in cells, for every format.

Bytes alone are no bound: a record of two bytes costs hundreds in columns, masks and places. So a block is cut where
the first of three limits is met: a number of bytes (each reader's own), `MAX_RECORDS` records, or `MAX_CELLS` cells
of the table's columns. A reader looks at no more than one such stretch of its stream, and one `PIECE` beyond, so
what cutting costs is bounded as well. About eight blocks are alive at a time: being read, read ahead, judged, counted,
waiting to be written. That makes at most about 1 GB for any payload, beside 20 bytes for each accepted record
(`conform.duplicates`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO

import numpy as np

MAX_RECORDS = 2**18
"""Records of one block."""

MAX_CELLS = 2**22
"""Records of one block times the columns they are read into."""

MAX_MARKS = 2**21
"""Quotes, carriage returns, brackets and the like looked at together; each costs some dozens of bytes."""

PIECE = 2**18
"""Bytes read, and weighed, at a time."""


def records_at_once(columns: int, groups: int = 1) -> int:
    """Records (lines, where each holds `groups` records) that one block of a table with so many columns may have."""
    return max(1, min(MAX_RECORDS, MAX_CELLS // max(columns, 1)) // groups)


def stretches(pieces: Iterable[bytes], size: int, limits: Mapping[int, int]) -> Iterator[bytes]:
    """Pieces joined up to `size` bytes, or until one of the byte values of `limits` was met that often."""
    held: list[bytes] = []
    length, met = 0, dict.fromkeys(limits, 0)
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        view = np.frombuffer(piece, np.uint8)
        for byte in met:
            met[byte] += int(np.count_nonzero(view == byte))
        if length >= size or any(met[byte] >= most for byte, most in limits.items()):
            yield b"".join(held)
            held, length, met = [], 0, dict.fromkeys(limits, 0)
    if held:
        yield b"".join(held)


def pieces_of(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """The rest of a stream in pieces that are at most `size` bytes long."""
    while piece := stream.read(min(PIECE, size)):
        yield piece
