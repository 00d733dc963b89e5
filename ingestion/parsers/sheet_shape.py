"""Survey a worksheet before its rows are read: used columns, last row, heading, merged ranges, uncomputed formulas.

Merged ranges stand after the rows in the XML, and whether a column was computed is known only at its end, so a sheet is
read twice. The first pass keeps the cells in memory unless the sheet is large. `workbook` opens the workbook;
`sheet_values` and `xlsx` interpret the cells.
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
from ingestion.parsers.sheet_values import Values, concat_values, values_of

_KEPT, _KEPT_BYTES = 1_500_000, 128 * 2**20
"""The most cells (some 50 bytes each), and bytes of their text, that the first pass keeps in memory."""
_TEXT_BYTES, _FEWEST = 16 * 2**20, 1_000
"""Bytes of shared text looked up at a time, estimated by its longest text, and the fewest cells at a time."""


@dataclass
class Shape:
    """Result of the first pass over a sheet. Columns count from 0, rows from 1.

    `columns`: those with any content; `rows`: the last row. `unvalued` maps a column to the number of its formulas
    without a saved value and the row of the first. `merged` (n x 4): first column, first row, last column, last row of
    each merged range. `head`: the cells of the requested heading rows.
    """

    columns: list[int] = field(default_factory=list)
    rows: int = 0
    unvalued: dict[int, tuple[int, int]] = field(default_factory=dict)
    merged: Array = field(default_factory=lambda: np.zeros((0, 4), np.int64))
    head: Values | None = None


class SheetReader:
    """Reads the cells of one sheet, in order; `shape` must be called before `values`.

    Each call of `text` gives the sheet's bytes from the beginning. Raises DeliveryRefused (`sheet_order`,
    `workbook_damaged`).
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
        """Survey the sheet (first pass); `head` of the result has the rows from `first` to `last`."""
        try:
            return self._first_pass(first, last)
        except NotPlain:
            self._plain = False
            return self._first_pass(first, last)

    def values(self) -> Iterator[Values]:
        """The values of all cells, in parts of whole rows."""
        for cells in self._cells(self._xml()) if self._kept is None else self._kept:
            yield from self._values(cells)

    def _values(self, cells: Cells) -> Iterator[Values]:
        """The values of `cells`, in several parts where shared text would make them large."""
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

    def _first_pass(self, first: int, last: int) -> Shape:
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
                _count_unvalued(found, hollow, where)
            count += len(cells)
            held = _with_texts(cells) if kept is not None and count <= _KEPT else None
            size += held.texts().nbytes if held is not None else 0
            kept = [*(kept or ()), held] if held is not None and size <= _KEPT_BYTES else None
        self._kept = kept
        shape.columns = np.flatnonzero(used).tolist()
        shape.unvalued = {int(at): (int(hollow[at]), int(where[at])) for at in np.flatnonzero(hollow)}
        shape.merged = np.array(xml.merged, np.int64).reshape(-1, 4)
        shape.head = concat_values(head) if head else None
        return shape


def _with_texts(cells: Cells) -> Cells:
    """The cells with their text materialised, so that the XML bytes need not be kept."""
    texts = cells.texts()
    small = {name: getattr(cells, name).astype(np.int32) for name in ("row", "column", "style")}
    return replace(
        cells, **small, kind=cells.kind.astype(np.uint8), fault=cells.fault.astype(np.uint8), texts=lambda: texts
    )


def _count_unvalued(values: Values, hollow: Array, where: Array) -> None:
    """Add to `hollow` the formulas without a value of each column, and to `where` the row of the first."""
    at = values.fault == Fault.FORMULA_WITHOUT_VALUE
    columns, first, counts = np.unique(values.column[at], return_index=True, return_counts=True)
    new = hollow[columns] == 0
    where[columns[new]] = values.row[at][first[new]]
    hollow[columns] += counts
