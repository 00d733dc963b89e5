"""Read HL7 v2 messages: each segment of the table's name is a record, with fields of its message around it.

`hl7_cut` has counted the records; the reader here must find as many. A message that cannot be read refuses all its
records, and the quarantine keeps the whole message with each. What a message is made of is in `hl7_text`. Typing the
values is left to conform.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract.health_formats import Hl7Format
from ingestion.contract.hl7_paths import HEADER, Hl7Path, hl7_path
from ingestion.contract.model import Column, Table
from ingestion.errors import DeliveryRefused, IntegrityError
from ingestion.machine import engines
from ingestion.parsers import hl7_encoding
from ingestion.parsers.block_limits import join_chunks, max_records_per_block, read_chunks
from ingestion.parsers.blocks import Array, Block, Refusals, Segment, readable
from ingestion.parsers.encoding import Utf8Detector
from ingestion.parsers.faults import unreadable
from ingestion.parsers.hl7_cut import AS_LINE_FEEDS, Cut, MessageCutter, segment_code
from ingestion.parsers.hl7_text import FieldReader, Segments
from ingestion.parsers.probe import PROBE_BYTES, check_text
from ingestion.parsers.text import strings
from ingestion.settings import Settings

CHUNK = 8 * 2**20
_LISTED = 20
_LF, _CR = 10, 13
_ORDER, _PATIENT = "ORC", "PID"
_OF_THE_MESSAGE = (HEADER, "SFT", "UAC", "EVN", "MSA", _PATIENT)
"""Segments that stand before the patients of a message, and the patient's own."""
_TYPE, _EVENT, _CHARSET = "_type", "_event", "_charset"
_HEADER_FIELDS = {
    _TYPE: Hl7Path(False, HEADER, 9, 1, 1), _EVENT: Hl7Path(False, HEADER, 9, 1, 2),
    _CHARSET: Hl7Path(False, HEADER, 18, 1),
}  # fmt: skip


class _Unknown(NamedTuple):
    seen: int
    first: int


class _Part(NamedTuple):
    """Messages of one encoding, by their indices in the whole block: those taken and those refused.

    Each record has its message's index (`unit`), its columns and whether a field repeats that is read once.
    """

    taken: Array
    refused: Refusals
    unit: Array
    columns: pa.Table
    repeats: Array


