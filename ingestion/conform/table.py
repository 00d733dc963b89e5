"""Conform one table: read its segments, write bronze and quarantine, and count every record once.

It holds one segment at a time (besides the one being read ahead and those being written), and a segment is limited in
bytes, records and cells (`parsers.block_limits`). So memory grows with the payload only by the hashes of keys
(`duplicates`); possible repeats are held in the scratch folder (`held_rows`). `run` decides about the whole delivery.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.conform.compile import BITS, Rule, TablePlan
from ingestion.conform.duplicates import KeyIndex
from ingestion.conform.evaluate import Evaluated, Evaluator
from ingestion.conform.held_rows import HeldRows
from ingestion.conform.output import QUARANTINE_SCHEMA, BronzeFile, Places, QuarantineFile
from ingestion.conform.split import OUTSIDE, PART, PartCounts, Split, SplitBronze
from ingestion.parsers.blocks import Array, Block, Segment, Source
from ingestion.parsers.records import KEPT_TEXT
from ingestion.parsers.text import readable_texts

_T = TypeVar("_T")
_EXTRA = "\x00"
"""Prefix of helper columns; no bronze column's name contains a NUL."""
SENT_TEXT = 1000
"""Characters kept of a value that broke a rule; the record itself has it whole."""
_TEXT_AT_ONCE = 16 * 2**20
"""Bytes of original text processed together: the text of a line with many groups is repeated for each of them."""


@dataclass
class Counts:
    """Counts of a table so far; `days`: accepted rows by event day. `content`, `parity`: sum and XOR of row hashes."""

    received: int = 0
    accepted: int = 0
    quarantined: int = 0
    duplicates: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    days: Counter[str] = field(default_factory=Counter)
    content: int = 0
    parity: int = 0

    @property
    def row_hash(self) -> str:
        """Hash of the accepted rows in any order, as in `row_identity.rows`: number, sum and XOR of row hashes."""
        return f"{self.accepted}-{self.content:032x}-{self.parity:016x}"


@dataclass
class _Judged:
    """Rows that broke no rule: bronze columns, flag masks, content hashes and positions in the payload."""

    bronze: pa.Table
    flags: list[Array]
    content: Array
    places: Places | None = None

    def take(self, keep: Array) -> _Judged:
        places = self.places.take(np.flatnonzero(keep)) if self.places else None
        return _Judged(self.bronze.filter(pa.array(keep)), [f[keep] for f in self.flags], self.content[keep], places)

    def to_table(self, places: Places) -> pa.Table:
        """All fields as one table, for HeldRows."""
        extra = [places.record, places.offset, places.length, places.text, self.content, *self.flags]
        named = {f"{_EXTRA}{i}": pa.array(column) for i, column in enumerate(extra)}
        return pa.table({**{name: self.bronze[name] for name in self.bronze.column_names}, **named})

    @classmethod
    def from_table(cls, kept: pa.Table) -> _Judged:
        """What `to_table` made a table of."""
        names = [name for name in kept.column_names if name.startswith(_EXTRA)]
        record, offset, length, text, content, *flags = (kept[name].combine_chunks() for name in names)
        places = Places(record.to_numpy(), offset, length.to_numpy(), text)
        bronze = kept.drop_columns(names)
        return cls(bronze, [f.to_numpy() for f in flags], content.to_numpy(), places)


