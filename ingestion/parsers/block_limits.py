"""Limits of a block, so that memory is bounded for every payload and format: bytes, records and cells.

A limit in bytes is not enough, as a record of two bytes costs hundreds of bytes in columns, masks and offsets. A block
therefore ends where the first of three limits is reached: a number of bytes (each reader has its own), `MAX_RECORDS`
records, or `MAX_CELLS` cells of the table's columns. A reader looks at no more of its stream than that and
`READ_BYTES`. About eight blocks exist at a time (read ahead, judged, counted, waiting to be written), which makes at
most about 1 GB for any payload, beside 20 bytes for each accepted record (`conform.duplicates`).
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
"""Quotes, carriage returns, brackets and the like processed together; each costs some dozens of bytes."""

READ_BYTES = 2**18
"""Bytes read from a stream at a time."""


def max_records_per_block(columns: int, groups: int = 1) -> int:
    """The most records a block may have, for a table with this many columns.

    Where a line holds several records (`groups`, as in fixed-width files), the most lines.
    """
    return max(1, min(MAX_RECORDS, MAX_CELLS // max(columns, 1)) // groups)


def join_chunks(chunks: Iterable[bytes], size: int, limits: Mapping[int, int]) -> Iterator[bytes]:
    """Join chunks until they have `size` bytes, or one of the byte values in `limits` has occurred that often."""
    held: list[bytes] = []
    length, counts = 0, dict.fromkeys(limits, 0)
    for chunk in chunks:
        held.append(chunk)
        length += len(chunk)
        view = np.frombuffer(chunk, np.uint8)
        for byte in counts:
            counts[byte] += int(np.count_nonzero(view == byte))
        if length >= size or any(counts[byte] >= limit for byte, limit in limits.items()):
            yield b"".join(held)
            held, length, counts = [], 0, dict.fromkeys(limits, 0)
    if held:
        yield b"".join(held)


def read_chunks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """The rest of a stream in chunks of at most `size` and at most READ_BYTES bytes."""
    while chunk := stream.read(min(READ_BYTES, size)):
        yield chunk