class Hl7Messages:
    """Reader of one table of a payload; `tables` are all of the feed, the first of which has what no record is in."""

    def __init__(self, table: Table, tables: Sequence[Table], spec: Hl7Format, path: Path, settings: Settings) -> None:
        self._table = table
        self._spec = spec
        self._path = path
        self._settings = settings
        self._is_first = table.name == tables[0].name
        self._sources = [str(one.source) for one in tables]
        self._paths = {column.name: _path_of(column) for column in table.source_columns}
        self._single = [
            column.name for column in table.source_columns
            if column.spec.repeated == "refuse" and self._paths[column.name].repetition is None
        ]  # fmt: skip
        read = {_path_of(column).segment for one in tables for column in one.source_columns}
        self._known = np.array([segment_code(name) for name in {HEADER, *self._sources, *read, *spec.ignored}])
        self._unknown: dict[int, _Unknown] = {}
        self._nulls = pa.array(spec.null_values, pa.string())
        self._number, self._messages = 1, 0

    def segments(self) -> Iterator[Segment]:
        """Every record in order, once.

        Raises DeliveryRefused: `empty`, `html_page`, `container`, `encoding`, `hl7_messages` (there is no message),
        `hl7_batch` (envelopes that do not agree with what they hold), `hl7_segments` (segments nobody declared).
        """
        threads, memory = self._settings.threads, self._settings.memory_limit
        session = engines.session(engines.plain, threads=threads, memory_limit=memory)
        with self._path.open("rb") as stream, session as connection:
            bom = check_text(stream.read(PROBE_BYTES), "the file")
            stream.seek(bom)
            most = max_records_per_block(len(self._paths))
            cutter = MessageCutter(
                str(self._table.source), self._sources, offset=bom, is_open=self._spec.last_segment == "open",
                encoding=hl7_encoding.of_contract(self._spec), max_record_bytes=self._settings.max_record_bytes,
            )  # fmt: skip
            detector = Utf8Detector(hl7_encoding.of_contract(self._spec))
            for cut in cutter.blocks(join_chunks(read_chunks(stream, CHUNK), CHUNK, {_LF: most, _CR: most})):
                detector.add_records(cut.block)
                segment = self._read(cut, connection)
                if len(segment.block):
                    yield segment
            self._check_messages(cutter)
            self._check_segments()
            detector.check()

    def _read(self, cut: Cut, connection: duckdb.DuckDBPyConnection) -> Segment:
        """The messages of each encoding together, the records put back into their order."""
        blocks = hl7_encoding.by_encoding(cut.block, self._spec)
        parts = [self._part(cut, units, block, connection) for units, block in blocks]
        self._messages += int(cut.is_message.sum())
        cut = cut._replace(block=hl7_encoding.put_together(cut.block, blocks))
        return self._segment(cut, parts[0] if len(parts) == 1 else _joined(parts))

    def _part(self, cut: Cut, units: Array, block: Block, connection: duckdb.DuckDBPyConnection) -> _Part:
        refused = block.refused + _unreadable(block)
        rows = readable(len(block), refused)
        segments = Segments(strings(block, rows), self._known)
        reader = FieldReader(connection, segments, block.encoding)
        refused += tuple((rule, rows[found]) for rule, found in self._judged(segments, reader) if len(found))
        taken = np.zeros(len(block), bool)
        taken[readable(len(block), refused)] = True
        none = np.flatnonzero(taken & ~cut.has_table[units])
        if len(none):
            refused += (("hl7_no_record", none),)
            taken[none] = False
        number = self._messages + np.cumsum(cut.is_message)
        self._note_unknown(segments, taken[rows], number[units[rows]])
        found = np.flatnonzero((segments.code == segment_code(str(self._table.source))) & taken[rows][segments.message])
        self._check_count(int(cut.records[units][taken].sum()), len(found))
        columns, repeats = self._columns(segments, reader, found)
        moved = tuple((rule, units[which]) for rule, which in refused)
        return _Part(units[taken], moved, units[rows[segments.message[found]]], columns, repeats)

    def _judged(self, segments: Segments, reader: FieldReader) -> Refusals:
        """Messages (by index) whose header cannot be read, is of another type or says another encoding."""
        has_marks = segments.of_message >= 0
        first = np.searchsorted(segments.message, np.flatnonzero(has_marks))
        header = reader.read(first, _HEADER_FIELDS).columns
        kind = pc.binary_join_element_wise(pc.fill_null(header[_TYPE], ""), pc.fill_null(header[_EVENT], ""), "^")
        is_taken = np.asarray(pc.is_in(kind, pa.array(self._spec.messages, pa.string())), dtype=bool)
        contradicts = hl7_encoding.contradicts(header[_CHARSET], self._spec)
        places = np.flatnonzero(has_marks)
        return (
            ("hl7_header", np.flatnonzero(~has_marks)),
            ("hl7_message_type", places[~is_taken]),
            ("hl7_encoding", places[contradicts]),
        )

    def _columns(self, segments: Segments, reader: FieldReader, records: Array) -> tuple[pa.Table, Array]:
        """The columns of records (indices of segments), and which records have a field twice that is read once."""
        made: dict[str, pa.Array] = {}
        repeats = np.zeros(len(records), bool)
        for key in sorted({(path.segment, path.after) for path in self._paths.values()}):
            paths = {name: path for name, path in self._paths.items() if (path.segment, path.after) == key}
            used, place = _around(segments, records, str(self._table.source), *key)
            values = reader.read(used, paths, self._single)
            index = pa.array(np.maximum(place, 0), mask=place < 0)
            made |= {name: values.columns[name].take(index) for name in paths}
            repeats[place >= 0] |= values.repeats[place[place >= 0]]
        nothing = pa.scalar(None, pa.string())
        return pa.table({
            name: pc.if_else(pc.is_in(made[name], self._nulls), nothing, made[name]) for name in self._paths
        }), repeats  # fmt: skip

    def _segment(self, cut: Cut, part: _Part) -> Segment:
        """One record for each of the table's segments; a message without any that was refused is one, too."""
        columns, repeats = part.columns, part.repeats
        taken = np.zeros(len(cut.block), bool)
        taken[part.taken] = True
        least = 1 if self._is_first else 0
        counts = np.where(taken, cut.records, np.maximum(cut.records, least))
        unit = np.repeat(np.arange(len(counts)), counts)
        block = replace(
            cut.block, first=self._number, starts=cut.block.starts[unit], ends=cut.block.ends[unit],
            lengths=cut.block.lengths[unit], refused=(),
            encodings=None if cut.block.encodings is None else cut.block.encodings[unit],
        )  # fmt: skip
        self._number += len(unit)
        moved = [(rule, np.flatnonzero(np.isin(unit, units))) for rule, units in part.refused]
        rows = np.flatnonzero(taken[unit])
        if repeats.any():
            moved.append(("repeated_field", rows[repeats]))
            rows, columns = rows[~repeats], columns.filter(pa.array(~repeats))
        return Segment(block, rows, columns, tuple((rule, records) for rule, records in moved if len(records)))

    def _note_unknown(self, segments: Segments, taken: Array, number: Array) -> None:
        """Note segments that nobody declared; `number` is each message's place in the file, from 1."""
        unknown = ~np.isin(segments.code, self._known) & taken[segments.message]
        codes, first, counts = np.unique(segments.code[unknown], return_index=True, return_counts=True)
        message = number[segments.message[unknown]]
        for code, at, count in zip(codes.tolist(), first.tolist(), counts.tolist(), strict=True):
            before = self._unknown.get(code, _Unknown(0, int(message[at])))
            self._unknown[code] = _Unknown(before.seen + count, min(before.first, int(message[at])))

    def _check_count(self, counted: int, found: int) -> None:
        if counted != found:
            raise IntegrityError(
                f"{counted} {self._table.source} segments counted, {found} read, from message {self._messages + 1}",
                left="nothing was written",
                next_step="keep the file and report it: the record counter and the reader disagree",
            )

    def _check_messages(self, cutter: MessageCutter) -> None:
        if not cutter.messages and not cutter.batches.count:
            raise DeliveryRefused(
                "the file has no HL7 message: no line begins with MSH",
                rule="hl7_messages",
                next_step="correct `format` in the contract, or ask the department for the declared format",
            )

    def _check_segments(self) -> None:
        if not self._unknown:
            return
        names = [
            f"{code.to_bytes(3, 'big').decode('ascii')} ({one.seen:,}, first in message {one.first:,})"
            for code, one in sorted(self._unknown.items())
        ]
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        raise DeliveryRefused(
            f"segments that the contract neither reads nor ignores: {', '.join(names[:_LISTED])}{more}",
            rule="hl7_segments",
            next_step="agree them with the department and revise the contract: a column, or `ignored` of the format",
        )


