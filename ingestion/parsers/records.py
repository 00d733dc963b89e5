"""Cuts a byte stream into whole logical records, and by that counts them.

This is the independent counter of `received`: it knows line ends and quoted fields, nothing of
columns or types. It holds one chunk and one unfinished record at a time. It works on the
original bytes: in UTF-8, GB18030 and Windows-1252 a line end or a quote is never part of another
character. Reading fields is left to `delimited` and `json_records`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from ingestion.errors import DeliveryRefused
from ingestion.parsers.blocks import Array, Block, Refusals
from ingestion.parsers.encoding import whole_characters
from ingestion.parsers.quoting import Quoted, quoted

CHUNK = 16 * 2**20
"""Bytes read at a time. Larger buffers come fresh from the kernel each time and cost more to touch than to scan."""

KEPT_TEXT = 16 * 2**10
"""Bytes of text kept of a record that is too long to be read."""

_LF, _CR = 10, 13
_NOTHING = np.empty(0, np.int64)
_UNQUOTED = Quoted(_NOTHING, _NOTHING, False)


@dataclass(frozen=True)
class Dialect:
    """What the cutter must know: `quote` and `delimiter` as one byte each (quote None: no quoting)."""

    encoding: str
    quote: int | None
    delimiter: int
    max_record_bytes: int


class RecordReader:
    """Blocks of whole records from `stream`, in order. `offset` is where the stream begins in the payload."""

    def __init__(
        self, stream: BinaryIO, dialect: Dialect, *, offset: int = 0, first: int = 1, chunk: int | None = None
    ):
        self._stream = stream
        self._dialect = dialect
        self._chunk = chunk or CHUNK
        self._base = offset
        self._number = first

    def __iter__(self) -> Iterator[Block]:
        text = b""
        while True:
            more = self._stream.read(self._chunk)
            text = text + more if text else more
            if not text:
                return
            marks = self._quoted(text)
            stop = self._last_break(text, marks) if more else len(text)
            if not more and marks.open_at_end:
                place = int(marks.opens[-1])
                self._cut(text[: self._last_break(text[:place], marks)], marks)  # counts the records before it
                raise self._unterminated(place)
            if stop:
                block = self._cut(text[:stop], marks)
                if len(block):
                    yield block
                self._base += stop
                text = text[stop:]
            elif len(text) > self._dialect.max_record_bytes:
                block, text = self._too_long(text, marks)
                yield block
            if not more and not text:
                return

    def _quoted(self, text: bytes, *, inside: bool = False, before: int = _LF) -> Quoted:
        quote = self._dialect.quote
        if quote is None or not (inside or bytes((quote,)) in text):
            return _UNQUOTED
        view = np.frombuffer(text, np.uint8)
        return quoted(view, quote, self._dialect.delimiter, self._dialect.encoding, inside=inside, before=before)

    def _last_break(self, text: bytes, marks: Quoted) -> int:
        """Just after the last line end that ends a record; 0 when there is none."""
        place = text.rfind(b"\n")
        while place >= 0 and len(marks.opens) and bool(marks.inside(np.array([place]))[0]):
            opened = int(marks.opens[np.searchsorted(marks.opens, place) - 1])
            place = text.rfind(b"\n", 0, max(opened, 0))
        return place + 1

    def _cut(self, text: bytes, marks: Quoted) -> Block:
        """Every record of `text`, which ends with a whole record. Blank lines are no records."""
        view = np.frombuffer(text, np.uint8)
        breaks = np.flatnonzero(view == _LF)
        newline_in_quotes = False
        if len(marks.opens):
            inner = marks.inside(breaks)
            newline_in_quotes = bool(inner.any())
            breaks = breaks[~inner] if newline_in_quotes else breaks
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
        refused = self._refusals(starts, ends, bare)
        block = Block(
            text, self._base, self._number, starts, ends, ends - starts, self._dialect.encoding, refused,
            newline_in_quotes,
        )  # fmt: skip
        self._number += len(starts)
        return block

    def _refusals(self, starts: Array, ends: Array, bare: Array) -> Refusals:
        refused = []
        long = np.flatnonzero(ends - starts > self._dialect.max_record_bytes)
        if len(long):
            refused.append(("record_too_long", long))
        if len(bare):
            hit = np.unique(np.searchsorted(starts, bare, side="right") - 1)
            hit = hit[(hit >= 0)]
            refused.append(("bare_carriage_return", hit))
        return tuple(refused)

    def _too_long(self, text: bytes, marks: Quoted) -> tuple[Block, bytes]:
        """Skip to the end of a record longer than memory allows; it counts as one refused record."""
        head, length, opened = text[:KEPT_TEXT], len(text), int(marks.opens[-1]) if marks.open_at_end else 0
        inside, before, rest = marks.open_at_end, text[-1], b""
        while more := self._stream.read(self._chunk):
            while more.endswith(bytes((self._dialect.quote or 0,))) and (tail := self._stream.read(1)):
                more += tail  # a quote at the very end cannot be read without what follows it
            marks = self._quoted(more, inside=inside, before=before)
            stop = self._first_break(more, marks)
            if stop:
                length += stop - 1
                rest = more[stop:]
                inside = False
                break
            opened = length + int(marks.opens[-1]) if marks.open_at_end and marks.opens[-1] >= 0 else opened
            length += len(more)
            inside, before = marks.open_at_end, more[-1]
        if inside:
            raise self._unterminated(opened)
        zero = np.zeros(1, np.int64)
        head = whole_characters(head, self._dialect.encoding)
        block = Block(
            head, self._base, self._number, zero, zero + len(head), zero + length, self._dialect.encoding,
            (("record_too_long", zero),),
        )  # fmt: skip
        self._number += 1
        self._base += length + 1
        return block, rest

    def _first_break(self, text: bytes, marks: Quoted) -> int:
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


def _bare_returns(view: Array, marks: Quoted) -> Array:
    """Carriage returns outside quotes that are not part of CR LF nor the last byte."""
    returns = np.flatnonzero(view[:-1] == _CR)
    bare = returns[view[returns + 1] != _LF]
    if len(bare) and len(marks.opens):
        bare = bare[~marks.inside(bare)]
    return np.asarray(bare)
