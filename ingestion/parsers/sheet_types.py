"""Cells against the types of their columns: what a cell is by itself must not become something else in its column.

The rule, for a declared column (docs/adr/0009):

- A boolean is a value of BOOLEAN and, as 1 or 0, of text; of no number and no date.
- A number is a value of numbers and text, and of a date where a format reads it; of no BOOLEAN.
- A number shown as a date is a value of a date with a serial format only. As text or a number it would be a
  serial nobody has seen: the row is refused, unless the contract says `date_cells: serial`.
- Text is read by the column's type, as in any format, but never as a serial: a serial is a number.
- A number of more than 15 digits before its point is none of text, whole numbers and DECIMAL: a workbook's numbers are doubles
  and its programs keep 15 digits, so an identifier that was typed as a number has lost some already (`number_precision`).

Words and codes that mean no value are none of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract.column_types import ColumnType, column_type
from ingestion.contract.model import Column
from ingestion.contract.table_formats import XlsxFormat
from ingestion.parsers.blocks import Array
from ingestion.parsers.sheet_cells import Fault, Kind
from ingestion.parsers.sheet_values import Values

_SERIALS = {"excel_serial": datetime(1899, 12, 30), "excel_serial_1904": datetime(1904, 1, 1)}
_TEXTS = (Kind.SHARED, Kind.FORMULA_TEXT, Kind.INLINE)
_FROM_DIGITS = 1e15
_LIKE_SERIAL = r"^\s*[0-9]{1,7}(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?\s*$"
_LEAP = datetime(1900, 3, 1)
_MIDNIGHT = r"T00:00(:00(\.0+)?)?$"


class ColumnJudge:
    """One declared column. `dated` says which cell styles show a date."""

    def __init__(self, column: Column, spec: XlsxFormat, dated: Array) -> None:
        found = column_type(column.type)
        self._type = found.name if isinstance(found, ColumnType) else column.type.upper()
        self._logical = found.logical if isinstance(found, ColumnType) else "string"
        self._serial = next((form for form in column.spec.readings if form in _SERIALS), None)
        self._others = [form for form in column.spec.readings if form and "%" in form]
        self._kept = spec.date_cells == "serial"
        self._dated = dated
        self._nulls = pa.array([*spec.null_values, *map(str, column.spec.missing)], pa.large_string())
        self._codes = [float(code) for code in column.spec.missing if _is_number(code)]

    def faults(self, values: Values) -> Array:
        """The fault of every cell of the column, its own or one against the column."""
        fault = values.fault.copy()
        fine = (fault == Fault.NONE) & np.asarray(pc.is_valid(values.text))
        number = values.kind == Kind.NUMBER
        style = values.style
        dated = np.zeros(len(values), bool)
        if self._dated.any():
            known = style < len(self._dated)
            dated = number & known & self._dated[np.where(known, style, 0)]
        self._set(fault, fine & self._contradicts(values, number, dated), Fault.TYPE, values)
        if self._logical in ("string", "integer") or self._type == "DECIMAL":
            many = fine & number & ~dated & (np.abs(np.nan_to_num(values.number)) >= _FROM_DIGITS)
            self._set(fault, many & (fault == Fault.NONE), Fault.PRECISION, values)
        if (fault == Fault.ERROR).any():
            excused = np.asarray(pc.is_in(pc.utf8_trim_whitespace(values.text), self._nulls))
            fault[(fault == Fault.ERROR) & excused] = Fault.NONE
        return fault

    def _contradicts(self, values: Values, number: Array, dated: Array) -> Array:
        boolean, day = values.kind == Kind.BOOLEAN, values.kind == Kind.DATE
        if self._logical == "string":
            return dated & (not self._kept)
        if self._logical == "boolean":
            return number | day
        if self._logical in ("integer", "number"):
            return np.asarray(boolean | day | (dated & (not self._kept)))
        if self._serial is None:
            return np.asarray(boolean | dated)
        return np.asarray(boolean | self._serials_as_text(values))

    def _serials_as_text(self, values: Values) -> Array:
        """Text that only a serial format could read."""
        wrong = np.isin(values.kind, _TEXTS)
        if wrong.any():
            wrong &= np.asarray(pc.fill_null(pc.match_substring_regex(values.text, _LIKE_SERIAL), False))
        if wrong.any() and self._others:
            texts = values.text.filter(pa.array(wrong))
            readable = [text for text in pc.unique(texts).to_pylist() if _reads(text, self._others)]
            wrong[wrong] = ~np.asarray(pc.is_in(texts, pa.array(readable, pa.large_string())))
        return wrong

    def _set(self, fault: Array, wrong: Array, which: Fault, values: Values) -> None:
        at = np.flatnonzero(wrong)
        if len(at):
            text = values.text.take(pa.array(at))
            excused = np.asarray(pc.is_in(pc.utf8_trim_whitespace(text), self._nulls))
            excused |= np.isin(values.number[at], self._codes)
            fault[at[~excused]] = which

    def texts(self, values: Values) -> pa.LargeStringArray:
        """The column's text as its type reads it: ISO 8601 cells as the serial, day or moment the column takes."""
        day = (values.kind == Kind.DATE) & (values.fault == Fault.NONE)
        if not day.any() or self._logical not in ("date", "timestamp"):
            return values.text
        found = values.text.filter(pa.array(day))
        if self._serial is not None:
            found = pa.array([_serial(text, self._serial) for text in found.to_pylist()], pa.large_string())
        elif self._logical == "date":
            found = pc.replace_substring_regex(found, _MIDNIGHT, "")
        return pc.replace_with_mask(values.text, pa.array(day), found)


def _is_number(code: str | float) -> bool:
    try:
        float(code)
    except ValueError:
        return False
    return True


def _reads(text: str, forms: Iterable[str]) -> bool:
    for form in forms:
        try:
            datetime.strptime(text.strip(), form)
        except ValueError:
            continue
        return True
    return False


def _serial(text: str | None, system: str) -> str | None:
    """An ISO 8601 day or moment as a serial; one with an offset stays as it is, a serial has none."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return text
    if moment.tzinfo is not None:
        return text
    apart = moment - _SERIALS[system]
    if system == "excel_serial" and moment < _LEAP:
        apart -= timedelta(days=1)
    seconds = apart.seconds + round(apart.microseconds / 1e6)
    return str(apart.days) if not seconds else f"{apart.days + seconds / 86400:.10f}"