def _path_of(column: Column) -> Hl7Path:
    return hl7_path(column.spec.path or str(column.source))


def _joined(parts: list[_Part]) -> _Part:
    """The parts as one, in the order of messages."""
    order = np.argsort(np.concatenate([part.unit for part in parts]), kind="stable")
    rules = dict.fromkeys(rule for part in parts for rule, _ in part.refused)
    refused = {
        rule: np.unique(np.concatenate([units for part in parts for name, units in part.refused if name == rule]))
        for rule in rules
    }
    return _Part(
        np.sort(np.concatenate([part.taken for part in parts])),
        tuple(refused.items()),
        np.concatenate([part.unit for part in parts])[order],
        pa.concat_tables([part.columns for part in parts]).take(pa.array(order)),
        np.concatenate([part.repeats for part in parts])[order],
    )


def _unreadable(block: Block) -> Refusals:
    """As `faults.unreadable`, to which a line ends with LF: the lines of GB18030 are decoded one by one."""
    is_gb = block.encoding == "gb18030"
    return unreadable(replace(block, data=block.data.translate(AS_LINE_FEEDS)) if is_gb else block)


def _around(segments: Segments, records: Array, own: str, name: str, after: bool) -> tuple[Array, Array]:
    """The segments of a name that belong to records: their indices, and for each record which of them, -1 for none."""
    if name == own and not after:
        return records, np.arange(len(records))
    positions = np.flatnonzero(segments.code == segment_code(name))
    patients = np.flatnonzero(segments.code == segment_code(_PATIENT))
    message = segments.message[records]
    if after:
        place = np.searchsorted(positions, records, side="right")
        upper = np.searchsorted(segments.message, message, side="right")
        upper = np.minimum(upper, np.append(records[1:], len(segments.code)))
        later = np.searchsorted(patients, records, side="right")
        upper = np.minimum(upper, np.append(patients, len(segments.code))[later])
        there = np.append(positions, len(segments.code))[place] < upper
    else:
        place = np.searchsorted(positions, records) - 1
        lower = np.searchsorted(segments.message, message)
        if name not in _OF_THE_MESSAGE:
            patient = np.searchsorted(patients, records) - 1
            lower = np.maximum(lower, np.append(patients, -1)[patient])
        if name == _ORDER:
            lower = np.maximum(lower, np.append(-1, records[:-1]))
        there = np.append(positions, -1)[place] >= lower
    used, back = np.unique(np.where(there, place, 0)[there], return_inverse=True)
    found = np.full(len(records), -1, np.int64)
    found[there] = back.reshape(-1)
    return positions[used], found
