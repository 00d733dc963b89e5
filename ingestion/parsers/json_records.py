"""Read JSON records: one object per line (NDJSON), or the objects of a list at a declared path of one document.

Each declared member becomes a text column; undeclared members are ignored. Each record keeps its original text for the
quarantine. Typing the values is left to conform.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import duckdb
import numpy as np
import pyarrow as pa

from ingestion.contract.extension import JsonFormat
from ingestion.contract.model import Column, Table
from ingestion.errors import DeliveryRefused
from ingestion.machine import engines
from ingestion.parsers.block_limits import join_chunks, max_records_per_block
from ingestion.parsers.blocks import Array, Block, Segment, readable
from ingestion.parsers.encoding import Utf8Detector, utf8_chunks
from ingestion.parsers.faults import unreadable
from ingestion.parsers.json_cut import MARKS, JsonCutter, malformed, undecodable_document
from ingestion.parsers.json_numbers import ExactNumbers
from ingestion.parsers.json_paths import extract_statement, member_path
from ingestion.parsers.json_repeats import RepeatedMembers
from ingestion.parsers.probe import PROBE_BYTES, check_text, empty
from ingestion.parsers.quoting import Dialect
from ingestion.parsers.records import RecordReader
from ingestion.parsers.text import lines
from ingestion.settings import Settings

_BRACE = ord("{")
CHUNK = 16 * 2**20
"""Bytes processed together."""


class JsonRecords:
    """Reader of one JSON payload."""

    def __init__(self, table: Table, spec: JsonFormat, path: Path, settings: Settings) -> None:
        self._table = table
        self._spec = spec
        self._path = path
        self._settings = settings
        self._most = max_records_per_block(len(table.source_columns))
        self._statement = extract_statement(table.source_columns)
        self._repeats = RepeatedMembers(member_path(column) for column in table.source_columns)
        texts = [c.name for c in table.source_columns if c.type == "VARCHAR"]
        numbers = [c.name for c in table.source_columns if c.name not in texts and not _is_read_as_double(c)]
        self._exactly = ExactNumbers(texts, numbers)

    def segments(self) -> Iterator[Segment]:
        """Every record in order, once.

        Raises DeliveryRefused: `empty`, `html_page`, `container`, `encoding`, `json_malformed`
        (a document that is not JSON), `json_records` (no list under the path),
        `document_too_long`.
        """
        threads, memory = self._settings.threads, self._settings.memory_limit
        session = engines.session(engines.plain, threads=threads, memory_limit=memory)
        with self._path.open("rb") as stream, session as connection:
            yield from self.read(stream, connection)

    def read(self, stream: BinaryIO, connection: duckdb.DuckDBPyConnection) -> Iterator[Segment]:
        """As `segments`, for a seekable stream. `connection` can be used for several streams, one after the other."""
        bom = check_text(stream.read(PROBE_BYTES), "the file")
        stream.seek(bom)
        blocks = self._lines(stream, bom) if self._spec.type == "ndjson" else self._document(stream, connection)
        for block in blocks:
            yield self._read(block, connection)

    def lines(
        self, stream: BinaryIO, connection: duckdb.DuckDBPyConnection, *, offset: int, first: int
    ) -> Iterator[Segment]:
        """As `read`, for one of several NDJSON files of a table, of which the first record has the number `first`.

        `stream` stands at the byte `offset`, after a byte order mark, and need not be seekable.
        """
        for block in self._lines(stream, offset, first):
            yield self._read(block, connection)

    def _lines(self, stream: BinaryIO, bom: int, first: int = 1) -> Iterator[Block]:
        dialect = Dialect(self._spec.encoding, None, 0, self._settings.max_record_bytes)
        detector, block = Utf8Detector(self._spec.encoding), None
        for block in RecordReader(stream, dialect, offset=bom, first=first, chunk=CHUNK, most=self._most):
            detector.add_records(block)
            yield block
        if block is None:
            raise empty("the file")
        detector.check()

    def _document(self, stream: BinaryIO, connection: duckdb.DuckDBPyConnection) -> Iterator[Block]:
        encoding, bom = self._spec.encoding, stream.tell()
        chunks = utf8_chunks(
            stream, encoding, chunk=CHUNK, place=bom, refused=lambda place: undecodable_document(encoding, place)
        )
        cutter = JsonCutter(
            join_chunks(chunks, CHUNK, MARKS),
            self._spec.records,
            offset=bom if encoding == "utf-8" else None,
            max_record_bytes=self._settings.max_record_bytes,
            max_document_bytes=self._settings.max_document_bytes,
            most=self._most,
        )
        yield from cutter.blocks()
        around = cutter.head if cutter.envelope is None else cutter.envelope
        self._check_around(around.decode("utf-8"), connection)

    def _check_around(self, text: str, connection: duckdb.DuckDBPyConnection) -> None:
        """Check that `text`, the document with an empty list, is JSON and has that list at the declared path."""
        path = self._spec.records
        row = connection.execute("select json_valid($1)", [text]).fetchone()
        if row is None or not row[0]:
            raise malformed("what stands around the records is not")
        row = connection.execute("select json_type($1, $2), json_array_length($1, $2)", [text, path]).fetchone()
        if row != ("ARRAY", 0):
            keys = connection.execute("select try(json_keys($1))", [text]).fetchone()
            top = ", ".join((keys[0] or [])[:20]) if keys else ""
            raise DeliveryRefused(
                f"no list of records at {path}: found {row[0] if row and row[0] else 'nothing'}"
                + (f"; top-level members: {top}" if top else ""),
                rule="json_records",
                next_step="correct `records` in the contract, or ask the department what changed",
            )

    def _read(self, block: Block, connection: duckdb.DuckDBPyConnection) -> Segment:
        refused = block.refused + unreadable(block)
        rows = readable(len(block), refused)
        found = pa.table({"line": lines(block, rows)})
        kind = "json_valid(line)"
        if not _begin_as_objects(block, rows):
            kind = f"case when {kind} then json_type(line) = 'OBJECT' else false end"
        good = connection.from_arrow(found).query("lines", f"select {kind} as good from lines").fetchnumpy()["good"]
        good = np.asarray(good, dtype=bool)
        if not good.all():
            if self._spec.type == "json":
                self._check_whole(block, rows[~good], found.filter(pa.array(~good)), connection)
            refused += (("json_malformed", rows[~good]),)
            rows, found = rows[good], found.filter(pa.array(good))
        twice = self._repeats.rows(found, connection)
        if len(twice):
            refused += (("repeated_member", rows[twice]),)
            once = np.setdiff1d(np.arange(len(rows)), twice, assume_unique=True)
            rows, found = rows[once], found.take(pa.array(once))

        def read(lines: pa.Table) -> pa.Table:
            return connection.from_arrow(lines).query("lines", self._statement).to_arrow_table(max(lines.num_rows, 1))

        return Segment(block, rows, self._exactly.read(found, block.data, read), refused)

    def _check_whole(self, block: Block, rows: Array, records: pa.Table, connection: duckdb.DuckDBPyConnection) -> None:
        """Refuse the whole document where a record is not JSON; one that is JSON but no object is a refused row."""
        found = connection.from_arrow(records).query("lines", "select json_valid(line) as good from lines").fetchnumpy()
        spoiled = rows[~np.asarray(found["good"], dtype=bool)]
        if len(spoiled):
            raise malformed(f"record {int(block.number(spoiled)[0]):,} is not")


def _begin_as_objects(block: Block, rows: Array) -> bool:
    """Whether every record begins with a brace, so that one that is JSON is an object and need not be read to tell."""
    return bool((np.frombuffer(block.data, np.uint8)[block.starts[rows]] == _BRACE).all())


def _is_read_as_double(column: Column) -> bool:
    """Whether the column is a plain DOUBLE, so that reading its numbers as doubles loses nothing."""
    return column.type == "DOUBLE" and not column.spec.missing and not column.spec.trace
