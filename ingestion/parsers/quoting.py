"""Find quoted fields in delimited text, and quotes that readers interpret differently.

A quote opens a field only at the beginning of the field (RFC 4180, 2.5 and 2.6). Anywhere else in an unquoted field it
is an ordinary character, as in Python's csv module and pyarrow. In a quoted field two quotes stand for one. Where the
contract declares an escape character, it makes a following quote, delimiter or escape character ordinary, in quoted
fields and outside; before any other character it is itself ordinary. It never hides a line end outside quotes.

`malformed` finds the text that readers interpret differently, which refuses its record (rule `malformed_quote`): a
closing quote not followed by a delimiter or line end (`"abc"def`, `"a" ,b`), a quote after blanks at the beginning of a
field (`a, "b"`), and an escape character at a line end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ingestion.parsers.blocks import Array
from ingestion.values.blanks import BLANKS

_LF, _CR = 10, 13
_FIRST_LEAD, _FIRST_TRAIL = 0x81, 0x40
"""GB18030: lowest first byte of a multi-byte character, and lowest second byte, which may look like ASCII."""
_BLANK_BYTES = np.array([byte in b"\t\v\f " or not chr(byte).isascii() for byte in range(256)])
"""Mask of the bytes a blank character may begin with, in any encoding."""
_NOTHING = np.empty(0, np.int64)


@dataclass(frozen=True)
class Dialect:
    """How the text is delimited: `quote`, `delimiter` and `escape` as byte values (None: there is none)."""

    encoding: str
    quote: int | None
    delimiter: int
    max_record_bytes: int
    escape: int | None = None


class State(NamedTuple):
    """Parser state at the beginning of a text that begins within a record.

    `inside`: in a quoted field; `opens`: a quote here would open a field; `closed`: the previous byte is a quote that
    closed a field, unless another quote follows.
    """

    inside: bool = False
    opens: bool = True
    closed: bool = False


class QuotedRanges(NamedTuple):
    """Quoted ranges `[opens[i], closes[i]]` of a text; `open_at_end` where the last one is not closed in it.

    A range that began before this text opens at -1. A doubled quote may end one range and begin the next. `stray`:
    offsets of quotes that are ordinary characters; `active`: mask of the bytes that act as escapes (None: no byte).
    """

    opens: Array
    closes: Array
    open_at_end: bool
    stray: Array = _NOTHING
    active: Array | None = None

    def inside(self, positions: Array) -> Array:
        """Mask of the positions that lie within a quoted range."""
        opened = np.searchsorted(self.opens, positions, side="left")
        closed = np.searchsorted(self.closes, positions, side="left")
        return np.asarray(opened > closed)

    def escaped(self, positions: Array) -> Array:
        """Mask of the positions that follow an escape."""
        if self.active is None:
            return np.zeros(len(positions), bool)
        return np.asarray(self.active[np.maximum(positions - 1, 0)] & (positions > 0))

    def separating(self, text: Array, places: Array, dialect: Dialect) -> Array:
        """Those `places` (offsets of the delimiter's byte in `text`) at which it really separates two fields."""
        if dialect.encoding == "gb18030" and dialect.delimiter >= _FIRST_TRAIL:
            places = places[~is_second_byte(text, places)]
        if self.active is not None:
            places = places[~self.escaped(places)]
        return places[~self.inside(places)] if len(self.opens) else places

    @property
    def last_field(self) -> int:
        """Offset at which the last quoted field begins; -1 where there is none, or it began before this text."""
        if not len(self.opens):
            return -1
        begins = np.ones(len(self.opens), bool)
        begins[1:] = self.opens[1:] != self.closes[: len(self.opens) - 1] + 1
        return int(self.opens[np.flatnonzero(begins)[-1]])


def find_quoted(text: Array, dialect: Dialect, state: State | None = None) -> QuotedRanges:
    """The quoted ranges of `text` (uint8), which begins in `state` (default: at the beginning of a record)."""
    state = state or State()
    active = _active(text, dialect)
    unread = QuotedRanges(_NOTHING, _NOTHING, False, active=active)
    quotes = _NOTHING if dialect.quote is None else np.flatnonzero(text == dialect.quote)
    quotes = quotes[~unread.escaped(quotes)] if active is not None else quotes
    inside = state.inside
    if state.closed and len(quotes) and quotes[0] == 0:
        quotes, inside = quotes[1:], True  # the second of a pair
    previous = text[quotes - 1] if len(quotes) else np.empty(0, np.uint8)
    delimited = previous == dialect.delimiter
    if active is not None or (dialect.encoding == "gb18030" and dialect.delimiter >= _FIRST_TRAIL):
        before = np.maximum(quotes - 1, 0)
        delimited &= ~unread.escaped(before)
        delimited &= ~is_second_byte(text, before) if dialect.encoding == "gb18030" else True
    may_open = delimited | (previous == _LF) | (previous == _CR)
    if len(quotes) and quotes[0] == 0:
        may_open[0] = state.opens
    follows = np.zeros(len(quotes), bool)
    follows[1:] = quotes[1:] == quotes[:-1] + 1
    opening = slice(1 if inside else 0, None, 2)
    if bool(np.all(may_open[opening] | follows[opening])):
        return _alternating(quotes, inside)._replace(active=active)
    return _stepwise(quotes, may_open, inside)._replace(active=active)


def state_after(text: Array, marks: QuotedRanges, dialect: Dialect) -> State:
    """The state after `text`, which must not be empty and must have been cut at `complete_length`."""
    last = np.array([len(text) - 1])
    closed = not marks.open_at_end and len(marks.closes) > 0 and int(marks.closes[-1]) == len(text) - 1
    parted = text[-1] == dialect.delimiter and len(marks.separating(text, last, dialect)) > 0
    return State(marks.open_at_end, parted or int(text[-1]) in (_LF, _CR), closed)


def complete_length(text: bytes, dialect: Dialect) -> int:
    """Length of the text without an incomplete character, or an escape whose next byte is missing, at its end."""
    tail = np.frombuffer(text, np.uint8)
    if dialect.encoding == "gb18030" and len(tail) and bool(is_second_byte(tail, np.array([len(tail)]))[0]):
        tail = tail[:-1]
    active = _active(tail, dialect)
    return len(tail) - 1 if active is not None and bool(active[-1]) else len(tail)


def malformed(text: Array, marks: QuotedRanges, dialect: Dialect) -> Array:
    """Offsets of quotes and escapes that readers interpret differently; `text` must end with a whole record."""
    closes = marks.closes[marks.closes < len(text) - 1]
    after = text[closes + 1]
    ended = (after == dialect.delimiter) | (after == _LF) | (after == _CR)
    if not ended.all():
        opens = marks.opens[1 : len(closes) + 1]
        ended[: len(opens)] |= opens == closes[: len(opens)] + 1
    found = [closes[~ended]]
    stray = marks.stray[marks.stray < len(text)]
    if len(stray):
        found.append(_after_blanks(text, stray, marks, dialect))
    if marks.active is not None:
        escapes = np.flatnonzero(marks.active[: len(text)])
        following = text[np.minimum(escapes + 1, len(text) - 1)]
        last = (following == _LF) | (following == _CR) | (escapes == len(text) - 1)
        hidden = escapes[last]
        found.append(hidden[~marks.inside(hidden)])
    return np.concatenate(found)


def with_literal_escapes(text: bytes, dialect: Dialect) -> bytes:
    """UTF-8 `text` with every escape that is an ordinary character doubled, for readers that would drop it."""
    view = np.frombuffer(text, np.uint8)
    active = _active(view, dialect, ascii_based=True)
    if active is None:
        return text
    special = np.array([b for b in (dialect.quote, dialect.delimiter, dialect.escape) if b is not None], np.uint8)
    following = np.append(view[1:], np.uint8(0))
    return np.repeat(view, 1 + (active & ~np.isin(following, special))).tobytes()


def is_second_byte(text: Array, places: Array) -> Array:
    """Mask of the offsets at which the second byte of a two-byte GB18030 character stands.

    That is the case where an odd number of bytes ≥ 0x81 precedes it directly.
    """
    low = np.flatnonzero(text < _FIRST_LEAD)
    before = np.searchsorted(low, places) - 1
    last_low = np.where(before >= 0, low[np.maximum(before, 0)], -1) if len(low) else np.full(len(places), -1)
    return np.asarray((places - last_low - 1) % 2 == 1)


def _active(text: Array, dialect: Dialect, *, ascii_based: bool = False) -> Array | None:
    """Mask of the escape bytes that act on the next byte: the odd ones of each run of escapes; None where none is."""
    if dialect.escape is None:
        return None
    escapes = np.flatnonzero(text == dialect.escape)
    if dialect.encoding == "gb18030" and dialect.escape >= _FIRST_TRAIL and not ascii_based:
        escapes = escapes[~is_second_byte(text, escapes)]
    if not len(escapes):
        return None
    begins = np.ones(len(escapes), bool)
    begins[1:] = escapes[1:] != escapes[:-1] + 1
    run = escapes[np.maximum.accumulate(np.where(begins, np.arange(len(escapes)), 0))]
    active = np.zeros(len(text), bool)
    active[escapes[(escapes - run) % 2 == 0]] = True
    return active


def _alternating(quotes: Array, inside: bool) -> QuotedRanges:
    """Ranges of text without stray quotes: quotes open and close in turn (a doubled quote closes and opens again)."""
    if inside:
        quotes = np.concatenate((np.array([-1], dtype=quotes.dtype), quotes))
    opens, closes = quotes[0::2], quotes[1::2]
    return QuotedRanges(opens, closes, len(opens) > len(closes))


def _stepwise(quotes: Array, may_open: Array, inside: bool) -> QuotedRanges:
    """Ranges of text with stray quotes: a loop over the quotes, since the meaning of each depends on the one before.

    It runs only for text that has a stray quote; a set-based form would need a scan operator.
    """
    opens, closes, stray = ([-1] if inside else []), [], []
    places, openable = quotes.tolist(), may_open.tolist()
    index = 0
    while index < len(places):
        if not inside:
            if openable[index]:
                inside = True
                opens.append(places[index])
            else:
                stray.append(places[index])
        elif index + 1 < len(places) and places[index + 1] == places[index] + 1:
            index += 1
        else:
            inside = False
            closes.append(places[index])
        index += 1
    found = (np.array(places, dtype=np.int64) for places in (opens, closes, stray))
    opened, closed, strays = found
    return QuotedRanges(opened, closed, inside, strays)


def _after_blanks(text: Array, stray: Array, marks: QuotedRanges, dialect: Dialect) -> Array:
    """Offsets of the stray quotes that are the first character of their field apart from blanks."""
    ends = np.flatnonzero((text == _LF) | (text == _CR))
    ends = ends[~marks.inside(ends)]
    parts = np.union1d(marks.separating(text, np.flatnonzero(text == dialect.delimiter), dialect), ends)
    index = np.searchsorted(parts, stray) - 1
    begins = np.where(index >= 0, parts[np.maximum(index, 0)] + 1, 0) if len(parts) else np.zeros(len(stray), np.int64)
    begins, first = np.unique(begins, return_index=True)
    stray = stray[first]
    near = (begins < stray) & _BLANK_BYTES[text[begins]]
    begins, stray = begins[near], stray[near]
    heads = (text[a:b].tobytes().decode(dialect.encoding, "replace") for a, b in zip(begins, stray, strict=True))
    return np.asarray(stray[np.fromiter((not head.strip(BLANKS) for head in heads), bool, len(stray))])
