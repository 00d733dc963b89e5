"""Strip the text columns of a segment, and replace blank values and null words by NULL.

This precedes everything else that is done to a value: codes, types, keys, pseudonyms and rules (docs/adr/0017). The
parsers have replaced exact null words already; here those with surrounding blanks, and those in JSON and Parquet, are
replaced.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract.extension import Format, JsonFormat, ZipFormat
from ingestion.contract.health_formats import FhirFormat
from ingestion.contract.model import Column
from ingestion.contract.table_formats import FixedWidthFormat, ParquetFormat
from ingestion.parsers.blank_cells import stripped
from ingestion.parsers.blocks import Array
from ingestion.values.blanks import is_blank, strip


class SentText:
    """Prepares the columns of one table of a feed in this format."""

    def __init__(self, spec: Format, columns: Iterable[Column]) -> None:
        text = spec.member if isinstance(spec, ZipFormat) else spec
        self.kept = frozenset(column.name for column in columns if keeps_blanks(column, text))
        """Names of columns whose values keep the blanks around them."""
        words = dict.fromkeys(strip(word) for word in text.null_values if not is_blank(word))
        self._words = pa.array(list(words), pa.string())
        self._every = isinstance(text, JsonFormat | ParquetFormat | FhirFormat)

    def read(self, columns: pa.Table) -> pa.Table:
        """The prepared columns (VARCHAR), with the same rows."""
        for index, name in enumerate(columns.column_names):
            found = self._column(columns.column(index), kept=name in self.kept)
            if found is not None:
                columns = columns.set_column(index, name, found)
        return columns

    def _column(self, column: pa.ChunkedArray, *, kept: bool) -> pa.Array | None:
        """The prepared column; None where it needs no change."""
        text, changed = stripped(column)
        if kept:
            if not len(changed):
                return self._without_words(column) if self._every else None
            blank = changed[np.asarray(pc.equal(text.take(pa.array(changed)), ""), dtype=bool)]
            text = _nulled(column.combine_chunks(), blank)
        elif len(changed):
            after = text.take(pa.array(changed))
            nothing = pc.or_(pc.equal(after, ""), pc.is_in(after, self._words.cast(text.type)))
            text = _nulled(text, changed[np.asarray(nothing, dtype=bool)])
        if self._every:
            return self._without_words(text)
        return text if len(changed) else None

    def _without_words(self, text: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
        if not len(self._words):
            return text
        return pc.if_else(pc.is_in(text, self._words.cast(text.type)), pa.scalar(None, text.type), text)


def keeps_blanks(column: Column, text: object) -> bool:
    """Whether blanks around a column's values are part of them; they never are for types other than VARCHAR."""
    if column.type != "VARCHAR":
        return False
    if column.spec.blanks is not None:
        return column.spec.blanks == "keep"
    if isinstance(text, FixedWidthFormat):
        fields = {**text.fields, **(text.repeat.fields if text.repeat else {})}
        field = fields.get(str(column.source))
        return field is not None and field.blanks == "keep"
    return not getattr(text, "trim", True)


def _nulled(text: pa.Array, rows: Array) -> pa.Array:
    if not len(rows):
        return text
    mask = np.zeros(len(text), dtype=bool)
    mask[rows] = True
    return pc.if_else(pa.array(mask), pa.scalar(None, text.type), text)
