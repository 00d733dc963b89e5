"""Data types that every parser gives to conform: blocks of records, and segments of text columns.

A `Block` holds a number of whole logical records and their exact positions in the payload; it is what received records
are counted by, before any value is typed. A `Segment` is a block read into text columns. `records` splits bytes into
blocks; `delimited`, `json_records` and others read the columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from ingestion.contract.model import Table

Array = np.ndarray[Any, np.dtype[Any]]

Refusals = tuple[tuple[str, Array], ...]
"""Rule id and the block indices it refuses; an index may stand under several rules."""


@dataclass(frozen=True)
class Block:
    """Whole records of one payload.

    `starts` and `ends` (int64) delimit each record's text in `data`, line end excluded;
    `lengths` is the record's true length in bytes (more than the kept text for a record that
    was too long to hold). Record `i` has number `first + i` (1-based, header excluded) and
    begins at byte `base + starts[i]` of the payload, or of the unpacked archive member.
    `base` is None where a byte offset has no meaning (a document that was transcoded to be read).
    `encodings` names that of each record where not all are in `encoding`.
    """

    data: bytes
    base: int | None
    first: int
    starts: Array
    ends: Array
    lengths: Array
    encoding: str
    refused: Refusals = ()
    encodings: Array | None = None

    def __len__(self) -> int:
        return len(self.starts)

    def text_of(self, index: int) -> bytes:
        """The bytes of the record at a block index."""
        return self.data[int(self.starts[index]) : int(self.ends[index])]

    def without_first(self) -> Block:
        """The block after its first record (the header); record numbers stay as they are."""
        return replace(
            self,
            first=self.first + 1,
            starts=self.starts[1:],
            ends=self.ends[1:],
            lengths=self.lengths[1:],
            refused=tuple((rule, rows[rows > 0] - 1) for rule, rows in self.refused),
            encodings=None if self.encodings is None else self.encodings[1:],
        )

    def parts(self, most: int) -> Iterator[Block]:
        """The block as blocks of at most `most` records."""
        if len(self) <= most:
            yield self
            return
        for first in range(0, len(self), most):
            stop = min(first + most, len(self))
            low = int(self.starts[first])
            high = int(self.starts[stop]) if stop < len(self) else len(self.data)
            refused = ((rule, rows[(rows >= first) & (rows < stop)] - first) for rule, rows in self.refused)
            yield replace(
                self,
                data=self.data[low:high],
                base=None if self.base is None else self.base + low,
                first=self.first + first,
                starts=self.starts[first:stop] - low,
                ends=self.ends[first:stop] - low,
                lengths=self.lengths[first:stop],
                refused=tuple((rule, rows) for rule, rows in refused if len(rows)),
                encodings=None if self.encodings is None else self.encodings[first:stop],
            )

    def number(self, indices: Array) -> Array:
        """Record numbers of block indices."""
        return np.asarray(indices, dtype=np.int64) + self.first


@dataclass(frozen=True)
class Segment:
    """A block as text columns.

    `columns` has one VARCHAR column per source column of the contract, named as in bronze, and
    one row per readable record; `rows[j]` is the block index of row `j`. Every block index is
    either in `rows` or named by a rule of `refused`.
    """

    block: Block
    rows: Array
    columns: pa.Table
    refused: Refusals = ()


@dataclass(frozen=True)
class Source:
    """One table of a payload, which is read by calling `segments` once.

    `size_hint` is its approximate size in bytes. `required`: the table must not be missing from the payload.
    """

    table: Table
    segments: Callable[[], Iterator[Segment]]
    size_hint: int
    required: bool = True


def readable(count: int, refused: Refusals) -> Array:
    """Block indices that no rule refuses, ascending."""
    keep = np.ones(count, dtype=bool)
    for _, rows in refused:
        keep[rows] = False
    return np.flatnonzero(keep)
