"""Where quoted fields begin and end in a run of delimited text.

A quote opens a field only right after a delimiter, a line end or the start; anywhere else it
is an ordinary character; inside a quoted field two quotes are one. This is the reading of
Python's csv module and of pyarrow, so that records are counted as they are later parsed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ingestion.parsers.blocks import Array

_LF, _CR = 10, 13
_FIRST_LEAD, _FIRST_TRAIL = 0x81, 0x40
"""Bytes of GB18030: the first of a character, and from where the second of two may be an ASCII one."""


class Quoted(NamedTuple):
    """Quoted stretches `[opens[i], closes[i]]`; `open_at_end` when the last one has no end here.

    A stretch that began before this text opens at -1.
    """

    opens: Array
    closes: Array
    open_at_end: bool

    def inside(self, positions: Array) -> Array:
        """Which positions lie within a quoted stretch."""
        opened = np.searchsorted(self.opens, positions, side="left")
        closed = np.searchsorted(self.closes, positions, side="left")
        return np.asarray(opened > closed)


def quoted(
    text: Array, quote: int, delimiter: int, encoding: str = "utf-8", *, inside: bool = False, before: int = _LF
) -> Quoted:
    """The quoted stretches of `text` (uint8). `inside`: it begins within one; `before`: the byte before it."""
    quotes = np.flatnonzero(text == quote)
    previous = text[quotes - 1].copy() if len(quotes) else np.empty(0, np.uint8)
    if len(quotes) and quotes[0] == 0:
        previous[0] = before
    may_open = (previous == delimiter) | (previous == _LF) | (previous == _CR)
    if encoding == "gb18030" and delimiter >= _FIRST_TRAIL:
        may_open &= (previous != delimiter) | ~trailing(text, np.maximum(quotes - 1, 0))
    skip = 1 if inside else 0
    opening = slice(skip, None, 2)
    if bool(np.all(may_open[opening] | (previous[opening] == quote))):
        return _alternating(quotes, inside)
    return _stepwise(quotes, may_open, inside)


def trailing(text: Array, places: Array) -> Array:
    """Whether the byte at a place is the second half of a GB18030 character.

    It is when an odd number of bytes ≥ 0x81 stands right before it.
    """
    low = np.flatnonzero(text < _FIRST_LEAD)
    before = np.searchsorted(low, places) - 1
    last_low = np.where(before >= 0, low[np.maximum(before, 0)], -1)
    return np.asarray((places - last_low - 1) % 2 == 1)


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
    opens, closes = ([-1] if inside else []), []
    places, openable = quotes.tolist(), may_open.tolist()
    index = 0
    while index < len(places):
        if not inside:
            if openable[index]:
                inside = True
                opens.append(places[index])
        elif index + 1 < len(places) and places[index + 1] == places[index] + 1:
            index += 1
        else:
            inside = False
            closes.append(places[index])
        index += 1
    return Quoted(np.array(opens, dtype=np.int64), np.array(closes, dtype=np.int64), inside)
