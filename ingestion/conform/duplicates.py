"""Which rows are the first of their key, in one pass over any number of rows.

Rows come in record order, segment by segment, as two 64-bit hashes (`ingestion.values.row_identity`): key and content.
A table of slots tells which rows surely are the first of their key; the others, the real repeats and a few per
cent that share a slot by chance, are held back and judged exactly at the end. A repeat of a first that was met lately
is known at once. Memory is 20 bytes a row plus at most 256 MB of slots, and while judging some 80 a held row. Only rows
that broke no rule take part.

Where the source has a key, two keys that share a hash show: the later row is a conflict, in quarantine. Where the
whole row is the key, nothing would show, so there a repeat is a row that both hashes say is one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ingestion.parsers.blocks import Array

_MIN_BITS, _MAX_BITS = 16, 28
_RECENT_BITS = 18


@dataclass
class _Seen:
    """Rows of one segment; `record` counts from `base` (uint32)."""

    key: Array
    content: Array
    record: Array
    base: int

    def take(self, rows: Array) -> _Seen:
        return _Seen(self.key[rows], self.content[rows], self.record[rows], self.base)


@dataclass(frozen=True)
class Verdicts:
    """Per held row, in the order they were held: `first` of its key, `repeat` (same key and content)
    or `conflict` (same key, other content than the first). `first_record` is the record it repeats."""

    first: Array
    repeat: Array
    conflict: Array
    first_record: Array


@dataclass
class KeyIndex:
    """Judges keys. `size_hint` is the payload's size in bytes; it only sets the number of slots.

    `whole_rows`: the two hashes are two of the whole row, and only together say which rows are the same.
    """

    size_hint: int
    whole_rows: bool = False
    _passed: list[_Seen] = field(default_factory=list)
    _held: list[_Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        wanted = max(self.size_hint, 1).bit_length() - 2
        self._bits = min(max(wanted, _MIN_BITS), _MAX_BITS)
        self._taken = np.zeros(1 << self._bits, dtype=bool)
        self._owners = np.empty(0, np.int32)
        bits = min(self._bits, _RECENT_BITS)
        self._recent = np.zeros((1 << bits, 2), np.uint64)
        self._is_recent = np.zeros(1 << bits, dtype=bool)

    def pass_through(self, key: Array, content: Array, base: int, record: Array) -> tuple[Array, Array]:
        """Which rows surely are index, and which surely repeat one (bool); the rest is held.

        `base + record` is a row's record number.
        """
        slot = (key >> np.uint64(64 - self._bits)).astype(np.int64)
        fresh = ~self._taken[slot]
        self._taken[slot] = True
        fresh &= self._first_in_segment(key)
        seen = _Seen(key, content, record.astype(np.uint32), base)
        repeat = self._repeats_recent(key, content, fresh)
        self._passed.append(seen.take(fresh))
        self._held.append(seen.take(~fresh & ~repeat))
        return np.asarray(fresh), repeat

    def _repeats_recent(self, key: Array, content: Array, fresh: Array) -> Array:
        """Rows with the key and the content of a row that surely is the first of its key, and is remembered."""
        slot = (key & np.uint64(len(self._recent) - 1)).astype(np.int64)
        self._recent[slot[fresh]] = np.column_stack((key[fresh], content[fresh]))
        self._is_recent[slot[fresh]] = True
        repeat = np.zeros(len(key), dtype=bool)
        late = np.flatnonzero(~fresh)
        first = self._recent[slot[late]]
        repeat[late] = self._is_recent[slot[late]] & (first[:, 0] == key[late]) & (first[:, 1] == content[late])
        return repeat

    def judge(self) -> Verdicts:
        """The exact answer for every held row."""
        held = _joined(self._held)
        count = len(held.key)
        partners = self._partners(held.key)
        if not count:
            none = np.zeros(0, dtype=bool)
            return Verdicts(none, none, none, np.zeros(0, np.int64))
        key = np.concatenate((partners.key, held.key))
        content = np.concatenate((partners.content, held.content))
        record = np.concatenate((partners.record, held.record))
        order = np.lexsort((record, content, key) if self.whole_rows else (record, key))
        begins = np.ones(len(order), dtype=bool)
        begins[1:] = key[order][1:] != key[order][:-1]
        if self.whole_rows:
            begins[1:] |= content[order][1:] != content[order][:-1]
        leader = order[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
        first_of = np.empty(len(order), np.int64)
        first_of[order] = leader
        mine = np.arange(len(partners.key), len(order))
        first_of = first_of[mine]
        first = first_of == mine
        same = content[first_of] == held.content
        return Verdicts(first, ~first & same, ~first & ~same, record[first_of])

    def _first_in_segment(self, key: Array) -> Array:
        """Rows that surely come before any other row of the segment with the same key.

        The first row of each slot is one. A later row of the slot with another key gets a second
        chance among such rows only, by other bits: a row of equal key before it would be among them.
        """
        owner = self._owner(key, 0)
        fresh = np.asarray(owner == np.arange(len(key)))
        late = np.flatnonzero(~fresh & (key[owner] != key))
        if len(late):
            again = key[late]
            fresh[late] = self._owner(again, 32) == np.arange(len(late))
        return fresh

    def _owner(self, key: Array, shift: int) -> Array:
        """For each row the first row in its slot, where slots are some bits of the key."""
        count = len(key)
        bits = min(max(count, 2).bit_length() + 3, 31)
        slot = ((key >> np.uint64(shift)) & np.uint64((1 << bits) - 1)).astype(np.int64)
        if len(self._owners) < 1 << bits:
            self._owners = np.empty(1 << bits, np.int32)
        first = self._owners  # kept between segments: only slots written just now are read
        first[slot[::-1]] = np.arange(count - 1, -1, -1, dtype=np.int32)  # the last write of a slot is its first row
        return np.asarray(first[slot])

    def _partners(self, keys: Array) -> _Seen:
        """Rows that passed and share a key with a held row."""
        wanted = np.sort(keys)
        found = []
        if len(wanted):
            bits = min(max(len(wanted).bit_length() + 5, 16), 28)
            bitmap = np.zeros(1 << bits, dtype=bool)
            bitmap[(wanted >> np.uint64(64 - bits)).astype(np.int64)] = True
            for seen in self._passed:
                near = np.flatnonzero(bitmap[(seen.key >> np.uint64(64 - bits)).astype(np.int64)])
                place = np.minimum(np.searchsorted(wanted, seen.key[near]), len(wanted) - 1)
                near = near[wanted[place] == seen.key[near]]
                found.append(seen.take(near))
        return _joined(found)


def _joined(parts: list[_Seen]) -> _Seen:
    if not parts:
        return _Seen(np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros(0, np.int64), 0)
    return _Seen(
        np.concatenate([part.key for part in parts]),
        np.concatenate([part.content for part in parts]),
        np.concatenate([part.record.astype(np.int64) + part.base for part in parts]),
        0,
    )
