"""Where quoted fields begin and end in a run of delimited text, and which quotes no two readers read alike.

A quote opens a field only right after a delimiter, a line end or the start (RFC 4180 §2.5, §2.6); anywhere else in an
unquoted field it is an ordinary character, as Python's csv module and pyarrow have it. Inside a quoted field two
quotes are one. Where the contract declares an escape, it takes the meaning from a quote, a delimiter or an escape after
it, in quoted fields and outside them; before anything else it is an ordinary character. It never hides a line end:
outside quotes that ends the record.

Readers disagree, so `malformed` tells the records that are refused (rule `malformed_quote`): anything after a closing
quote but a delimiter or a line end (`"abc"def`, `"a" ,b`), a quote that only blanks part from the beginning
of its field (`a, "b"`), and a declared escape that a line end follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ingestion.parsers.blocks import Array
from ingestion.values.blanks import BLANKS

_LF, _CR = 10, 13
_FIRST_LEAD, _FIRST_TRAIL = 0x81, 0x40
"""Bytes of GB18030: the first of a character, and from where the second of two may be an ASCII one."""
_BLANK_BYTES = np.array([byte in b"\t\v\f " or not chr(byte).isascii() for byte in range(256)])
"""What a blank may begin with, in any encoding."""
_NOTHING = np.empty(0, np.int64)


@dataclass(frozen=True)
class Dialect:
    """What the cutter must know: `quote`, `delimiter` and `escape` as one byte each (None: there is none)."""

    encoding: str
    quote: int | None
    delimiter: int
    max_record_bytes: int
    escape: int | None = None


class State(NamedTuple):
    """What stands before a text that begins within a record.

    `inside` a quoted field; `opens`: a quote now would open one; `closed`: the byte before is a quote that closes one,
    unless a second follows.
    """

    inside: bool = False
    opens: bool = True
    closed: bool = False


class Quoted(NamedTuple):
    """Quoted stretches `[opens[i], closes[i]]`; `open_at_end` when the last one has no end here.

    A stretch that began before this text opens at -1. A pair of quotes may end one stretch and begin the next. `stray`
    are quotes that are ordinary characters; `active` says for each byte whether it is an escape (None: none is).
    """

    opens: Array
    closes: Array
    open_at_end: bool
    stray: Array = _NOTHING
    active: Array | None = None

    def inside(self, positions: Array) -> Array:
        """Which positions lie within a quoted stretch."""
        opened = np.searchsorted(self.opens, positions, side="left")
        closed = np.searchsorted(self.closes, positions, side="left")
        return np.asarray(opened > closed)

    def escaped(self, positions: Array) -> Array:
        """Which positions an escape stands before."""
        if self.active is None:
            return np.zeros(len(positions), bool)
        return np.asarray(self.active[np.maximum(positions - 1, 0)] & (positions > 0))

    def separating(self, text: Array, places: Array, dialect: Dialect) -> Array:
        """Those of the places of a delimiter's byte in `text` at which it parts two fields."""
        if dialect.encoding == "gb18030" and dialect.delimiter >= _FIRST_TRAIL:
            places = places[~trailing(text, places)]
        if self.active is not None:
            places = places[~self.escaped(places)]
        return places[~self.inside(places)] if len(self.opens) else places

    @property
    def last_field(self) -> int:
        """Where the last quoted field begins; -1: before this text, or there is none."""
        if not len(self.opens):
            return -1
        begins = np.ones(len(self.opens), bool)
        begins[1:] = self.opens[1:] != self.closes[: len(self.opens) - 1] + 1
        return int(self.opens[np.flatnonzero(begins)[-1]])


def quoted(text: Array, dialect: Dialect, state: State | None = None) -> Quoted:
    """The quoted stretches of `text` (uint8), which begins at a record's start or in `state`."""
    state = state or State()
    active = _active(text, dialect)
    unread = Quoted(_NOTHING, _NOTHING, False, active=active)
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
        delimited &= ~trailing(text, before) if dialect.encoding == "gb18030" else True
    may_open = delimited | (previous == _LF) | (previous == _CR)
    if len(quotes) and quotes[0] == 0:
        may_open[0] = state.opens
    follows = np.zeros(len(quotes), bool)
    follows[1:] = quotes[1:] == quotes[:-1] + 1
    opening = slice(1 if inside else 0, None, 2)
    if bool(np.all(may_open[opening] | follows[opening])):
        return _alternating(quotes, inside)._replace(active=active)
    return _stepwise(quotes, may_open, inside)._replace(active=active)


