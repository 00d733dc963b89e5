"""Compare each cell's own type with the type of its column, and refuse cells that would change their meaning.

The rules for a declared column (docs/adr/0009):

- A boolean cell fits BOOLEAN and, as 1 or 0, text; it fits no number and no date.
- A number cell fits numbers and text, and a date with a serial format; it does not fit BOOLEAN.
- A number displayed as a date fits a date with a serial format. In a text column it becomes the displayed date in ISO
  8601 (`date_cells: iso`), since nobody has seen its serial. A numeric column, and a date column without a serial
  format, refuse it unless the contract says `date_cells: serial`. A text column refuses it where the contract says
  `refuse`, or where the number is no date or a duration.
- Text is read by the column's type as in any format, but never as a serial.
- A number of more than 15 digits before its point does not fit text, integers and DECIMAL (`number_precision`): the
  numbers of a workbook are doubles and its programs keep 15 digits, so an identifier stored as a number has lost some.

Cells with one of the contract's words or codes for a missing value are never refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract.column_types import ColumnType, column_type
from ingestion.contract.model import Column
from ingestion.contract.table_formats import XlsxFormat
from ingestion.parsers.blocks import Array
from ingestion.parsers.sheet_cells import Fault, Kind
from ingestion.parsers.sheet_dates import iso_texts, serial_text
from ingestion.parsers.sheet_styles import NumberDisplay
from ingestion.parsers.sheet_values import Values
from ingestion.values.blanks import BLANKS
from ingestion.values.numbers import exact

_SERIALS = ("excel_serial", "excel_serial_1904")
_TEXTS = (Kind.SHARED, Kind.FORMULA_TEXT, Kind.INLINE)
_FROM_DIGITS = 1e15
_LIKE_SERIAL = r"^\s*[0-9]{1,7}(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?\s*$"
_MIDNIGHT = r"T00:00(:00(\.0+)?)?$"


class ColumnJudge:
    """One declared column. `shown`: the `sheet_styles.NumberDisplay` of each cell style."""

    def __init__(self, column: Column, spec: XlsxFormat, shown: Array, *, date_1904: bool) -> None:
        found = column_type(column.type)
        self._type = found.name if isinstance(found, ColumnType) else column.type.upper()
        self._logical = found.logical if isinstance(found, ColumnType) else "string"
        self._serial = next((form for form in column.spec.readings if form in _SERIALS), None)
        self._others = [form for form in column.spec.readings if form and "%" in form]
        self._dates = spec.date_cells
        self._shown = shown
        self._date_1904 = date_1904
        self._nulls = pa.array([*spec.null_values, *map(str, column.spec.missing)], pa.large_string())
        self._codes = [float(code) for code in map(exact, column.spec.missing) if code is not None]

    def read(self, values: Values) -> tuple[Array, pa.LargeStringArray]:
        """For every cell of the column: its fault (its own, or that it does not fit the column), and its text."""
        fault = values.fault.copy()
        fine = (fault == Fault.NONE) & np.asarray(pc.is_valid(values.text))
        number = values.kind == Kind.NUMBER
        shown = self._shown_as(values, number)
        dated = shown != NumberDisplay.NUMBER
        self._set(fault, fine & self._contradicts(values, number, dated), Fault.TYPE, values)
        if self._logical in ("string", "integer") or self._type == "DECIMAL":
            many = fine & number & ~dated & (np.abs(np.nan_to_num(values.number)) >= _FROM_DIGITS)
            self._set(fault, many & (fault == Fault.NONE), Fault.PRECISION, values)
        if (fault == Fault.ERROR).any():
            excused = self._is_null_word(values.text)
            fault[(fault == Fault.ERROR) & excused] = Fault.NONE
        text = self._iso_as_read(values)
        if self._logical == "string" and self._dates == "iso" and (dated & fine).any():
            text = self._dates_as_shown(values, text, shown, fine & dated, fault)
        return fault, text

    def _shown_as(self, values: Values, number: Array) -> Array:
        shown = np.zeros(len(values), np.int64)
        if self._shown.any():
            known = number & (values.style < len(self._shown))
            shown[known] = self._shown[values.style[known]]
        return shown

    def _dates_as_shown(
        self, values: Values, text: pa.LargeStringArray, shown: Array, at: Array, fault: Array
    ) -> pa.LargeStringArray:
        """Replace numbers displayed as dates by the displayed date; a number that is no date gets the fault TYPE."""
        days = iso_texts(values.number[at], shown[at], date_1904=self._date_1904)
        none = np.zeros(len(values), bool)
        none[at] = np.asarray(pc.is_null(days))
        self._set(fault, none, Fault.TYPE, values)
        said = text.filter(pa.array(at))
        kept = pc.or_(pc.is_null(days), pc.is_in(said, self._nulls))
        return pc.replace_with_mask(text, pa.array(at), pc.if_else(kept, said, days))

    def _contradicts(self, values: Values, number: Array, dated: Array) -> Array:
        boolean, day = values.kind == Kind.BOOLEAN, values.kind == Kind.DATE
        if self._logical == "string":
            return np.asarray(dated & (self._dates == "refuse"))
        if self._logical == "boolean":
            return np.asarray(number | day)
        if self._logical in ("integer", "number"):
            return np.asarray(boolean | day | (dated & (self._dates != "serial")))
        if self._serial is None:
            return np.asarray(boolean | dated)
        return np.asarray(boolean | self._serials_as_text(values))

    def _serials_as_text(self, values: Values) -> Array:
        """Mask of the text cells that look like a serial and are read by no other declared format."""
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
            excused = self._is_null_word(values.text.take(pa.array(at))) | np.isin(values.number[at], self._codes)
            fault[at[~excused]] = which

    def _is_null_word(self, text: pa.LargeStringArray) -> Array:
        """Mask of the texts that are words for a missing value."""
        words = pc.utf8_trim(text, characters=BLANKS)
        return np.asarray(pc.fill_null(pc.and_(pc.is_in(words, self._nulls), pc.not_equal(words, "")), False))

    def _iso_as_read(self, values: Values) -> pa.LargeStringArray:
        """Convert ISO 8601 date cells to the serial, date or timestamp text that the column's format reads."""
        day = (values.kind == Kind.DATE) & (values.fault == Fault.NONE)
        if not day.any() or self._logical not in ("date", "timestamp"):
            return values.text
        found = values.text.filter(pa.array(day))
        if self._serial is not None:
            found = pa.array([serial_text(text, self._serial) for text in found.to_pylist()], pa.large_string())
        elif self._logical == "date":
            found = pc.replace_substring_regex(found, _MIDNIGHT, "")
        return pc.replace_with_mask(values.text, pa.array(day), found)


def _reads(text: str, forms: Iterable[str]) -> bool:
    for form in forms:
        try:
            datetime.strptime(text.strip(), form)  # noqa: DTZ007  whether it can be read is all that is asked
        except ValueError:
            continue
        return True
    return False
