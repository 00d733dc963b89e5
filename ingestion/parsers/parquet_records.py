"""Read a Parquet file: columns by name, as text, in pieces of bounded size, rows counted against the footer.

A text in a dictionary may stand in every row, so the length of each row is known before any text is repeated. Types
other than text become their exact text in DuckDB. The quarantine keeps a row as JSON of its declared columns.
`parquet_file` refuses what cannot be read; typing the values is left to conform.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.contract.model import Table
from ingestion.contract.table_formats import ParquetFormat
from ingestion.errors import DeliveryRefused
from ingestion.machine.engines import plain, session
from ingestion.parsers.block_limits import max_records_per_block
from ingestion.parsers.blocks import Array, Segment, readable
from ingestion.parsers.header import check_header
from ingestion.parsers.parquet_file import damage_refused, damaged, opened, unsafe
from ingestion.parsers.source_types import check_source_types
from ingestion.parsers.text import block_of_texts
from ingestion.settings import Settings
from ingestion.sql import literal

_ROWS = 2**16
"""Rows read together at most."""
_BYTES = 16 * 2**20
"""Bytes of text processed together."""
_SHOWN = 1_000
"""Characters kept of each value of a row that is too long."""
_LISTED = 20


class ParquetRecords:
    """Reader of one Parquet file."""

    def __init__(self, table: Table, spec: ParquetFormat, path: Path, settings: Settings) -> None:
        self._table = table
        self._spec = spec
        self._path = path
        self._settings = settings
        self._sources = list(dict.fromkeys(str(column.source) for column in table.source_columns))

    def segments(self) -> Iterator[Segment]:
        """Every row in order, once.

        Raises DeliveryRefused: those of `parquet_file.opened`, and `header`, `column_type`, `encoding`.
        """
        threads, memory = self._settings.threads, self._settings.memory_limit
        with (
            opened(self._path, self._sources, self._settings) as file,
            session(plain, threads=threads, memory_limit=memory, zone="UTC") as connection,
        ):
            self._check_columns(file.schema_arrow)
            declared, number, given = file.metadata.num_rows, 1, 0
            for batch in self._batches(file):
                for piece, lengths, is_long in self._pieces(batch):
                    given += int(lengths.sum()) + piece.num_rows * piece.num_columns
                    if given > self._settings.max_uncompressed_bytes:
                        raise unsafe(f"holds more than {self._settings.max_uncompressed_bytes:,} bytes of values")
                    yield self._segment(connection, piece, number, lengths if is_long else None)
                    number += piece.num_rows
            if number - 1 != declared:
                raise damaged(f"its footer declares {declared:,} rows, and {number - 1:,} could be read")

    def _check_columns(self, schema: pa.Schema) -> None:
        """Refuse missing and undeclared columns, and declared ones whose values have no exact text."""
        check_header(
            list(schema.names), self._sources, what="the Parquet file", lenient=self._spec.lenient_extra_columns
        )
        kinds = {name: _kind(schema.field(name).type) for name in self._sources}
        wrong = [f"{name!r} is {kind}" for name, kind in kinds.items() if not _has_text(kind)]
        if wrong:
            raise DeliveryRefused(
                f"columns of the Parquet file are nested or bytes: {', '.join(wrong[:_LISTED])}",
                rule="column_type",
                next_step="ask the department for one value a column, text as UTF-8 strings",
            )
        check_source_types(self._table, schema)

    def _batches(self, file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
        rows = min(_ROWS, max_records_per_block(len(self._sources)))
        batches = file.iter_batches(rows, columns=self._sources)
        while True:
            with damage_refused():
                batch = next(batches, None)
            if batch is None:
                return
            yield batch.select(self._sources)

    def _pieces(self, batch: pa.RecordBatch) -> Iterator[tuple[pa.RecordBatch, Array, bool]]:
        """Runs of rows with about _BYTES of text: the rows, their lengths in bytes, whether each row is too long.

        Values of rows that are too long are cut.
        """
        with damage_refused():  # an index may lie outside its dictionary
            lengths: Array = sum((_lengths(column) for column in batch.columns), np.zeros(batch.num_rows, np.int64))
        is_long: Array = lengths > self._settings.max_record_bytes
        part = np.cumsum(np.where(is_long, 0, lengths)) // _BYTES
        breaks = np.flatnonzero((np.diff(part) != 0) | (np.diff(is_long) != 0)) + 1
        bounds = [0, *breaks.tolist(), batch.num_rows]
        for start, stop in pairwise(bounds):
            if start == stop:
                continue
            piece = batch.slice(start, stop - start)
            if is_long[start]:
                piece = pa.RecordBatch.from_arrays([_cut(column) for column in piece.columns], piece.schema.names)
            yield piece, lengths[start:stop], bool(is_long[start])

    def _segment(
        self, connection: duckdb.DuckDBPyConnection, piece: pa.RecordBatch, number: int, long: Array | None
    ) -> Segment:
        found = self._texts(connection, [_sql_value(column) for column in piece.columns], number)
        block = block_of_texts(found["_text"], number, long)
        texts = {name: found.column(place).combine_chunks() for place, name in enumerate(self._sources)}
        refused = [("record_too_long", np.arange(len(block)))] if long is not None else []
        holding_nul = _holding_nul(texts.values())
        if len(holding_nul):
            refused.append(("nul_byte", holding_nul))
        rows = readable(len(block), tuple(refused))
        columns = pa.table({column.name: texts[str(column.source)] for column in self._table.source_columns})
        return Segment(block, rows, columns.take(pa.array(rows)) if refused else columns, tuple(refused))

    def _texts(self, connection: duckdb.DuckDBPyConnection, values: list[_Value], number: int) -> pa.Table:
        """One text column for each value, in order, and the row as JSON (`_text`). Raises DeliveryRefused."""
        for name, value in zip(self._sources, values, strict=True):
            _check_encoding(name, value.column, number)
        letters = [f"c{index}" for index in range(len(values))]
        made = {x: f"cast({x} as varchar){value.suffix}" for x, value in zip(letters, values, strict=True)}
        shown = ", ".join(f"{literal(name)}, {made[x]}" for name, x in zip(self._sources, letters, strict=True))
        # Text need not pass through the engine, which would copy it twice.
        cast = [f"{made[x]} as {x}" for x, value in zip(letters, values, strict=True) if not value.is_text]
        connection.register("parquet_rows", pa.table([value.column for value in values], names=letters))
        statement = f"select {', '.join([*cast, f'cast(json_object({shown}) as varchar) as _text'])} from parquet_rows"
        found = connection.execute(statement).to_arrow_table()
        connection.unregister("parquet_rows")
        columns = {x: value.column if value.is_text else found[x] for x, value in zip(letters, values, strict=True)}
        return pa.table({**columns, "_text": found["_text"]})


class _Value(NamedTuple):
    """A column as a type whose cast to text in DuckDB, with `suffix` (SQL) after it, is exact."""

    column: pa.Array
    suffix: str = ""

    @property
    def is_text(self) -> bool:
        """Whether it is text as sent."""
        return bool(pa.types.is_string(self.column.type))


def _sql_value(column: pa.Array) -> _Value:
    kind = _kind(column.type)
    if _is_text(kind) or pa.types.is_decimal256(kind):
        return _Value(column.cast(pa.string()))
    column = column.cast(kind)
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        # DuckDB's moments have microseconds; its timestamps without a zone have nanoseconds, too.
        return _Value(column.cast(pa.timestamp(kind.unit, "UTC")).cast(pa.timestamp(kind.unit)), " || '+00'")
    return _Value(column.cast(pa.float32()) if pa.types.is_float16(kind) else column)


def _kind(given: pa.DataType) -> pa.DataType:
    return given.value_type if pa.types.is_dictionary(given) else given


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _has_text(kind: pa.DataType) -> bool:
    """Whether values of the type have one exact text."""
    types = pa.types
    plain_kinds = (
        _is_text, types.is_integer, types.is_floating, types.is_decimal, types.is_boolean, types.is_date,
        types.is_timestamp, types.is_time, types.is_null,
    )  # fmt: skip
    return any(is_kind(kind) for is_kind in plain_kinds) or kind == pa.uuid()


def _check_encoding(name: str, column: pa.Array, number: int) -> None:
    """Refuse text that is not UTF-8: Arrow hands the file's bytes on without a look."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        raise DeliveryRefused(
            f"column {name!r} is not UTF-8, in rows {number:,} to {number + len(column) - 1:,}",
            rule="encoding",
            next_step="ask the department to export its text as UTF-8, as Parquet asks",
        ) from error


def _lengths(column: pa.Array) -> Array:
    """Bytes of each value's text; 8 for types other than text."""
    if not _is_text(_kind(column.type)):
        return np.full(len(column), 8, np.int64)
    of_dictionary = pa.types.is_dictionary(column.type)
    known = pc.binary_length((column.dictionary if of_dictionary else column).cast(pa.large_string()))
    lengths = known.take(column.indices) if of_dictionary else known
    return np.asarray(pc.fill_null(lengths, 0), np.int64)


def _cut(column: pa.Array) -> pa.Array:
    """The column with each text cut to _SHOWN characters."""
    if not _is_text(_kind(column.type)):
        return column
    if pa.types.is_dictionary(column.type):
        return pa.DictionaryArray.from_arrays(column.indices, _cut(column.dictionary))
    return pc.utf8_slice_codeunits(column.cast(pa.large_string()), 0, _SHOWN)


def _holding_nul(columns: Iterable[pa.Array]) -> Array:
    """Rows with a NUL character in one of the columns, ascending."""
    found = [np.flatnonzero(pc.fill_null(pc.match_substring(text, "\0"), False)) for text in columns]
    return np.unique(np.concatenate(found))
