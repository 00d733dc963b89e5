"""Columns that Arrow reads as their type, a whole segment at once, several times faster than SQL does row by row.

Texts come without blanks around them (`sent`). Only where Arrow and `typing.read` with `typing.checked` give the same
value for every text Arrow takes; all or nothing for a column of a segment: one text Arrow does not take, or one it
takes and SQL would not, and the column stays text for SQL to read. So bad values cost time and never change what is
read.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.conform.typing import in_calendar, kind
from ingestion.contract.model import Column

_INTEGERS = {
    "TINYINT": pa.int8(), "SMALLINT": pa.int16(), "INTEGER": pa.int32(), "INT": pa.int32(), "BIGINT": pa.int64(),
    "UTINYINT": pa.uint8(), "USMALLINT": pa.uint16(), "UINTEGER": pa.uint32(), "UBIGINT": pa.uint64(),
}  # fmt: skip
_HOUR_ONLY = len("2026-03-02 08")
_PLAIN = ord("9")


def arrow_type(column: Column) -> pa.DataType | None:
    """The type Arrow reads this column's text as; None where SQL has to.

    Declared formats, codes and scales are SQL's. So are DECIMAL (Arrow lets values through that its precision
    cannot hold) and REAL. Text is as it came.
    """
    spec = column.spec
    if spec.readings != (None,) or spec.missing or spec.trace or spec.implied_decimals is not None:
        return None
    if kind(column) == "text":
        return pa.string()
    name = column.type.upper().strip()
    return {"DOUBLE": pa.float64(), "DATE": pa.date32(), "TIMESTAMP": pa.timestamp("us"), **_INTEGERS}.get(name)


def directly(column: Column, value: str, zone: str) -> str:
    """SQL that ends what Arrow read: `nan` and `inf` are no values, nor are days and moments of other ages."""
    family = kind(column)
    if family == "float":
        return f"case when isfinite({value}) then {value} end"
    if family in ("date", "timestamp"):
        return f"case when {in_calendar(column, value, zone)} then {value} end"
    return value


def read_directly(text: pa.ChunkedArray, to: pa.DataType) -> pa.ChunkedArray | None:
    """Every value of the column, or None: SQL has to read it."""
    if not pa.types.is_string(text.type) or _beyond(text, to):
        return None
    try:
        return text.cast(to)
    except pa.ArrowInvalid:
        return None


def plain_digits(text: pa.ChunkedArray) -> bool:
    """Whether no text holds a letter, `_` or anything beyond the digits: none has an exponent."""
    return not _beyond_digits(text)


def _beyond(text: pa.ChunkedArray, to: pa.DataType) -> bool:
    """Whether Arrow might take a text here otherwise than SQL: `0x1F` as an integer, an hour without minutes."""
    if pa.types.is_integer(to):
        return _beyond_digits(text)
    if pa.types.is_timestamp(to):
        return bool(pc.any(pc.equal(pc.binary_length(text), _HOUR_ONLY)).as_py())
    return False


def _beyond_digits(text: pa.ChunkedArray) -> bool:
    letters = [buffers[2] for buffers in (chunk.buffers() for chunk in text.chunks) if buffers[2] is not None]
    return any(len(found) and np.frombuffer(found, np.uint8).max() > _PLAIN for found in letters)