def state_after(text: Array, marks: Quoted, dialect: Dialect) -> State:
    """The state in which the text after this one begins. `text` is not empty and ends as `settled` says."""
    last = np.array([len(text) - 1])
    closed = not marks.open_at_end and len(marks.closes) > 0 and int(marks.closes[-1]) == len(text) - 1
    parted = text[-1] == dialect.delimiter and len(marks.separating(text, last, dialect)) > 0
    return State(marks.open_at_end, parted or int(text[-1]) in (_LF, _CR), closed)


def settled(text: bytes, dialect: Dialect) -> int:
    """How much of a text can be read without what follows: no half character, no escape without what it escapes."""
    tail = np.frombuffer(text, np.uint8)
    if dialect.encoding == "gb18030" and len(tail) and bool(trailing(tail, np.array([len(tail)]))[0]):
        tail = tail[:-1]
    active = _active(tail, dialect)
    return len(tail) - 1 if active is not None and bool(active[-1]) else len(tail)


def malformed(text: Array, marks: Quoted, dialect: Dialect) -> Array:
    """Places of quotes and escapes that no two readers read alike; `text` ends with a whole record."""
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
    """UTF-8 text in which every escape that is an ordinary character is escaped itself, for readers that drop it."""
    view = np.frombuffer(text, np.uint8)
    active = _active(view, dialect, ascii_based=True)
    if active is None:
        return text
    special = np.array([b for b in (dialect.quote, dialect.delimiter, dialect.escape) if b is not None], np.uint8)
    following = np.append(view[1:], np.uint8(0))
    return np.repeat(view, 1 + (active & ~np.isin(following, special))).tobytes()


def trailing(text: Array, places: Array) -> Array:
    """Whether the byte at a place is the second half of a GB18030 character.

    It is when an odd number of bytes ≥ 0x81 stands right before it.
    """
    low = np.flatnonzero(text < _FIRST_LEAD)
    before = np.searchsorted(low, places) - 1
    last_low = np.where(before >= 0, low[np.maximum(before, 0)], -1) if len(low) else np.full(len(places), -1)
    return np.asarray((places - last_low - 1) % 2 == 1)


def _active(text: Array, dialect: Dialect, *, ascii_based: bool = False) -> Array | None:
    """Which bytes are escapes that act on the next one: the odd ones of each run of them."""
    if dialect.escape is None:
        return None
    escapes = np.flatnonzero(text == dialect.escape)
    if dialect.encoding == "gb18030" and dialect.escape >= _FIRST_TRAIL and not ascii_based:
        escapes = escapes[~trailing(text, escapes)]
    if not len(escapes):
        return None
    begins = np.ones(len(escapes), bool)
    begins[1:] = escapes[1:] != escapes[:-1] + 1
    run = escapes[np.maximum.accumulate(np.where(begins, np.arange(len(escapes)), 0))]
    active = np.zeros(len(text), bool)
    active[escapes[(escapes - run) % 2 == 0]] = True
    return active


def _alternating(quotes: Array, inside: bool) -> Quoted:
    """Regular text: quotes open and close in turn (an escaped pair closes and opens again)."""
    if inside:
        quotes = np.concatenate((np.array([-1], dtype=quotes.dtype), quotes))
    opens, closes = quotes[0::2], quotes[1::2]
    return Quoted(opens, closes, len(opens) > len(closes))


def _stepwise(quotes: Array, may_open: Array, inside: bool) -> Quoted:
    """Text with stray quotes: one step per quote, since each depends on the one before.

    Only runs for a stretch that holds a stray quote; a set-based form would need a scan operator.
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
    return Quoted(opened, closed, inside, strays)


def _after_blanks(text: Array, stray: Array, marks: Quoted, dialect: Dialect) -> Array:
    """Stray quotes that stand first in their field but for blanks."""
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
