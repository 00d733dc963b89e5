"""Replace the values of a text column by pseudonyms (`pseudonym`), computed once per distinct value.

The result is an Arrow dictionary array, so that a pseudonym of 64 characters is computed, held and written once per
value instead of once per row. Pseudonyms of earlier segments are cached up to a limit.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.conform.compile import TablePlan
from ingestion.conform.pseudonym import PseudonymKeys, hmac_sql
from ingestion.contract.model import Column

_MAX_CACHED = 200_000


class Pseudonymiser:
    """Pseudonymises one column of one table."""

    def __init__(
        self, plan: TablePlan, column: Column, connection: duckdb.DuckDBPyConnection, keys: PseudonymKeys
    ) -> None:
        self._name = f"_raw_{column.name}"
        self._connection = connection
        purpose = column.spec.deidentify.purpose if column.spec.deidentify else None
        self._inner, self._outer = keys.pads(str(purpose))
        self._statement = (
            f"select value, cast('0x' || left(value, 16) as ubigint) as short from "
            f"(select {hmac_sql('value')} as value from ({plan.pseudonym_input(column)}))"
        )
        self._raw = pa.array([], pa.string())
        self._made = pa.table({"value": pa.array([], pa.string()), "short": pa.array([], pa.uint64())})

    def apply(self, raw: pa.ChunkedArray) -> tuple[pa.DictionaryArray, pa.Array]:
        """The pseudonym of every row (NULL stays NULL), and its first 64 bits (uint64) for row hashes."""
        encoded = pc.dictionary_encode(raw.combine_chunks())
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        made = self._pseudonyms(encoded.dictionary)
        values, short = made["value"].combine_chunks(), made["short"].combine_chunks()
        indices = encoded.indices
        if values.null_count:  # Parquet allows no NULL in a dictionary's values, only in its indices
            indices = pc.if_else(values.is_null().take(indices), pa.scalar(None, indices.type), indices)
            values = pc.fill_null(values, "")
        return pa.DictionaryArray.from_arrays(indices, values), short.take(indices)

    def _pseudonyms(self, distinct: pa.Array) -> pa.Table:
        """The pseudonyms of distinct values, in the same order."""
        known = pc.index_in(distinct, value_set=self._raw)
        fresh = distinct.filter(known.is_null())
        if not len(fresh):
            return self._made.take(known)
        found = self._compute(fresh)
        raw, made = pa.concat_arrays([self._raw, fresh]), pa.concat_tables([self._made, found]).combine_chunks()
        if len(raw) <= _MAX_CACHED:
            self._raw, self._made = raw, made
        return made.take(pc.index_in(distinct, value_set=raw))

    def _compute(self, values: pa.Array) -> pa.Table:
        self._connection.register("distinct_values", pa.table({self._name: values}))
        pads = {"inner": self._inner, "outer": self._outer}
        found = self._connection.execute(self._statement, pads).to_arrow_table()
        self._connection.unregister("distinct_values")
        return found.cast(self._made.schema)
