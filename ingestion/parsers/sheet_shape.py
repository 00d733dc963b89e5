"""What one pass over a worksheet must tell before its rows are read: how far it reaches, its heading, merges, formulas.

Merges stand after the rows, and whether a column was computed shows only at its end, so a sheet is passed twice. Of a
sheet that is not large the first pass keeps the cells. Opening the workbook is left to `workbook`, what the cells mean
to `sheet_values` and `xlsx`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.parsers.blocks import Array
from ingestion.parsers.sheet_cells import MAX_COLUMNS, Cells, Fault, NotPlain
from ingestion.parsers.sheet_exact import SheetXml
from ingestion.parsers.sheet_plain import plain_cells
from ingestion.parsers.sheet_values import Values, joined, values_of

_KEPT, _KEPT_BYTES = 1_500_000, 128 * 2**20
"""Cells that the first pass keeps, some 50 bytes each, and bytes of their text."""
_TEXT_BYTES, _FEWEST = 16 * 2**20, 1_000
"""Shared text is looked up for so many bytes at once, by its longest, or for so few cells."""


@dataclass
class Shape:
    """What a pass over a sheet finds. Columns count from 0, rows from 1.

    `columns` are those with any content, `rows` the last row there is. `unvalued` maps a column to how many formulas
    without a saved value it has, and the row of the first. `merged` has a line per merge: first column, first row, last
    column, last row. `head` are the cells of the rows asked for.
    """

    columns: list[int] = field(default_factory=list)
    rows: int = 0
    unvalued: dict[int, tuple[int, int]] = field(default_factory=dict)
    merged: Array = field(default_factory=lambda: np.zeros((0, 4), np.int64))
    head: Values | None = None


class SheetReader:
    """The cells of one sheet, in order, as often as asked; `shape` has to be asked for first.

    `text` gives the sheet's bytes from their beginning. Raises DeliveryRefused (`sheet_order`, `workbook_damaged`).
    """

    def __init__(self, text: Callable[[], Iterator[bytes]], part: str, name: str, shared: pa.LargeStringArray) -> None:
        self._text = text
        self._part = part
        self._name = name
        self._shared = shared
        longest = pc.max(pc.binary_length(shared)).as_py() or 1
        self._most = max(_FEWEST, _TEXT_BYTES // longest)
        self._plain = True
        self._kept: list[Cells] | None = None

    def shape(self, first: int, last: int) -> Shape:
        """The first pass; `head` holds the rows from `first` to `last`."""
        try:
            return self._surveyed(first, last)
        except NotPlain:
            self._plain = False
            return self._surveyed(first, last)

    def values(self) -> Iterator[Values]:
        """Whole rows with what their cells hold."""
        for cells in self._cells(self._xml()) if self._kept is None else self._kept:
            yield from self._values(cells)

    def _values(self, cells: Cells) -> Iterator[Values]:
        """A run's values, in parts where shared text would make it large."""
        for part in cells.parts(self._most):
            yield values_of(part, self._shared)

    def _xml(self) -> SheetXml:
        return SheetXml(self._part, self._name)

    def _cells(self, xml: SheetXml) -> Iterator[Cells]:
        if self._plain:
            yield from plain_cells(self._text(), self._name, xml.feed)
        else:
            for chunk in self._text():
                xml.feed(chunk)
                yield from xml.cells()
        xml.close()
        yield from xml.cells(rest=True)

    def _surveyed(self, first: int, last: int) -> Shape:
        xml, shape = self._xml(), Shape()
        used, hollow = np.zeros(MAX_COLUMNS, bool), np.zeros(MAX_COLUMNS, np.int64)
        where = np.zeros(MAX_COLUMNS, np.int64)
        head: list[Values] = []
        kept: list[Cells] | None = []
        count = size = 0
        for cells in self._cells(xml):
            used[cells.column[cells.valued | cells.formula | (cells.fault != Fault.NONE)]] = True
            shape.rows = cells.last
            wanted = bool(len(cells)) and cells.row[0] <= last and cells.last >= first
            for found in self._values(cells) if wanted or cells.formula.any() else ():
                if wanted:
                    head.append(found.take(np.flatnonzero((found.row >= first) & (found.row <= last))))
                _note(found, hollow, where)
            count += len(cells)
            held = _held(cells) if kept is not None and count <= _KEPT else None
            size += held.texts().nbytes if held is not None else 0
            kept = [*(kept or ()), held] if held is not None and size <= _KEPT_BYTES else None
        self._kept = kept
        shape.columns = np.flatnonzero(used).tolist()
        shape.unvalued = {int(at): (int(hollow[at]), int(where[at])) for at in np.flatnonzero(hollow)}
        shape.merged = np.array(xml.merged, np.int64).reshape(-1, 4)
        shape.head = joined(head) if head else None
        return shape


def _held(cells: Cells) -> Cells:
    """The cells with their text, and without the bytes they came from."""
    texts = cells.texts()
    small = {name: getattr(cells, name).astype(np.int32) for name in ("row", "column", "style")}
    return replace(
        cells, **small, kind=cells.kind.astype(np.uint8), fault=cells.fault.astype(np.uint8), texts=lambda: texts
    )


def _note(values: Values, hollow: Array, where: Array) -> None:
    """Count the formulas without a value by column, and keep the first row of each."""
    at = values.fault == Fault.UNVALUED
    columns, first, counts = np.unique(values.column[at], return_index=True, return_counts=True)
    new = hollow[columns] == 0
    where[columns[new]] = values.row[at][first[new]]
    hollow[columns] += counts
