"""Split a file of HL7 v2 messages into whole messages, and count the segments that are records.

This is the independent counter of received records: it works on the bytes as sent and knows line ends and the names of
segments, but no fields. In UTF-8, GB18030 and ISO 8859-1 neither a line end nor the beginning of a line is part of
another character. It holds one chunk and one unfinished message at a time. Envelopes of files and batches are checked
by `hl7_batches`; `hl7_messages` reads the fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ingestion.contract.hl7_paths import ENVELOPE, HEADER
from ingestion.parsers.blocks import Array, Block
from ingestion.parsers.hl7_batches import Batches
from ingestion.parsers.records import kept_ends, kept_head

LINE_ENDS = b"\r\n\x0b\x1c"
"""The standard's segment end is CR (2.5.2); files have LF and CR LF, and MLLP's frames are a VT, FS and CR."""
AS_LINE_FEEDS = bytes.maketrans(LINE_ENDS, b"\n" * len(LINE_ENDS))

_LF, _VT, _FS, _BLANK = 10, 0x0B, 0x1C, 0x20
_TOLD = 4
"""Bytes after which a line can be classified: the segment's name and what follows it."""
_TAIL = 8


def segment_code(name: str) -> int:
    """A segment's name as the number that `Lines.code` has."""
    return int.from_bytes(name.encode("ascii"), "big")


@dataclass(frozen=True)
class Lines:
    """The lines of a text that are not empty: `starts` and `ends` are offsets, `code` and `mark` the three bytes a line
    begins with and the one after them (LF where the line ends there).
    """

    starts: Array
    ends: Array
    code: Array
    mark: Array

    @classmethod
    def of(cls, text: bytes, *, final: bool = True, inside: bool = False) -> Lines:
        """Of a text. `final`: nothing follows it; else a last line too short to classify is left out. `inside`: the
        text begins within a line, which is left out.
        """
        padded = np.frombuffer(text.translate(AS_LINE_FEEDS) + b"\n" * _TOLD, np.uint8)
        breaks = np.flatnonzero(padded[: len(text)] == _LF)
        starts = breaks + 1 if inside else np.concatenate((np.zeros(1, np.int64), breaks + 1))
        starts = starts[padded[starts] != _LF]
        if not final:
            starts = starts[starts + _TOLD <= len(text)]
        ends = np.append(breaks, len(text))[np.searchsorted(breaks, starts)]
        head = [padded[starts + place].astype(np.int64) for place in range(_TOLD)]
        return cls(starts, ends, (head[0] << 16) | (head[1] << 8) | head[2], head[3])

    def named(self, *names: str) -> Array:
        """Which lines begin with one of these names and something that can follow it."""
        follows = (self.mark != _BLANK) & ~is_alphanumeric(self.mark)
        return np.asarray(np.isin(self.code, [segment_code(name) for name in names]) & follows)

    def __len__(self) -> int:
        return len(self.starts)


def is_alphanumeric(byte: Array) -> Array:
    """Which bytes are ASCII letters or digits."""
    letter = byte | 0x20
    return ((letter >= ord("a")) & (letter <= ord("z"))) | ((byte >= ord("0")) & (byte <= ord("9")))


class Cut(NamedTuple):
    """Whole messages. A text outside any message is a unit of the block too, and `is_message` says which is which.

    `records` counts the segments of the table in each, `has_table`: it has one of some table of the feed. The block's
    record numbers and encoding are the reader's to set.
    """

    block: Block
    is_message: Array
    records: Array
    has_table: Array


class _Long(NamedTuple):
    """A message too long to hold: where it begins in the payload, its kept beginning, where its text ends so far."""

    start: int
    head: bytes
    end: int
    is_message: bool


