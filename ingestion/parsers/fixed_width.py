"""Read fixed-width text: columns by position, and repeated groups of a line as records of their own.

A record is a line or, where the contract declares `repeat`, each group of a line that is not absent. `records` splits
and counts lines; groups are counted here, on the original text, before values are typed (docs/adr/0009). A line that
cannot be read is one refused record. The quarantined text of a refused group is its whole line, which has the fields
that identify it, such as station and month. Typing the values is left to conform.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract.model import Table
from ingestion.contract.table_formats import FixedField, FixedWidthFormat, Repeat
from ingestion.errors import DeliveryRefused
from ingestion.parsers.block_limits import max_records_per_block
from ingestion.parsers.blocks import Array, Block, Refusals, Segment, readable
from ingestion.parsers.encoding import Utf8Detector
from ingestion.parsers.faults import unreadable
from ingestion.parsers.positions import Positions
from ingestion.parsers.probe import PROBE_BYTES, check_text, empty
from ingestion.parsers.quoting import Dialect
from ingestion.parsers.records import RecordReader
from ingestion.settings import Settings

CHUNK = 8 * 2**20
CHUNK_REPEATED = 2 * 2**20
"""Bytes read at a time where groups repeat: each line becomes many rows, each byte several in index arrays."""


class FixedWidth:
    """Reader of one fixed-width payload."""

    def __init__(self, table: Table, spec: FixedWidthFormat, path: Path, settings: Settings) -> None:
        self._spec = spec
        self._path = path
        self._dialect = Dialect(spec.encoding, None, 0, settings.max_record_bytes)
        self._columns = {column.name: str(column.source) for column in table.source_columns}
        self._nulls = pa.array(spec.null_values, pa.string())
        self._number = 1

    def segments(self) -> Iterator[Segment]:
        """Every record in order, once. Raises DeliveryRefused: `empty`, `html_page`, `container`, `encoding`."""
        with self._path.open("rb") as stream:
            bom = check_text(stream.read(PROBE_BYTES), "the file")
            if bom and self._spec.encoding != "utf-8":
                raise DeliveryRefused(
                    f"the file is declared {self._spec.encoding} but begins with the byte order mark of UTF-8",
                    rule="encoding",
                    next_step="correct `encoding` in the contract",
                )
            stream.seek(bom)
            group = self._spec.repeat
            most = max_records_per_block(len(self._columns), group.count if group else 1)
            detector, block = Utf8Detector(self._spec.encoding), None
            chunk = CHUNK_REPEATED if group else CHUNK
            for block in RecordReader(stream, self._dialect, offset=bom, chunk=chunk, most=most):
                detector.add_records(block)
                segment = self._segment(block)
                if len(segment.block):
                    self._number += len(segment.block)
                    yield segment
            if block is None:
                raise empty("the file")
            detector.check()

    def _segment(self, block: Block) -> Segment:
        refused = block.refused + unreadable(block)
        rows = readable(len(block), refused)
        text = Positions(block, rows, characters=self._spec.positions == "characters")
        wrong_type, skipped = self._check_record_type(text)
        refused += tuple(
            (rule, rows[found]) for rule, found in (*self._bad_lines(text, wrong_type), *wrong_type) if len(found)
        )
        kept = np.setdiff1d(np.arange(len(block)), rows[skipped], assume_unique=True)
        block, refused = _select_records(replace(block, first=self._number, refused=()), refused, kept)
        rows = readable(len(block), refused)
        text = Positions(block, rows, characters=self._spec.positions == "characters")
        if self._spec.repeat:
            return self._repeated(block, rows, text, refused, self._spec.repeat)
        return Segment(block, rows, self._table({n: text.field(f) for n, f in self._spec.fields.items()}), refused)

    def _check_record_type(self, text: Positions) -> tuple[Refusals, Array]:
        """Lines of an undeclared type (rule `record_type`), and the lines that belong to no record of this table."""
        declared = self._spec.record_type
        if declared is None:
            return (), np.empty(0, np.int64)
        kinds = text.field(FixedField(start=declared.start, width=declared.width))
        skipped = np.asarray(pc.is_in(kinds, pa.array(declared.skip, pa.string())), dtype=bool)
        read = np.asarray(pc.is_in(kinds, pa.array(declared.read, pa.string())), dtype=bool)
        return (("record_type", np.flatnonzero(~read & ~skipped)),), np.flatnonzero(skipped)

    def _bad_lines(self, text: Positions, others: Refusals) -> Refusals:
        """Lines refused as too short, as too long, or because a field begins or ends within a character."""
        lengths, longest = text.lengths, self._spec.longest
        short = lengths < self._spec.min_length if self._spec.short == "refuse" else np.zeros(len(lengths), bool)
        long = lengths > longest if longest is not None else np.zeros(len(lengths), bool)
        found: Refusals = (("line_too_short", np.flatnonzero(short)), ("line_too_long", np.flatnonzero(long)))
        return (*found, ("split_character", text.split(self._cuts())))

    def _cuts(self) -> set[int]:
        """Positions (from 0) at which a field or group begins or ends."""
        spec, group = self._spec, self._spec.repeat
        cuts = {edge for f in spec.fields.values() for edge in (f.start - 1, f.end)}
        if group:
            cuts |= {
                group.start - 1 + number * group.width + edge
                for number in range(group.count)
                for f in group.fields.values()
                for edge in (f.start - 1, f.end)
            }
        return cuts

    def _repeated(self, block: Block, rows: Array, text: Positions, refused: Refusals, group: Repeat) -> Segment:
        """One record for each group that is not absent; a refused line stays one record, in its position."""
        line, number = self._present_groups(text, group)
        counts = np.ones(len(block), np.int64)
        counts[rows] = np.bincount(line, minlength=len(rows))
        of_line = np.repeat(np.arange(len(block)), counts)
        places = np.cumsum(counts) - counts
        records = replace(block, starts=block.starts[of_line], ends=block.ends[of_line], lengths=block.lengths[of_line])
        good = np.zeros(len(block), dtype=bool)
        good[rows] = True
        base = group.start - 1 + number * group.width
        found = {name: text.field(f).take(pa.array(line)) for name, f in self._spec.fields.items()}
        found |= {name: text.field(f, line, base) for name, f in group.fields.items()}
        found[group.index] = pa.array(number + 1, pa.int64()).cast(pa.string())
        moved = tuple((rule, places[lines]) for rule, lines in refused)
        return Segment(records, np.flatnonzero(good[of_line]), self._table(found), moved)

    def _present_groups(self, text: Positions, group: Repeat) -> tuple[Array, Array]:
        """Line index and group number (both from 0) of every group that is a record, in order."""
        line = np.repeat(np.arange(len(text.starts)), group.count)
        number = np.tile(np.arange(group.count), len(text.starts))
        if group.absent is None:
            return line, number
        base = group.start - 1 + number * group.width
        value = text.field(group.fields[group.absent.field], line, base)
        absent = np.asarray(pc.is_in(value, pa.array(group.absent.values, pa.string())), dtype=bool)
        candidates = np.flatnonzero(absent)
        for name, field in group.fields.items():
            if name != group.absent.field and len(candidates):
                rest = text.field(field.model_copy(update={"blanks": "trim"}), line[candidates], base[candidates])
                candidates = candidates[np.asarray(pc.equal(rest, ""), dtype=bool)]
        present = np.ones(len(line), dtype=bool)
        present[candidates] = False
        return line[present], number[present]

    def _table(self, found: dict[str, pa.Array]) -> pa.Table:
        """The columns under their contract names, with the contract's null words as NULL."""
        clean = {
            source: pc.if_else(pc.is_in(found[source], self._nulls), pa.scalar(None, pa.string()), found[source])
            for source in self._columns.values()
        }
        return pa.table({name: clean[source] for name, source in self._columns.items()})


def _select_records(block: Block, refused: Refusals, kept: Array) -> tuple[Block, Refusals]:
    """The block reduced to the records `kept` (block indices), and its refusals renumbered accordingly."""
    if len(kept) == len(block):
        return block, refused
    place = np.full(len(block), -1)
    place[kept] = np.arange(len(kept))
    part = replace(block, starts=block.starts[kept], ends=block.ends[kept], lengths=block.lengths[kept])
    moved = ((rule, place[rows]) for rule, rows in refused)
    return part, tuple((rule, rows[rows >= 0]) for rule, rows in moved if (rows >= 0).any())
