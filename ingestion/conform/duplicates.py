"""Find repeated rows and key conflicts in one pass over any number of rows, in bounded memory.

Rows come in record order, segment by segment, as two 64-bit hashes (`ingestion.values.row_identity`): of the key and of
the content. A table of slots, chosen by bits of the key hash, tells which rows are certainly the first of their key.
The others (real repeats, and a few per cent that share a slot by chance) are held back and judged exactly at the end; a
repeat of a recent first row is recognised at once. Memory: 20 bytes a row and at most 256 MB of slots, and while
judging some 80 bytes per held row. Only rows that broke no rule take part.

Where the table has a key, two keys with the same hash would be noticed: the later row goes to quarantine as a conflict.
Where the whole row is the key they would not, so there a row is a repeat only if both hashes are equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ingestion.parsers.blocks import Array

_MIN_BITS, _MAX_BITS = 16, 28
_RECENT_BITS = 18


@dataclass
class _HashedRows:
    """Hashes of rows of one segment; `record` (uint32) is the record number minus `base`."""

    key: Array
    content: Array
    record: Array
    base: int

    def take(self, rows: Array) -> _HashedRows:
        return _HashedRows(self.key[rows], self.content[rows], self.record[rows], self.base)


@dataclass(frozen=True)
class Verdicts:
    """One entry per held row, in the order they were held: `first` of its key, `repeat` (same key and content), or
    `conflict` (same key, other content than the first). `first_record`: record number of the first row of its key.
    """

    first: Array
    repeat: Array
    conflict: Array
    first_record: Array


@dataclass
class KeyIndex:
    """Finds repeats and conflicts of keys. `size_hint`, the payload's size in bytes, only sets the number of slots.

    `whole_rows`: the table has no key; both hashes are of the whole row, and rows are equal only if both are.
    """

    size_hint: int
    whole_rows: bool = False
    _passed: list[_HashedRows] = field(default_factory=list)
    _held: list[_HashedRows] = field(default_factory=list)

    def __post_init__(self) -> None:
        wanted = max(self.size_hint, 1).bit_length() - 2
        self._bits = min(max(wanted, _MIN_BITS), _MAX_BITS)
        self._taken = np.zeros(1 << self._bits, dtype=bool)
        self._owners = np.empty(0, np.int32)
        bits = min(self._bits, _RECENT_BITS)
        self._recent_key = np.zeros(1 << bits, np.uint64)
        self._recent_content = np.zeros(1 << bits, np.uint64)
        self._is_recent = np.zeros(1 << bits, dtype=bool)

    def add_segment(self, key: Array, content: Array, base: int, record: Array) -> tuple[Array, Array]:
        """Add rows with record numbers `base + record`. Returns two masks; rows in neither are held back.

        The first mask marks rows that certainly are the first of their key, the second rows that certainly repeat one.
        """
        slot = (key >> np.uint64(64 - self._bits)).astype(np.int64)
        is_first = ~self._taken[slot]
        self._taken[slot] = True
        is_first &= self._first_in_segment(key)
        seen = _HashedRows(key, content, record.astype(np.uint32), base)
        repeat = self._repeats_recent(key, content, is_first)
        self._passed.append(seen.take(is_first))
        self._held.append(seen.take(~is_first & ~repeat))
        return np.asarray(is_first), repeat

    def _repeats_recent(self, key: Array, content: Array, is_first: Array) -> Array:
        """Mask of the rows with the same key and content as a recent row that is certainly the first of its key."""
        slot = (key & np.uint64(len(self._recent_key) - 1)).astype(np.int64)
        first = np.flatnonzero(is_first)
        owned = slot[first]
        self._recent_key[owned] = key[first]
        self._recent_content[owned] = content[first]
        self._is_recent[owned] = True
        repeat = np.zeros(len(key), dtype=bool)
        late = np.flatnonzero(~is_first)
        asked = slot[late]
        same = (self._recent_key[asked] == key[late]) & (self._recent_content[asked] == content[late])
        repeat[late] = self._is_recent[asked] & same
        return repeat

    def judge(self) -> Verdicts:
        """The exact verdict on every held row."""
        held = _concat(self._held)
        count = len(held.key)
        partners = self._rows_sharing_a_key(held.key)
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
        held_part = np.arange(len(partners.key), len(order))
        first_of = first_of[held_part]
        first = first_of == held_part
        same = content[first_of] == held.content
        return Verdicts(first, ~first & same, ~first & ~same, record[first_of])

    def _first_in_segment(self, key: Array) -> Array:
        """Mask of the rows that certainly precede any other row of the segment with the same key.

        The first row of each slot is one. Later rows of a slot with a different key are compared once more among
        themselves, by other bits of the key: an earlier row with the same key would be among them.
        """
        owner = self._owner(key, 0)
        is_first = np.asarray(owner == np.arange(len(key)))
        late = np.flatnonzero(~is_first & (key[owner] != key))
        if len(late):
            again = key[late]
            is_first[late] = self._owner(again, 32) == np.arange(len(late))
        return is_first

    def _owner(self, key: Array, shift: int) -> Array:
        """For each row the index of the first row in its slot; the slot is given by some bits of the key."""
        count = len(key)
        bits = min(max(count, 2).bit_length() + 3, 31)
        slot = ((key >> np.uint64(shift)) & np.uint64((1 << bits) - 1)).astype(np.int64)
        if len(self._owners) < 1 << bits:
            self._owners = np.empty(1 << bits, np.int32)
        first = self._owners  # kept between segments: only slots written just now are read
        first[slot[::-1]] = np.arange(count - 1, -1, -1, dtype=np.int32)  # the last write of a slot is its first row
        return np.asarray(first[slot])

    def _rows_sharing_a_key(self, keys: Array) -> _HashedRows:
        """First rows, not held back, that share a key with a held row."""
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
        return _concat(found)


def _concat(parts: list[_HashedRows]) -> _HashedRows:
    if not parts:
        return _HashedRows(np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros(0, np.int64), 0)
    return _HashedRows(
        np.concatenate([part.key for part in parts]),
        np.concatenate([part.content for part in parts]),
        np.concatenate([part.record.astype(np.int64) + part.base for part in parts]),
        0,
    )
