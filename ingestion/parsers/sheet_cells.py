"""Data types of the worksheet readers: the cells of some rows as arrays, as the XML has them.

Two readers give the same cells: `sheet_plain` for the XML that nearly every program writes, `sheet_exact` for any
other. `sheet_values` determines the values afterwards. Columns count from 0, rows from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pyarrow as pa

from ingestion.errors import DeliveryRefused
from ingestion.parsers.blocks import Array

MAX_COLUMNS, MAX_ROWS = 16_384, 1_048_576
"""XFD and the last row (ECMA-376 part 1, 18.3.1.73, and every program's limit)."""


class Kind(IntEnum):
    """A cell's own type (ECMA-376 part 1, 18.18.11, ST_CellType). DATE is ISO 8601 text, not a serial."""

    NUMBER = 0
    SHARED = 1
    FORMULA_TEXT = 2
    INLINE = 3
    BOOLEAN = 4
    ERROR = 5
    DATE = 6
    UNKNOWN = 7


KINDS = {
    "n": Kind.NUMBER, "s": Kind.SHARED, "str": Kind.FORMULA_TEXT, "inlineStr": Kind.INLINE, "b": Kind.BOOLEAN,
    "e": Kind.ERROR, "d": Kind.DATE,
}  # fmt: skip
"""Cell types by the attribute `t`; a cell without it is a number."""


class Fault(IntEnum):
    """What is wrong with a cell; the rule that refuses its row is `RULES[fault]`."""

    NONE = 0
    BROKEN = 1
    MISPLACED = 2
    ERROR = 3
    TEXT_WITHOUT_VALUE = 4
    FORMULA_WITHOUT_VALUE = 5
    MERGED = 6
    TYPE = 7
    PRECISION = 8


RULES = {
    Fault.BROKEN: "cell_broken",
    Fault.MISPLACED: "cell_misplaced",
    Fault.ERROR: "cell_error",
    Fault.TEXT_WITHOUT_VALUE: "text_without_value",
    Fault.FORMULA_WITHOUT_VALUE: "formula_without_value",
    Fault.MERGED: "merged_cell",
    Fault.TYPE: "cell_type",
    Fault.PRECISION: "number_precision",
}


@dataclass(frozen=True)
class Cells:
    """The cells of some consecutive rows. All arrays have one entry per cell, ordered by row and column.

    `valued` and `formula` are masks of the cells with a value element and with a formula. `fault` is NONE, BROKEN or
    MISPLACED. `last` is the last row, even if it has no cells. `texts` gives the value elements as text, NULL where a
    cell has none.
    """

    row: Array
    column: Array
    kind: Array
    style: Array
    valued: Array
    formula: Array
    fault: Array
    last: int
    texts: Callable[[], pa.LargeStringArray]

    def __len__(self) -> int:
        return len(self.row)

    def parts(self, most: int) -> Iterator[Cells]:
        """Split into parts of whole rows with at most `most` cells, or a single row."""
        begin, texts = 0, self.texts() if len(self) > most else None
        while texts is not None and len(self) - begin > most:
            row = self.row[begin + most]
            end = int(np.searchsorted(self.row, row))
            end = end if end > begin else int(np.searchsorted(self.row, row, "right"))
            if end == len(self):
                break
            yield self._part(begin, end, texts, int(self.row[end - 1]))
            begin = end
        yield self._part(begin, len(self), texts, self.last) if texts is not None else self

    def _part(self, begin: int, end: int, texts: pa.LargeStringArray, last: int) -> Cells:
        at = slice(begin, end)
        return Cells(
            self.row[at], self.column[at], self.kind[at], self.style[at], self.valued[at], self.formula[at],
            self.fault[at], last, lambda: pa.concat_arrays([texts.slice(begin, end - begin)]),
        )  # fmt: skip


class NotPlain(Exception):
    """The sheet's XML is not in the form that `sheet_plain` reads."""


def column_letters(index: int) -> str:
    """0 → A, 25 → Z, 26 → AA."""
    letters = ""
    index += 1
    while index:
        index, place = divmod(index - 1, 26)
        letters = chr(ord("A") + place) + letters
    return letters


def column_index(letters: str) -> int:
    """A → 0, AA → 26."""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def unplaced(problem: str) -> DeliveryRefused:
    """The refusal of a sheet that does not define the positions of its rows or cells (rule `sheet_order`)."""
    return DeliveryRefused(
        f"{problem}: the program that wrote the workbook leaves it to guess where cells are",
        rule="sheet_order",
        next_step="ask the department to open the workbook in Excel, save it, and send it again",
    )


def descending(name: str, row: int, before: int) -> DeliveryRefused:
    """The refusal of a sheet in which a row's number is not above that of the row before."""
    return unplaced(f"rows of sheet {name!r} do not ascend: row {row} after row {before}")
