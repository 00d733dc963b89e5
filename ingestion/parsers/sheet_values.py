"""Determine the value of each worksheet cell by the cell's own type, and mark the cells whose value is invalid.

Source of the rules: ECMA-376 part 1, 18.3.1.4 (`c`), 18.18.11 (ST_CellType). A shared text is looked up by its number.
A number must be an xsd:double other than INF and NaN, a boolean 0, 1, true or false, a date ISO 8601; otherwise the
cell is BROKEN. Comparing the value with the column's type is left to `sheet_types`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.parsers.blocks import Array
from ingestion.parsers.sheet_cells import Cells, Fault, Kind
from ingestion.parsers.sheet_text import all_without_escapes

NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
_WHOLE = r"^[0-9]{1,9}$"
_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?$"
_SPACE = " \t\r\n"
_OF_NUMBERS = np.isin(np.arange(256), np.frombuffer(b"0123456789.eE+-", np.uint8))
_OF_WHOLE = np.isin(np.arange(256), np.frombuffer(b"0123456789", np.uint8))


@dataclass(frozen=True)
class Values:
    """Cell values of whole rows, ordered by row and column; one array entry per cell.

    `text` is the value, NULL where there is none; `number` the value of a NUMBER cell, else NaN. `fault` is independent
    of the cell's column. `last` is the last row.
    """

    row: Array
    column: Array
    kind: Array
    style: Array
    fault: Array
    number: Array
    text: pa.LargeStringArray
    last: int

    def __len__(self) -> int:
        return len(self.row)

    def take(self, at: Array) -> Values:
        """The values at these indices, in this order."""
        return Values(
            self.row[at], self.column[at], self.kind[at], self.style[at], self.fault[at], self.number[at],
            self.text.take(pa.array(at)), self.last,
        )  # fmt: skip

    def at(self, row: Array, column: Array) -> Values:
        """The same values at other positions."""
        return replace(self, row=row, column=column)


def concat_values(runs: Sequence[Values]) -> Values:
    """Concatenate parts of a sheet."""
    if len(runs) == 1:
        return runs[0]
    row, column, kind, style, fault, number = (
        np.concatenate([getattr(run, name) for run in runs])
        for name in ("row", "column", "kind", "style", "fault", "number")
    )
    text = pa.concat_arrays([run.text for run in runs])
    return Values(row, column, kind, style, fault, number, text, runs[-1].last)


def values_of(cells: Cells, shared: pa.LargeStringArray) -> Values:
    """The value of every cell; `shared` are the workbook's shared texts."""
    fault, texts = cells.fault.copy(), cells.texts()
    texts = _without_escapes(texts, (cells.kind == Kind.FORMULA_TEXT) | (cells.kind == Kind.INLINE))
    number = np.full(len(cells), np.nan)
    texts = _numbers(texts, cells.kind == Kind.NUMBER, fault, number)
    texts = _booleans(texts, cells.kind == Kind.BOOLEAN, fault)
    texts = _dates(texts, cells.kind == Kind.DATE, fault)
    texts = _shared_texts(texts, cells.kind == Kind.SHARED, fault, shared)
    blank = np.asarray(pc.fill_null(pc.equal(texts, ""), True)) if cells.formula.any() else np.zeros(len(cells), bool)
    hollow = blank & ((cells.kind != Kind.FORMULA_TEXT) | ~cells.valued)
    fault[cells.formula & hollow & (fault == Fault.NONE)] = Fault.FORMULA_WITHOUT_VALUE
    error = cells.kind == Kind.ERROR
    if error.any():
        fault[error & (fault == Fault.NONE) & cells.valued] = Fault.ERROR
    return Values(cells.row, cells.column, cells.kind, cells.style, fault, number, texts, cells.last)


def _without_escapes(texts: pa.LargeStringArray, at: Array) -> pa.LargeStringArray:
    changed = all_without_escapes(texts)
    return texts if changed is texts else pc.if_else(pa.array(at), changed, texts)


def _trimmed(found: pa.LargeStringArray) -> pa.LargeStringArray:
    """Strip XML white space, as XML Schema does for these types; blank texts become NULL."""
    found = pc.ascii_trim(found, _SPACE)
    return pc.if_else(pc.equal(found, ""), pa.scalar(None, found.type), found)


