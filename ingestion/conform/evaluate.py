"""Evaluate segments of one table in SQL: typed values, hashes, pseudonyms, and the rules that each row breaks.

Planning the statement costs far more than running it over a few rows, so an evaluator is made once for many deliveries
of a contract, and the segments of several small ones are evaluated in one pass (`together`). What becomes of the rows
is decided in `table`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.conform.compile import CONTENT_DATE, TablePlan
from ingestion.conform.direct import odd_rows, plain_digits, read_directly
from ingestion.conform.pseudonym import PseudonymKeys
from ingestion.conform.pseudonymise import Pseudonymiser
from ingestion.contract.conditions import condition_column
from ingestion.contract.model import Column
from ingestion.parsers.blocks import Array, Segment

_MANY = 2**14
"""Rows from which on a column with a few odd texts is read in two parts, which takes one statement more."""
_FEW = 8
"""The odd texts are few where they are at most one in this many."""


@dataclass(frozen=True)
class Evaluated:
    """One segment in SQL's eyes: `masks` has one row per `suspect` row, None when there is none.

    `passed_through` are columns that Arrow read and SQL did not give back.
    """

    values: pa.Table
    passed_through: dict[str, pa.ChunkedArray]
    pseudonyms: dict[str, pa.DictionaryArray]
    suspect: Array
    masks: pa.Table | None

    def part(self, start: int, stop: int) -> Evaluated:
        """What is about the rows `start` to `stop` alone."""
        first, last = (int(at) for at in np.searchsorted(self.suspect, (start, stop)))
        return Evaluated(
            values=self.values.slice(start, stop - start),
            passed_through={name: column.slice(start, stop - start) for name, column in self.passed_through.items()},
            pseudonyms={name: _own(column.slice(start, stop - start)) for name, column in self.pseudonyms.items()},
            suspect=self.suspect[first:last] - start,
            masks=self.masks.slice(first, last - first) if self.masks is not None and last > first else None,
        )


class Evaluator:
    """Evaluates segments of one table of a contract; used in the session that it was made for."""

    def __init__(self, plan: TablePlan, connection: duckdb.DuckDBPyConnection, keys: PseudonymKeys) -> None:
        self.plan = plan
        self._connection = connection
        self._pseudonymisers = {c.name: Pseudonymiser(plan, c, connection, keys) for c in plan.pseudonyms}
        self._statements: dict[tuple[frozenset[str], frozenset[str]], str] = {}
        self._masks = plan.mask_statement()

    def each(self, segments: Iterator[Segment], content_date: date) -> Iterator[tuple[Segment, Evaluated | None]]:
        """Every segment and its evaluation; None for one without readable rows."""
        for segment in segments:
            yield segment, self._evaluate(segment.columns, [content_date]) if len(segment.rows) else None

    def together(
        self, segments: Sequence[Segment], content_dates: Sequence[date]
    ) -> list[tuple[Segment, Evaluated | None]]:
        """As `each`, of segments of several deliveries in one pass; `content_dates` has one date per segment."""
        filled = [(segment, day) for segment, day in zip(segments, content_dates, strict=True) if len(segment.rows)]
        if not filled:
            return [(segment, None) for segment in segments]
        counts = [segment.columns.num_rows for segment, _ in filled]
        columns = pa.concat_tables([segment.columns for segment, _ in filled])
        whole = self._evaluate(columns, [day for _, day in filled], counts)
        ends = np.cumsum(counts).tolist()
        parts = iter([whole.part(stop - count, stop) for stop, count in zip(ends, counts, strict=True)])
        return [(segment, next(parts) if len(segment.rows) else None) for segment in segments]

    def _evaluate(
        self, columns: pa.Table, content_dates: Sequence[date], counts: Sequence[int] | None = None
    ) -> Evaluated:
        """Type, hash and pseudonymise the columns; evaluate single rules only for rows that may break one.

        `counts` are the rows that each of the `content_dates` is of; None: one date is of all.
        """
        columns = self.plan.sent.read(columns)
        named = columns.rename_columns([f"_raw_{name}" for name in columns.column_names])
        if self.plan.uses_content_date:
            dates = np.repeat(np.array(content_dates, "datetime64[D]"), counts or [columns.num_rows])
            named = named.append_column(CONTENT_DATE, pa.array(dates))
        kept = {column.name: self._kept(column, columns) for column in self.plan.conditional}
        for name, rows in kept.items():
            named = named.append_column(f"_kept_{name}", rows)
        pseudonyms = {}
        for name, pseudonymiser in self._pseudonymisers.items():
            raw = columns[name]
            personal = pc.if_else(kept[name], pa.scalar(None, raw.type), raw) if name in kept else raw
            pseudonyms[name], short = pseudonymiser.apply(pa.chunked_array(personal))
            named = named.append_column(f"_p_{name}", short)
        values, passed_through, unread = self._values(named)
        for name in pseudonyms.keys() & kept.keys():
            both = pc.if_else(kept[name], values[name], pseudonyms.pop(name).dictionary_decode())
            values = values.set_column(values.schema.get_field_index(name), name, both)
        suspect = np.union1d(np.flatnonzero(values["_suspect"].to_numpy()), unread)
        masks = self._query(self._masks, named.take(pa.array(suspect))) if len(suspect) else None
        return Evaluated(values, passed_through, pseudonyms, suspect, masks)

    def _kept(self, column: Column, columns: pa.Table) -> pa.BooleanArray:
        """Whether each row keeps the value of a column that is de-identified on some rows. Never NULL."""
        name = condition_column(column)
        encoded = pc.dictionary_encode(columns[name].combine_chunks())
        texts = pa.table({f"_raw_{name}": encoded.dictionary})
        self._connection.register("odd_values", texts)
        kept = self._connection.execute(self.plan.kept_statement(column)).to_arrow_table()["kept"].combine_chunks()
        self._connection.unregister("odd_values")
        return pc.fill_null(kept.take(encoded.indices), False)

    def _values(self, named: pa.Table) -> tuple[pa.Table, dict[str, pa.ChunkedArray], Array]:
        """The result of `TablePlan.statement`, the columns read by Arrow that go to bronze unchanged, and the rows in
        which such a column has a text that is no value.
        """
        found, unread = {}, [np.empty(0, np.int64)]
        for name, to in self.plan.direct.items():
            text = named[f"_raw_{name}"]
            typed = read_directly(text, to)
            if typed is None and len(text) >= _MANY:
                typed, rows = self._read_mostly(name, text, to)
                unread.append(rows)
            if typed is not None:
                found[name] = typed
                named = named.set_column(named.schema.get_field_index(f"_raw_{name}"), f"_raw_{name}", typed)
        direct = frozenset(found)
        plain = frozenset(name for name in self.plan.plain_decimals if plain_digits(named[f"_raw_{name}"]))
        if (direct, plain) not in self._statements:
            self._statements[direct, plain] = self.plan.statement(direct, plain)
        passed_through = {name: found[name] for name in self.plan.passed_through(direct)}
        return self._query(self._statements[direct, plain], named), passed_through, np.concatenate(unread)

    def _read_mostly(self, name: str, text: pa.ChunkedArray, to: pa.DataType) -> tuple[pa.ChunkedArray | None, Array]:
        """The column, a few odd texts read by SQL and the others by Arrow, and the rows in which SQL found no value.

        None where SQL must read the whole column.
        """
        nothing = np.empty(0, np.int64)
        rows = odd_rows(text, to)
        if not 0 < len(rows) <= len(text) // _FEW:
            return None, nothing
        mask = np.zeros(len(text), dtype=bool)
        mask[rows] = True
        odd = pa.array(mask)
        typed = read_directly(
            pa.chunked_array([pc.if_else(odd, pa.scalar(None, pa.string()), text.combine_chunks())]), to
        )
        if typed is None:
            return None, nothing
        texts = pa.table({f"_raw_{name}": text.take(pa.array(rows))}).combine_chunks()
        self._connection.register("odd_values", texts)
        values = self._connection.execute(self.plan.value_statement(name)).to_arrow_table()["value"].cast(to)
        self._connection.unregister("odd_values")
        unread = rows[np.asarray(values.is_null(), dtype=bool)]
        whole = pc.replace_with_mask(typed.combine_chunks(), odd, values.combine_chunks())
        return pa.chunked_array([whole]), unread

    def _query(self, statement: str, segment: pa.Table) -> pa.Table:
        # In one chunk: DuckDB reads the chunks of a table in several threads, and gives rows back in another order.
        self._connection.register("segment", segment.combine_chunks())
        result = self._connection.execute(statement).to_arrow_table(max(segment.num_rows, 1))
        self._connection.unregister("segment")
        return result


def _own(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """The column with only its own values in its dictionary, so that no delivery's file holds those of others."""
    return column.dictionary_decode().dictionary_encode()
