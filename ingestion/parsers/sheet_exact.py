"""Read a worksheet with an XML parser, element by element, in any valid form (ECMA-376 part 1, 18.3.1.4, 18.3.1.73).

This is the slower of two readers and the reference for both: it handles prefixes, comments, missing references and
misplaced cells. Where `sheet_plain` reads the rows, it reads only the XML before and after them. `sheet_values`
determines the values of the cells afterwards.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from ingestion.parsers.opc import damaged, well_formed, xml_parser
from ingestion.parsers.shared_text import NAMESPACES
from ingestion.parsers.sheet_cells import (
    KINDS,
    MAX_COLUMNS,
    MAX_ROWS,
    Cells,
    Fault,
    Kind,
    column_index,
    descending,
    unplaced,
)
from ingestion.parsers.sheet_text import RichText

_BATCH, _BATCH_LETTERS = 100_000, 16 * 2**20
_IN_DATA, _IN_ROW = 2, 3
"""Element depth of rows, and of cells."""
_REF = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_MERGED = re.compile(rf"{_REF.pattern}:{_REF.pattern}")
_NUMBER = re.compile(r"[1-9][0-9]{0,6}")
_LONG = 10


class SheetXml:
    """Parser of one sheet: call `feed` with its bytes, take the cells from `cells`, then `close`.

    `merged` has four numbers per merged range: first column, first row, last column, last row. Raises DeliveryRefused
    (`sheet_order`, `workbook_damaged`, `workbook_unsafe`).
    """

    def __init__(self, part: str, name: str) -> None:
        self.part = part
        self.merged = array("l")
        self.in_data = False
        self._name = name
        self._path: list[str] = []
        self._seen_data = False
        self._buffer = _CellBuffer()
        self._row, self._row_said = 0, True
        self._next = 0
        self._columns: set[int] = set()
        self._placed = self._loose = False
        self._cell: _Cell | None = None
        self._parser = xml_parser(part)
        self._parser.StartElementHandler, self._parser.EndElementHandler = self._start, self._end
        self._parser.CharacterDataHandler = self._data

    def feed(self, data: bytes) -> None:
        """Parse the next bytes of the sheet."""
        with well_formed(self.part):
            self._parser.Parse(data)

    def close(self) -> None:
        """Finish parsing. Raises DeliveryRefused where the XML is incomplete or has no rows element."""
        with well_formed(self.part):
            self._parser.Parse(b"", True)
        if not self._seen_data:
            raise damaged(f"sheet {self._name!r} is no worksheet: it has no rows element (sheetData)")

    def cells(self, *, rest: bool = False) -> Iterator[Cells]:
        """The cells of complete rows, once there are many; with `rest` all remaining ones."""
        if self._buffer.row and (rest or (self._buffer.full and len(self._path) == _IN_DATA)):
            yield self._buffer.cells(self._row)
            self._buffer = _CellBuffer()

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        space, _, name = tag.rpartition(" ")
        ours = name if space in NAMESPACES else tag
        depth = len(self._path)
        self._path.append(ours)
        if self._cell is not None:
            self._cell.start(ours)
        elif self.in_data:
            if depth == _IN_DATA and ours == "row":
                self._begin_row(attributes)
            elif depth == _IN_ROW and ours == "c":
                self._begin_cell(attributes)
            elif depth < _IN_ROW or (depth == _IN_ROW and ours != "extLst"):
                raise damaged(f"sheet {self._name!r} has an element {name!r} where a row or a cell is expected")
        elif depth == 0 and ours != "worksheet":
            raise damaged(f"sheet {self._name!r} is no worksheet: its part {self.part} holds {tag!r}")
        elif depth == 1 and ours == "sheetData":
            if self._seen_data:
                raise damaged(f"sheet {self._name!r} has its rows (sheetData) twice")
            self.in_data = self._seen_data = True
        elif ours == "mergeCell" and self._path[:2] == ["worksheet", "mergeCells"]:
            self._merge(attributes.get("ref", ""))

    def _end(self, tag: str) -> None:
        self._path.pop()
        depth = len(self._path)
        if self._cell is not None:
            if depth == _IN_ROW:
                self._end_cell(self._cell)
                self._cell = None
            else:
                self._cell.end()
        elif depth == 1 and self.in_data:
            self.in_data = False

    def _data(self, text: str) -> None:
        if self._cell is not None:
            self._cell.data(text)
        elif self.in_data and len(self._path) <= _IN_ROW and text.strip(" \t\r\n"):
            raise damaged(f"sheet {self._name!r} has text outside of its cells")

    def _begin_row(self, attributes: dict[str, str]) -> None:
        said = attributes.get("r")
        before = self._row
        if said is not None and (not _NUMBER.fullmatch(said.strip()) or int(said) > MAX_ROWS):
            raise unplaced(f"a row of sheet {self._name!r} has the number {said[:20]!r}")
        self._row = before + 1 if said is None else int(said)
        self._row_said = said is not None
        self._next = 0
        self._columns.clear()
        if self._row <= before:
            raise descending(self._name, self._row, before)
        if self._row > MAX_ROWS:
            raise unplaced(f"sheet {self._name!r} has more than {MAX_ROWS:,} rows")

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        self._cell = _Cell(attributes)

    def _end_cell(self, cell: _Cell) -> None:
        said = cell.attributes.get("r")
        column, misplaced = self._next, False
        if said is not None:
            found = _REF.fullmatch(said.strip())
            if found is None or column_index(found[1]) >= MAX_COLUMNS or int(found[2]) > MAX_ROWS:
                misplaced = True
            else:
                column, row = column_index(found[1]), int(found[2])
                if not self._row_said and not self._columns and row > self._row:
                    self._row = row
                misplaced = row != self._row
        filled = cell.value is not None or cell.formula
        if filled:
            self._placed |= said is not None
            self._loose |= said is None
            if self._placed and self._loose:
                raise unplaced(f"some cells of sheet {self._name!r} say where they are and some do not")
        misplaced |= column in self._columns or column >= MAX_COLUMNS
        self._columns.add(column)
        self._next = column + 1
        self._buffer.add(self._row, column, cell, Fault.MISPLACED if misplaced else cell.fault)

    def _merge(self, ref: str) -> None:
        found = _MERGED.fullmatch(ref)
        if found is None:
            if _REF.fullmatch(ref):  # one cell, which merges nothing
                return
            raise damaged(f"sheet {self._name!r} merges {ref[:40]!r}, which is no range of cells")
        left, right = sorted((column_index(found[1]), column_index(found[3])))
        top, bottom = sorted((int(found[2]), int(found[4])))
        self.merged.extend((left, top, right, bottom))


class _Cell:
    """One `c` element: its attributes, value and formula."""

    def __init__(self, attributes: dict[str, str]) -> None:
        self.attributes = attributes
        self.kind = KINDS.get(attributes.get("t", "n"), Kind.UNKNOWN)
        self.formula = False
        self._values: list[str | None] = []
        self._broken = self.kind == Kind.UNKNOWN
        self._inline = False
        self._path: list[str] = []
        self._text: list[str] = []
        self._rich: RichText | None = None

    def start(self, name: str) -> None:
        if self._rich is not None:
            self._rich.start(name)
        elif not self._path and name == "is":
            self._rich = RichText()
        elif not self._path:
            self.formula |= name == "f"
            self._broken |= name not in ("v", "f", "extLst")
            self._text = []
        elif self._path[0] == "v":
            self._broken = True
        self._path.append(name)

    def end(self) -> None:
        name = self._path.pop()
        if self._path:
            if self._rich is not None:
                self._rich.end()
        elif self._rich is not None:
            self._values.append(self._rich.text)
            self._broken |= self._rich.text is None or self.kind != Kind.INLINE
            self._inline, self._rich = True, None
        elif name == "v":
            self._values.append("".join(self._text))

    def data(self, text: str) -> None:
        if self._rich is not None:
            self._rich.data(text)
        elif self._path == ["v"]:
            self._text.append(text)
        elif not self._path and text.strip(" \t\r\n"):
            self._broken = True

    @property
    def value(self) -> str | None:
        """The cell's first value; None where it has none."""
        return self._values[0] if self._values else None

    @property
    def fault(self) -> Fault:
        """BROKEN for two values, a value element of another type, text outside a value, or an unknown type."""
        wrong = self.kind == Kind.INLINE and not self._inline and bool(self.value)
        return Fault.BROKEN if self._broken or wrong or len(self._values) > 1 else Fault.NONE