class MessageCutter:
    """Gives whole messages. `segment` is the table's, `tables` are the segments of all tables of the feed.

    `offset` is the position of the text in the payload. `is_open`: the last segment needs no end.
    """

    def __init__(
        self, segment: str, tables: Sequence[str], *, encoding: str, max_record_bytes: int, offset: int, is_open: bool
    ) -> None:
        self._segment = segment_code(segment)
        self._tables = [segment_code(name) for name in tables]
        self._encoding = encoding
        self._max = max_record_bytes
        self._base = offset
        self._is_open = is_open
        self._text = b""
        self._long: _Long | None = None
        self._is_inside = False
        self.batches = Batches()
        self.messages = 0

    def blocks(self, chunks: Iterable[bytes]) -> Iterator[Cut]:
        """Every message in order. Raises DeliveryRefused: `hl7_batch`."""
        for chunk in chunks:
            self._text = self._text + chunk if self._text else chunk
            yield from self._cut(final=False)
        yield from self._cut(final=True)
        self.batches.end()

    def _cut(self, *, final: bool) -> Iterator[Cut]:
        lines = Lines.of(self._text, final=final, inside=self._is_inside)
        envelope = lines.named(*ENVELOPE)
        begins = envelope | lines.named(HEADER)
        begins[1:] |= envelope[:-1]
        begins |= self._blank_before(lines) > self._max
        if self._long is not None:
            yield from self._skip(lines.starts[begins], final=final)
            return
        begins[:1] = True
        units = np.flatnonzero(begins)
        is_whole = final or (len(units) > 0 and len(self._text) - _TOLD - int(lines.ends[-1]) > self._max)
        if is_whole or len(units) > 1:
            yield from self._units(lines, envelope, units, is_whole=is_whole)
        elif not len(units):
            self._drop(max(len(self._text) - _TAIL, 0))
        if not final and self._long is None:
            self._check_length()

    def _blank_before(self, lines: Lines) -> Array:
        """Bytes between each line and the one before it: more than the longest record end the message."""
        if not len(lines):
            return np.empty(0, np.int64)
        before = len(self._text[: int(lines.starts[0])].rstrip(LINE_ENDS))
        last = before if before or self._long is None else self._long.end - self._base
        return np.asarray(lines.starts - np.append(last, lines.ends[:-1]))

    def _units(self, lines: Lines, envelope: Array, units: Array, *, is_whole: bool) -> Iterator[Cut]:
        """The messages that are whole: all, or all but the last, whose text is kept."""
        following = np.append(units[1:], len(lines))
        if not is_whole:
            units, following = units[:-1], following[:-1]
        if not len(units):
            return
        starts, ends = lines.starts[units], lines.ends[following - 1]
        is_envelope = envelope[units]
        is_message = lines.named(HEADER)[units]
        before = self.messages + np.cumsum(is_message)
        for unit in np.flatnonzero(is_envelope).tolist():
            self.batches.add(self._text[int(starts[unit]) : int(ends[unit])], int(before[unit]))
        self.messages += int(is_message.sum())
        upto = np.append(lines.starts, len(self._text))[following]
        cut_off = self._cut_off(starts, ends, np.minimum(upto, ends + self._max)) & is_message
        records, has_table = self._records(lines, units, following)
        stop = int(ends[-1])
        text, kept = self._text[:stop], ~is_envelope
        lengths = ends - starts
        long = np.flatnonzero((lengths > self._max)[kept])
        refused = [(rule, found) for rule, found in (
            ("record_too_long", long),
            ("hl7_cut_off", np.setdiff1d(np.flatnonzero(cut_off[kept]), long)),
            ("hl7_no_message", np.setdiff1d(np.flatnonzero(~is_message[kept]), long)),
        ) if len(found)]  # fmt: skip
        starts, ends, lengths = starts[kept], ends[kept], lengths[kept]
        held = kept_ends(text, starts, ends, self._max, self._encoding)
        block = Block(text, self._base, 1, starts, held, lengths, self._encoding, tuple(refused))
        is_message, records, has_table = is_message[kept], records[kept], has_table[kept]
        records[long] = 0  # like one that was never held whole
        self._drop(stop)
        if len(block):
            yield Cut(block, is_message, records, has_table)

    def _cut_off(self, starts: Array, ends: Array, upto: Array) -> Array:
        """Messages whose frame (MLLP) is never closed, and a last one whose last segment has no end."""
        view = np.frombuffer(self._text, np.uint8)
        closes = np.flatnonzero(view == _FS)
        framed = (view[np.maximum(starts - 1, 0)] == _VT) & (starts > 0)
        unclosed = framed & (np.searchsorted(closes, starts) == np.searchsorted(closes, upto))
        return np.asarray(unclosed | ((ends == len(self._text)) & (not self._is_open)))

    def _records(self, lines: Lines, units: Array, following: Array) -> tuple[Array, Array]:
        """For each unit, how many segments are the table's, and whether some are of any table."""
        low, high = int(units[0]), int(following[-1])
        unit_of = np.repeat(np.arange(len(units)), following - units)
        code, mark = lines.code[low:high], lines.mark[low:high]
        is_segment = (mark == lines.mark[units][unit_of]) | (lines.ends[low:high] - lines.starts[low:high] == _TOLD - 1)
        is_segment &= lines.named(HEADER)[units][unit_of]
        mine = unit_of[is_segment & (code == self._segment)]
        some = unit_of[is_segment & np.isin(code, self._tables)]
        return np.bincount(mine, minlength=len(units)), np.bincount(some, minlength=len(units)) > 0

    def _drop(self, length: int) -> None:
        self._text = self._text[length:]
        self._base += length

    def _check_length(self) -> None:
        """Stop holding a message that is longer than the longest record."""
        lines = Lines.of(self._text, final=False) if len(self._text) > self._max else None
        if lines is None or not len(lines) or lines.ends[-1] - lines.starts[0] <= self._max:
            return
        start = int(lines.starts[0])
        head = kept_head(self._text[start:], self._max, self._encoding)
        is_message = bool(lines.named(HEADER)[0])
        self._long = _Long(self._base + start, head, self._base + start, is_message)
        self._forget()

    def _forget(self) -> None:
        """Drop the text of a long message but for its last line, where that may be the beginning of the next one."""
        if self._long is None:
            return
        place = max(self._text.rfind(bytes((mark,))) for mark in LINE_ENDS)
        keep = len(self._text) - place if place >= 0 and len(self._text) - place <= _TOLD else 0
        content = self._text[: len(self._text) - keep].rstrip(LINE_ENDS)
        if content:
            self._long = self._long._replace(end=self._base + len(content))
        self._is_inside = keep == 0
        self._drop(len(self._text) - keep)

    def _skip(self, starts: Array, *, final: bool) -> Iterator[Cut]:
        """Skip to the next message. The one that is too long is one refused record."""
        if self._long is None or (not len(starts) and not final):
            self._forget()
            return
        stop = int(starts[0]) - 1 if len(starts) else len(self._text)
        content = self._text[: max(stop, 0)].rstrip(LINE_ENDS)
        long = self._long._replace(end=self._base + len(content)) if content else self._long
        self._drop(max(stop, 0))
        self._long, self._is_inside = None, False
        self.messages += long.is_message
        zero = np.zeros(1, np.int64)
        block = Block(
            long.head, long.start, 1, zero, zero + len(long.head), zero + long.end - long.start, self._encoding,
            (("record_too_long", zero),),
        )  # fmt: skip
        yield Cut(block, np.array([long.is_message]), zero.copy(), np.array([False]))
        if self._text:
            yield from self._cut(final=final)