class TableConform:
    """Conforms one table of one delivery. Call `run` or `take` once; then `counts` has the result."""

    def __init__(
        self,
        plan: TablePlan,
        bronze: BronzeFile | SplitBronze,
        quarantine: QuarantineFile,
        scratch: Path,
        split: Split | None = None,
    ) -> None:
        """`split`: the rows are of several intervals, and `bronze` takes them all."""
        self._plan = plan
        self._bronze = bronze
        self._split = split
        self.parts = PartCounts(split) if split is not None else None
        self._quarantine = quarantine
        self._held = HeldRows(scratch)
        self.counts = Counts()

    def run(self, source: Source, evaluator: Evaluator, content_date: date) -> None:
        """Read, evaluate and write every segment of the source."""
        # Three threads: fields are read, rows are evaluated in SQL, rows are counted and sorted out.
        segments = _read_ahead(source.segments())
        self.take(_read_ahead(evaluator.each(segments, content_date)), source.size_hint)

    def take(self, evaluated: Iterable[tuple[Segment, Evaluated | None]], size_hint: int) -> None:
        """Count, sort out and write segments that were evaluated. Call it once, with all segments of the table."""
        index = KeyIndex(size_hint, whole_rows=not self._plan.table.key)
        for segment, judged in evaluated:
            self._segment(segment, judged, index)
        self._judge_held(index)

    def _segment(self, segment: Segment, judged: Evaluated | None, index: KeyIndex) -> None:
        block = segment.block
        self.counts.received += len(block)
        self._refuse_unread(segment)
        if judged is None:
            return
        good = self._refuse_judged(segment, judged)
        key, bronze = judged.values["_key"].to_numpy(), self._bronze_table(judged, block.number(segment.rows))
        if self._split is not None:
            numbers = self._split.numbers(judged.values["_moment"])
            good = self._refuse_outside(segment, good, numbers)
            key = self._split.separate(key, numbers) if self._plan.table.key else key
            bronze = bronze.append_column(PART, pa.array(numbers))
        content = judged.values["_content"].to_numpy()[good]
        fresh, repeat = self._sort_out_repeats(segment, good, key[good], content, index)
        self.counts.duplicates += int(np.count_nonzero(repeat))
        flags = _mask_columns(judged.values, "_flag_", self._plan.flags)
        kept = good[fresh]
        if len(kept) == bronze.num_rows:
            self._accept(_Judged(bronze, flags, content))
            return
        mask = np.zeros(bronze.num_rows, dtype=bool)
        mask[kept] = True
        self._accept(_Judged(bronze.filter(pa.array(mask)), [f[kept] for f in flags], content[fresh]))
        self._hold(segment, _Judged(bronze, flags, judged.values["_content"].to_numpy()), good[~fresh & ~repeat])

    def _refuse_outside(self, segment: Segment, good: Array, numbers: Array) -> Array:
        """Quarantine the `good` records that belong to no interval of the span; returns the others."""
        outside = good[numbers[good] < 0]
        if len(outside):
            name = str(self._plan.table.event_time)
            detail = pa.nulls(len(outside), pa.string())
            if name in segment.columns.column_names:
                value = pc.fill_null(segment.columns[name].take(pa.array(outside)).combine_chunks(), "")
                detail = pc.binary_join_element_wise(f"{name}=", pc.utf8_slice_codeunits(value, 0, 200), "")
            broken = np.ones((len(outside), 1), dtype=bool)
            sent = self._sent(segment, outside, {name: broken[:, 0]})
            self._refuse(segment.block, segment.rows[outside], broken, [OUTSIDE], detail, sent)
        return np.asarray(good[numbers[good] >= 0])

    def _hold(self, segment: Segment, judged: _Judged, rows: Array) -> None:
        """Hold back rows of a segment that may be repeats."""
        for part in _in_parts(segment.block, segment.rows[rows]):
            held, places = rows[part], _places(segment.block, segment.rows[rows[part]])
            kept = judged.bronze.take(pa.array(held))
            self._held.add(_Judged(kept, [f[held] for f in judged.flags], judged.content[held]).to_table(places))

    def _sort_out_repeats(
        self, segment: Segment, good: Array, key: Array, content: Array, index: KeyIndex
    ) -> tuple[Array, Array]:
        """Two masks of the `good` rows: certainly no repeat, and certainly a repeat; rows in neither are held back."""
        if self._plan.table.keeps_repeats:
            return np.ones(len(good), dtype=bool), np.zeros(len(good), dtype=bool)
        # Without a key both are hashes of the row, `_content` the stronger: slots are made of it.
        slot_hash, second = (content, key) if index.whole_rows else (key, content)
        return index.add_segment(slot_hash, second, segment.block.first, segment.rows[good])

    def _judge_held(self, index: KeyIndex) -> None:
        """Accept, count or refuse the rows that were held back as possible repeats."""
        verdicts, done = index.judge(), 0
        self.counts.duplicates += int(np.count_nonzero(verdicts.repeat))
        for kept in self._held:
            held, part = _Judged.from_table(kept), slice(done, done + kept.num_rows)
            done += kept.num_rows
            if verdicts.first[part].any():
                self._accept(held.take(verdicts.first[part]))
            conflict = np.flatnonzero(verdicts.conflict[part])
            if len(conflict) and held.places:
                self.counts.quarantined += len(conflict)
                self.counts.rules["key_conflict"] += len(conflict)
                earlier = pa.array(verdicts.first_record[part][conflict]).cast(pa.string())
                detail = pc.binary_join_element_wise("same key, other content than record", earlier, " ")
                lists, nothing = _lists(len(conflict), ["key_conflict"]), _nothing_sent(len(conflict))
                self._quarantine.write(held.places.take(conflict), lists, detail, nothing)

    def _accept(self, rows: _Judged) -> None:
        counts = self.counts
        counts.accepted += rows.bronze.num_rows
        counts.content += _total(rows.content)
        counts.parity ^= int(np.bitwise_xor.reduce(rows.content))
        for rule, count in _bit_counts(self._plan.flags, rows.flags):
            counts.flags[rule.id] += count
        if self._plan.has_event_date:
            for found in pc.value_counts(rows.bronze["_event_date"]).to_pylist():
                if isinstance(found["values"], date):
                    counts.days[found["values"].isoformat()] += found["counts"]
        if self.parts is not None:
            self.parts.add(rows.bronze, rows.content)
        self._bronze.write(rows.bronze)

    def _bronze_table(self, judged: Evaluated, record: Array) -> pa.Table:
        """Bronze columns in contract order, then `_record_number` and `_event_date` where the table has them."""
        made = {**judged.pseudonyms, **judged.passed_through}
        names = [c.name for c in self._plan.table.bronze_columns]
        columns = {name: made[name] if name in made else judged.values[name] for name in names}
        if self._plan.table.keeps_repeats:
            columns["_record_number"] = pa.array(record)
        if self._plan.has_event_date:
            columns["_event_date"] = judged.values["_event_date"]
        return pa.table(columns)

    def _refuse_unread(self, segment: Segment) -> None:
        """Quarantine the records that the parser could not read as columns."""
        if not segment.refused:
            return
        rules = [rule for rule, _ in segment.refused]
        rows = np.unique(np.concatenate([found for _, found in segment.refused]))
        broken = np.zeros((len(rows), len(rules)), dtype=bool)
        for i, (_, found) in enumerate(segment.refused):
            broken[np.searchsorted(rows, found), i] = True
        self._refuse(segment.block, rows, broken, rules, pa.nulls(len(rows), pa.string()), _nothing_sent(len(rows)))

    def _refuse_judged(self, segment: Segment, judged: Evaluated) -> Array:
        """Quarantine the records that break rules; returns the indices of the other rows."""
        everything = np.ones(len(segment.rows), dtype=bool)
        if judged.masks is None:
            return np.flatnonzero(everything)
        rules = self._plan.rules
        masks = _mask_columns(judged.masks, "_broken_", rules)
        broken = np.column_stack([_bit(masks, i) for i in range(len(rules))])
        is_refused = broken.any(axis=1)
        broken, bad = broken[is_refused], judged.suspect[is_refused]
        everything[bad] = False
        if len(bad):
            self._refuse(
                segment.block,
                segment.rows[bad],
                broken,
                [r.id for r in rules],
                self._detail(segment, bad, broken),
                self._sent(segment, bad, self._concerned(broken)),
            )
        return np.flatnonzero(everything)

    def _detail(self, segment: Segment, bad: Array, broken: Array) -> pa.Array:
        """`column=value` of every column of a broken rule, and of those that identify a record within its line."""
        rules, group_index = self._plan.rules, self._plan.group_index
        chosen = pa.array(bad)
        notes = []
        for name in dict.fromkeys((*group_index, *(rule.column for rule in rules if rule.column))):
            concerned = np.any(broken[:, [i for i, rule in enumerate(rules) if rule.column == name]], axis=1)
            concerned |= name in group_index
            if name in segment.columns.column_names and concerned.any():
                value = pc.fill_null(segment.columns[name].take(chosen).combine_chunks(), "")
                note = pc.binary_join_element_wise(f"; {name}=", pc.utf8_slice_codeunits(value, 0, 200), "")
                notes.append(pc.if_else(pa.array(concerned), note, ""))
        if not notes:
            return pa.nulls(len(bad), pa.string())
        # Not null_handling="skip": pyarrow 26 then loses the rows in which every part is null.
        return pc.utf8_slice_codeunits(pc.binary_join_element_wise(*notes, ""), 2)

    def _concerned(self, broken: Array) -> dict[str, Array]:
        """By column of the delivery: the rows in which a rule about it is broken."""
        found: dict[str, Array] = {}
        for place, rule in enumerate(self._plan.rules):
            for name in rule.sent if broken[:, place].any() else ():
                found[name] = found[name] | broken[:, place] if name in found else broken[:, place]
        return found

    def _sent(self, segment: Segment, rows: Array, concerned: Mapping[str, Array]) -> pa.Array:
        """The text of each concerned column as it was read, one map a row."""
        names = [name for name in concerned if name in segment.columns.column_names]
        if not names:
            return _nothing_sent(len(rows))
        chosen = pa.array(rows)
        texts = [pc.utf8_slice_codeunits(segment.columns[n].take(chosen).combine_chunks(), 0, SENT_TEXT) for n in names]
        masks = np.column_stack([concerned[name] for name in names])
        row, place = np.nonzero(masks)
        items = pa.concat_arrays(texts).take(pa.array(place * len(rows) + row))
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(masks.sum(axis=1)))).astype(np.int32)
        return pa.MapArray.from_arrays(pa.array(offsets), pa.array(names, pa.string()).take(pa.array(place)), items)

    def _refuse(
        self, block: Block, rows: Array, broken: Array, rules: list[str], detail: pa.Array, sent: pa.Array
    ) -> None:
        self.counts.quarantined += len(rows)
        for rule, count in zip(rules, broken.sum(axis=0).tolist(), strict=True):
            if count:
                self.counts.rules[rule] += count
        named = pa.array(rules, pa.string())
        for part in _in_parts(block, rows):
            _, rule_index = np.nonzero(broken[part])
            offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(broken[part].sum(axis=1)))).astype(np.int32)
            lists = pa.ListArray.from_arrays(pa.array(offsets), named.take(pa.array(rule_index)))
            chosen = pa.array(part)
            self._quarantine.write(_places(block, rows[part]), lists, detail.take(chosen), sent.take(chosen))