class _CellBuffer:
    """Collects cells in lists until they are converted to arrays."""

    def __init__(self) -> None:
        self.row: list[int] = []
        self._column: list[int] = []
        self._cells: list[tuple[int, int, bool, bool, int]] = []
        self._texts: list[str | None] = []
        self._size = 0

    @property
    def full(self) -> bool:
        """Whether there are enough cells, or enough text, to convert them."""
        return len(self.row) >= _BATCH or self._size >= _BATCH_LETTERS

    def add(self, row: int, column: int, cell: _Cell, fault: Fault) -> None:
        style = cell.attributes.get("s", "0").strip()
        self.row.append(row)
        self._column.append(min(column, MAX_COLUMNS - 1))
        number = int(style) if style.isdecimal() and len(style) < _LONG else 0
        self._cells.append((int(cell.kind), number, cell.value is not None, cell.formula, int(fault)))
        self._texts.append(cell.value)
        self._size += len(cell.value or "")

    def cells(self, last: int) -> Cells:
        """All collected cells, ordered by row and column; `last` is the last row."""
        row, column = np.array(self.row, np.int64), np.array(self._column, np.int64)
        order = np.lexsort((column, row))
        facts = np.array(self._cells, np.int64)[order]
        texts = pa.array(self._texts, pa.large_string()).take(pa.array(order))
        return Cells(
            row[order], column[order], facts[:, 0], facts[:, 1], facts[:, 2] > 0, facts[:, 3] > 0, facts[:, 4],
            last, lambda: texts,
        )  # fmt: skip