def _numbers(texts: pa.LargeStringArray, at: Array, fault: Array, number: Array) -> pa.LargeStringArray:
    """Fill `number` at the mask `at`; texts that are no number get the fault BROKEN."""
    found = texts if at.all() else texts.filter(pa.array(at))
    if not _made_of(found, _OF_NUMBERS) or _any_empty(found):
        found = _trimmed(found)
        texts = pc.replace_with_mask(texts, pa.array(at), found)
    try:
        if not _made_of(found, _OF_NUMBERS):  # Arrow takes words for numbers, `INF`
            raise pa.ArrowInvalid
        read = found.cast(pa.float64())
    except pa.ArrowInvalid:
        fine = pc.match_substring_regex(found, f"^{NUMBER}$")
        wrong = ~np.asarray(pc.fill_null(fine, True))
        fault[np.flatnonzero(at)[wrong]] = Fault.BROKEN
        plain = pc.replace_substring_regex(pc.if_else(fine, found, pa.scalar(None, found.type)), r"^\+", "")
        read = pa.array([None if text is None else float(text) for text in plain.to_pylist()], pa.float64())
    number[at] = pc.fill_null(read, np.nan).to_numpy(zero_copy_only=False)
    return texts


def _booleans(texts: pa.LargeStringArray, at: Array, fault: Array) -> pa.LargeStringArray:
    """Convert booleans to `1` and `0`; other texts get the fault BROKEN."""
    if not at.any():
        return texts
    found = _trimmed(texts.filter(pa.array(at)))
    place = pc.index_in(found, pa.array(["0", "1", "false", "true"], found.type))
    fault[np.flatnonzero(at)[np.asarray(pc.and_(pc.is_valid(found), pc.is_null(place)))]] = Fault.BROKEN
    plain = pa.array(["0", "1", "0", "1"], found.type).take(place)
    return pc.replace_with_mask(texts, pa.array(at), pc.coalesce(plain, found))


def _dates(texts: pa.LargeStringArray, at: Array, fault: Array) -> pa.LargeStringArray:
    if not at.any():
        return texts
    found = _trimmed(texts.filter(pa.array(at)))
    fine = np.asarray(pc.fill_null(pc.match_substring_regex(found, _ISO), True))
    fault[np.flatnonzero(at)[~fine]] = Fault.BROKEN
    return pc.replace_with_mask(texts, pa.array(at), found)


def _shared_texts(
    texts: pa.LargeStringArray, at: Array, fault: Array, shared: pa.LargeStringArray
) -> pa.LargeStringArray:
    """Replace references to shared texts by the texts. An invalid reference is BROKEN and keeps its text."""
    if not at.any():
        return texts
    found = texts if at.all() else texts.filter(pa.array(at))
    if not _made_of(found, _OF_WHOLE) or _any_empty(found):
        found = _trimmed(found)
    places = np.flatnonzero(at)
    named = np.asarray(pc.is_valid(found))
    fault[places[~named & (fault[places] == Fault.NONE)]] = Fault.TEXT_WITHOUT_VALUE
    whole = np.asarray(pc.fill_null(pc.match_substring_regex(found, _WHOLE), False))
    index = pc.if_else(pa.array(whole), found, "0").cast(pa.int64()).to_numpy()
    known = whole & (index < len(shared))
    words = shared.take(pa.array(index, mask=~known))
    known &= np.asarray(pc.is_valid(words))
    fault[places[named & ~known]] = Fault.BROKEN
    words = pc.if_else(pa.array(known), words, found)
    return words if at.all() else pc.replace_with_mask(texts, pa.array(at), words)


def _made_of(texts: pa.LargeStringArray, letters: Array) -> bool:
    data = _letters(texts)
    return bool(letters[data].all())


def _letters(texts: pa.LargeStringArray) -> Array:
    buffers = texts.buffers()
    if not len(texts) or buffers[2] is None:
        return np.zeros(0, np.uint8)
    offsets = np.frombuffer(buffers[1], np.int64)
    return np.frombuffer(buffers[2], np.uint8)[offsets[texts.offset] : offsets[texts.offset + len(texts)]]


def _any_empty(texts: pa.LargeStringArray) -> bool:
    return bool(pc.any(pc.equal(pc.binary_length(texts), 0)).as_py())
