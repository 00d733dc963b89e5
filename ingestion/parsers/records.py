"""Split a byte stream into whole logical records, and count them.

This is the independent counter of received records: it knows line ends and quoted fields, but no columns or types. It
holds one chunk and one unfinished record at a time. It works on the original bytes, as in UTF-8, GB18030 and
Windows-1252 a line end or a quote is never part of another character. `delimited` and `json_records` read the fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from ingestion.errors import DeliveryRefused
from ingestion.parsers import block_limits
from ingestion.parsers.blocks import Array, Block, Refusals
from ingestion.parsers.encoding import without_cut_character
from ingestion.parsers.quoting import Dialect, QuotedRanges, State, complete_length, find_quoted, malformed, state_after

CHUNK = 16 * 2**20
"""Bytes processed at a time. Larger buffers are slower: the kernel allocates them anew each time."""

KEPT_TEXT = 16 * 2**10
"""Bytes kept of the text of a record that is too long."""

_LF, _CR = 10, 13
_NOTHING = np.empty(0, np.int64)
_UNQUOTED = QuotedRanges(_NOTHING, _NOTHING, False)


class RecordReader:
    """Iterates over blocks of whole records from `stream`. `offset` is the stream's position in the payload.

    A block has at most `most` records; the first record has the number `first`. The records do not depend on `chunk`,
    the number of bytes processed together.
    """

    def __init__(
        self, stream: BinaryIO, dialect: Dialect, *, offset: int = 0, first: int = 1, chunk: int | None = None,
        most: int = block_limits.MAX_RECORDS,
    ):  # fmt: skip
        limits = {_LF: most, _CR: block_limits.MAX_MARKS, dialect.delimiter: block_limits.MAX_CELLS}
        limits |= {mark: block_limits.MAX_MARKS for mark in (dialect.quote, dialect.escape) if mark is not None}
        size = chunk or CHUNK
        self._chunks = block_limits.join_chunks(block_limits.read_chunks(stream, size), size, limits)
        self._dialect = dialect
        self._most = most
        self._base = offset
        self._number = first

    def __iter__(self) -> Iterator[Block]:
        text = b""
        while True:
            more = next(self._chunks, b"")
            text = text + more if text else more
            if not text:
                return
            marks = self._quoted(text)
            stop = self._last_break(text, marks) if more else len(text)
            if not more and marks.open_at_end:
                place = marks.last_field
                self._cut(text[: self._last_break(text[:place], marks)], marks)  # counts the records before it
                raise self._unterminated(place)
            if stop:
                block = self._cut(text[:stop], marks)
                if len(block):
                    yield from block.parts(self._most)
                self._base += stop
                text = text[stop:]
            elif len(text) - text.endswith(b"\r") > self._dialect.max_record_bytes:
                block, text = self._too_long(text)
                yield block
            if not more and not text:
                return

    def _quoted(self, text: bytes, state: State | None = None) -> QuotedRanges:
        marks = [mark for mark in (self._dialect.quote, self._dialect.escape) if mark is not None]
        if not (state and state.inside) and not any(bytes((mark,)) in text for mark in marks):
            return _UNQUOTED
        return find_quoted(np.frombuffer(text, np.uint8), self._dialect, state)

    def _last_break(self, text: bytes, marks: QuotedRanges) -> int:
        """Offset just after the last line end that ends a record; 0 where there is none."""
        place = text.rfind(b"\n")
        if place < 0 or not len(marks.opens) or not bool(marks.inside(np.array([place]))[0]):
            return place + 1
        breaks = np.flatnonzero(np.frombuffer(text, np.uint8) == _LF)
        breaks = breaks[~marks.inside(breaks)]
        return int(breaks[-1]) + 1 if len(breaks) else 0

    def _cut(self, text: bytes, marks: QuotedRanges) -> Block:
        """A block of all records of `text`, which ends with a whole record. Blank lines are not records."""
        view = np.frombuffer(text, np.uint8)
        breaks = np.flatnonzero(view == _LF)
        if len(marks.opens):
            breaks = breaks[~marks.inside(breaks)]
        if text and (not len(breaks) or breaks[-1] != len(text) - 1):
            breaks = np.append(breaks, len(text))
        starts = np.concatenate((np.zeros(min(len(breaks), 1), np.int64), breaks[:-1] + 1))
        ends = breaks.astype(np.int64, copy=True)
        bare = _NOTHING
        if b"\r" in text:
            ends -= (ends > starts) & (view[np.maximum(ends - 1, 0)] == _CR)
            bare = _bare_returns(view, marks)
        filled = ends > starts
        if not filled.all():
            starts, ends = starts[filled], ends[filled]
        torn = _NOTHING if marks is _UNQUOTED else malformed(view, marks, self._dialect)
        refused = self._refusals(starts, ends, {"bare_carriage_return": bare, "malformed_quote": torn})
        kept = kept_ends(text, starts, ends, self._dialect.max_record_bytes, self._dialect.encoding)
        block = Block(text, self._base, self._number, starts, kept, ends - starts, self._dialect.encoding, refused)
        self._number += len(starts)
        return block

    def _refusals(self, starts: Array, ends: Array, places: dict[str, Array]) -> Refusals:
        """Records that are too long, and those of the others that contain an offset at which a rule is broken."""
        refused = []
        long = np.flatnonzero(ends - starts > self._dialect.max_record_bytes)
        if len(long):
            refused.append(("record_too_long", long))
        for rule, found in places.items():
            hit = np.unique(np.searchsorted(starts, found, side="right") - 1)
            hit = np.setdiff1d(hit[hit >= 0], long, assume_unique=True)
            if len(hit):
                refused.append((rule, hit))
        return tuple(refused)

    def _too_long(self, text: bytes) -> tuple[Block, bytes]:
        """Skip to the end of a record longer than `max_record_bytes`, which counts as one refused record.

        Returns its block, and the text after it.
        """
        head, state, more = kept_head(text, self._dialect.max_record_bytes, self._dialect.encoding), State(), text
        length, opened, stop, ended_by_cr = 0, 0, 0, False
        held = b""
        while more or held:
            text = held + more
            part = complete_length(text, self._dialect) if more else len(text)
            text, held = text[:part], text[part:]
            more = b""
            if text:
                view, marks = np.frombuffer(text, np.uint8), self._quoted(text, state)
                opened = length + marks.last_field if marks.last_field >= 0 else opened
                stop = self._first_break(text, marks)
                if stop:
                    ended_by_cr = text[stop - 2] == _CR if stop > 1 else ended_by_cr
                    length += stop - 1
                    break
                length += len(text)
                state, ended_by_cr = state_after(view, marks, self._dialect), text[-1] == _CR
            more = next(self._chunks, b"")
        if not stop and state.inside:
            raise self._unterminated(opened)
        zero = np.zeros(1, np.int64)
        block = Block(
            head, self._base, self._number, zero, zero + len(head), zero + length - ended_by_cr,
            self._dialect.encoding, (("record_too_long", zero),),
        )  # fmt: skip
        self._number += 1
        self._base += length + 1
        return block, (text[stop:] + held if stop else b"")

    def _first_break(self, text: bytes, marks: QuotedRanges) -> int:
        breaks = np.flatnonzero(np.frombuffer(text, np.uint8) == _LF)
        if len(marks.opens):
            breaks = breaks[~marks.inside(breaks)]
        return int(breaks[0]) + 1 if len(breaks) else 0

    def _unterminated(self, place: int) -> DeliveryRefused:
        return DeliveryRefused(
            f"a quoted field that begins at byte {self._base + place} (record {self._number}) is never "
            "closed; everything from there on would be read as one value",
            rule="unterminated_quote",
            next_step="the department closes the quote, or doubles a quote that belongs to the text, and sends again",
        )


def kept_head(text: bytes, max_record_bytes: int, encoding: str) -> bytes:
    """The kept beginning of a record that is longer than `max_record_bytes`; `text` is at least that much of it."""
    return without_cut_character(text[: min(KEPT_TEXT, max_record_bytes)], encoding)


def kept_ends(text: bytes, starts: Array, ends: Array, max_record_bytes: int, encoding: str) -> Array:
    """Offset at which the kept text of each record ends: before the record's end where it is too long."""
    long = np.flatnonzero(ends - starts > max_record_bytes)
    if not len(long):
        return ends
    ends = ends.copy()
    for row in long.tolist():  # each is longer than what a block holds many of
        start = int(starts[row])
        ends[row] = start + len(kept_head(text[start : start + max_record_bytes + 1], max_record_bytes, encoding))
    return ends


def _bare_returns(view: Array, marks: QuotedRanges) -> Array:
    """Offsets of carriage returns outside quotes that are neither part of CR LF nor the last byte."""
    returns = np.flatnonzero(view[:-1] == _CR)
    bare = returns[view[returns + 1] != _LF]
    if len(bare) and len(marks.opens):
        bare = bare[~marks.inside(bare)]
    return np.asarray(bare)
