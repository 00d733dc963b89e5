"""JSON as records: one object a line, or the objects of one document under a declared path.

Each record keeps its own text, so that quarantine shows what was sent; each declared member
becomes a text column. Undeclared members are ignored. Typing is left to conform.
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
from ingestion.parsers.blocks import Array, Block, Refusals, Segment, readable
from ingestion.parsers.encoding import Watch, to_utf8, undecodable
from ingestion.parsers.probe import PROBE_BYTES, check_text
from ingestion.parsers.records import Dialect, RecordReader
from ingestion.parsers.text import strings
from ingestion.settings import Settings
from ingestion.sql import identifier, literal

_CHUNK = 8 * 2**20


class JsonRecords:
    """Segments of one JSON payload."""

    def __init__(self, table: Table, spec: JsonFormat, path: Path, settings: Settings) -> None:
        self._table = table
        self._spec = spec
        self._path = path
        self._settings = settings

    def segments(self) -> Iterator[Segment]:
        """Every record in order, once.

        Raises DeliveryRefused: `empty`, `html_page`, `container`, `encoding`, `json_malformed`
        (a document that is not JSON), `json_records` (no list under the path),
        `document_too_long`.
        """
        with self._path.open("rb") as stream:
            yield from self.read(stream)

    def read(self, stream: BinaryIO) -> Iterator[Segment]:
        """As `segments`, of one seekable stream."""
        bom = check_text(stream.read(PROBE_BYTES), "the file")
        stream.seek(bom)
        with duckdb.connect() as connection:
            connection.execute(f"set threads = {self._settings.threads}")
            watch = Watch(self._spec.encoding)
            blocks = self._lines(stream, bom) if self._spec.type == "ndjson" else self._document(stream, connection)
            for block in blocks:
                watch.see(block.data)
                yield self._read(block, connection)
            watch.check()

    def _lines(self, stream: BinaryIO, bom: int) -> Iterator[Block]:
        dialect = Dialect(self._spec.encoding, None, 0, self._settings.max_record_bytes)
        return iter(RecordReader(stream, dialect, offset=bom, chunk=_CHUNK))

    def _document(self, stream: BinaryIO, connection: duckdb.DuckDBPyConnection) -> Iterator[Block]:
        limit = self._settings.max_document_bytes
        data = stream.read(limit + 1)
        if len(data) > limit:
            raise DeliveryRefused(
                f"the JSON document is longer than {limit:,} bytes, which is read whole",
                rule="document_too_long",
                next_step="ask for one object a line (NDJSON), or raise CITYLAKE_MAX_DOCUMENT_BYTES",
            )
        text = to_utf8(data, self._spec.encoding)
        if text is None:
            place = int(undecodable(data, self._spec.encoding)[0])
            raise DeliveryRefused(
                f"the document is not {self._spec.encoding}: byte {place} cannot be decoded",
                rule="encoding",
                next_step="correct `encoding` in the contract, or ask the department to send the declared encoding",
            )
        records = self._records(text.decode("utf-8"), connection)
        if not len(records):
            return
        joined, starts, ends = _joined(records)
        yield Block(joined, None, 1, starts, ends, ends - starts, "utf-8")

    def _records(self, text: str, connection: duckdb.DuckDBPyConnection) -> pa.Array:
        """The JSON text of each record under the declared path."""
        path = self._spec.records
        row = connection.execute("select json_valid($1)", [text]).fetchone()
        if row is None or not row[0]:
            raise DeliveryRefused(
                "the document is not well-formed JSON (cut off in transfer?)",
                rule="json_malformed",
                next_step="ask the department to send it again",
            )
        row = connection.execute("select json_type($1, $2), json_array_length($1, $2)", [text, path]).fetchone()
        kind, count = row if row else (None, 0)
        if kind != "ARRAY":
            keys = connection.execute("select try(json_keys($1))", [text]).fetchone()
            top = ", ".join((keys[0] or [])[:20]) if keys else ""
            raise DeliveryRefused(
                f"no list of records at {path}: found {kind or 'nothing'}"
                + (f"; top-level members: {top}" if top else ""),
                rule="json_records",
                next_step="correct `records` in the contract, or ask the department what changed",
            )
        found = connection.execute("select unnest(json_extract($1, $2))", [text, f"{path}[*]"]).to_arrow_table()
        records = found.column(0).combine_chunks().cast(pa.string())
        if len(records) != count:
            raise DeliveryRefused(
                f"{count} records counted at {path}, {len(records)} read", rule="json_records",
                next_step="report the file: the counter and the reader disagree",
            )  # fmt: skip
        return records

    def _read(self, block: Block, connection: duckdb.DuckDBPyConnection) -> Segment:
        refused = block.refused + _unreadable(block)
        rows = readable(len(block), refused)
        lines = pa.table({"line": strings(block, rows)})
        kind = "case when json_valid(line) then json_type(line) = 'OBJECT' else false end"
        good = connection.from_arrow(lines).query("lines", f"select {kind} as good from lines").fetchnumpy()["good"]
        good = np.asarray(good, dtype=bool)
        if not good.all():
            refused += (("json_malformed", rows[~good]),)
            rows, lines = rows[good], lines.filter(pa.array(good))
        columns = connection.from_arrow(lines).query("lines", self._extract()).to_arrow_table()
        return Segment(block, rows, columns, refused)

    def _extract(self) -> str:
        """SQL that reads every declared member in one pass over each line; `[*]` paths become JSON text."""
        plain = [c for c in self._table.source_columns if "*" not in member_path(c)]
        starred = [c for c in self._table.source_columns if "*" in member_path(c)]
        paths = literal([member_path(c) for c in plain])
        inner = [f"json_extract_string(line, {paths}) as found"] if plain else []
        inner += [
            f"nullif(cast(to_json(json_extract(line, {literal(path)})) as varchar), '[]') as {identifier(name)}"
            for path, name in ((member_path(c), c.name) for c in starred)
        ]
        outer = [
            f"found[{plain.index(c) + 1}] as {identifier(c.name)}" if c in plain else identifier(c.name)
            for c in self._table.source_columns
        ]
        return f"select {', '.join(outer)} from (select {', '.join(inner)} from lines)"


def member_path(column: Column) -> str:
    """The JSON path of a column: its declared `path`, else its source name as a top-level member."""
    if column.spec.path:
        return column.spec.path
    return '$."' + str(column.source).replace('"', '\\"') + '"'


def _unreadable(block: Block) -> Refusals:
    refused: Refusals = ()
    if b"\x00" in block.data:
        places = np.flatnonzero(np.frombuffer(block.data, np.uint8) == 0)
        refused += (("nul_byte", _holding(block, places)),)
    if to_utf8(block.data, block.encoding) is None:
        refused += (("encoding", _holding(block, undecodable(block.data, block.encoding))),)
    return refused


def _holding(block: Block, places: Array) -> Array:
    return np.unique(np.searchsorted(block.starts, places, side="right") - 1)


def _joined(records: pa.Array) -> tuple[bytes, Array, Array]:
    """One line a record, with the limits of each."""
    lengths = np.asarray(pa.compute.binary_length(records), dtype=np.int64)
    ends = np.cumsum(lengths + 1) - 1
    return "\n".join(records.to_pylist()).encode("utf-8"), ends - lengths, ends