def _nothing_sent(count: int) -> pa.Array:
    """No text of any column, for `count` rows whose rules are about the whole record."""
    return pa.nulls(count, QUARANTINE_SCHEMA.field("sent").type)


def _in_parts(block: Block, rows: Array) -> list[Array]:
    """Split the indices of `rows` into parts whose records have a limited length of text in all."""
    lengths = np.minimum(block.ends[rows] - block.starts[rows], KEPT_TEXT)
    return np.split(np.arange(len(rows)), np.flatnonzero(np.diff(np.cumsum(lengths) // _TEXT_AT_ONCE)) + 1)


def _places(block: Block, rows: Array) -> Places:
    offset = pa.nulls(len(rows), pa.int64()) if block.base is None else pa.array(block.starts[rows] + block.base)
    return Places(block.number(rows), offset, block.lengths[rows], readable_texts(block, rows))


def _mask_columns(result: pa.Table, prefix: str, rules: tuple[Rule, ...]) -> list[Array]:
    return [result[f"{prefix}{i}"].to_numpy() for i in range(-(-len(rules) // BITS))]


def _bit(masks: list[Array], index: int) -> Array:
    return np.asarray((masks[index // BITS] >> np.uint64(index % BITS)) & np.uint64(1), dtype=bool)


def _bit_counts(rules: tuple[Rule, ...], masks: list[Array]) -> Iterator[tuple[Rule, int]]:
    for index, rule in enumerate(rules):
        count = int(np.count_nonzero(_bit(masks, index)))
        if count:
            yield rule, count


def _lists(count: int, rules: list[str]) -> pa.Array:
    offsets = pa.array(np.arange(count + 1, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(rules * count, pa.string()))


def _total(hashes: Array) -> int:
    """The exact sum of 64-bit hashes."""
    high, low = hashes >> np.uint64(32), hashes & np.uint64(0xFFFFFFFF)
    return (int(high.sum(dtype=np.uint64)) << 32) + int(low.sum(dtype=np.uint64))


def _read_ahead(items: Iterator[_T]) -> Iterator[_T]:
    """The same items; the next one is produced in another thread meanwhile."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting = pool.submit(next, items, None)
        while (item := waiting.result()) is not None:
            waiting = pool.submit(next, items, None)
            yield item
