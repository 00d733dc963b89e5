"""Read one sheet of an Excel workbook: columns by the names in the heading, cells as text, rows counted.

Which of the contract's headers a heading is decides `header`.

Cells are read as text, so that a number in an identifier column stays as the file has it and a date stays a serial,
whose format the contract declares (docs/adr/0009). The value of a formula is the saved one; hidden rows and columns are
data like others. `sheet_shape` and `sheet_values` read the cells, `sheet_types` compares them with the columns' types;
typing the values is left to conform.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract.model import Table
from ingestion.contract.table_formats import XlsxFormat
from ingestion.errors import DeliveryRefused
from ingestion.machine.engines import restrict
from ingestion.parsers.blocks import Array, Segment, readable
from ingestion.parsers.header import Header, check_header, match_header, without_headers
from ingestion.parsers.sheet_cells import RULES, Fault, column_letters
from ingestion.parsers.sheet_merges import Merges
from ingestion.parsers.sheet_shape import Shape, SheetReader
from ingestion.parsers.sheet_types import ColumnJudge
from ingestion.parsers.sheet_values import Values, concat_values
from ingestion.parsers.text import block_of_texts
from ingestion.parsers.workbook import Sheet, Workbook
from ingestion.settings import Settings
from ingestion.sql import identifier, literal
from ingestion.values.blanks import BLANKS, is_blank, strip, stripped_sql

_CELLS = 200_000
"""The fewest cells processed together, except at the end of a sheet."""
_BYTES = 16 * 2**20
"""Bytes of text after which fewer cells are processed together."""

_FOOTER_ROWS = 20
_ERRORS = (
    "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#GETTING_DATA",
    "#FIELD!", "#BLOCKED!", "#CONNECT!", "#UNKNOWN!", "#EXTERNAL!", "#BUSY!", "#PYTHON!",
)  # fmt: skip
"""Error values: ECMA-376 part 1, 18.17.3, and those that later versions of Excel added."""


@dataclass(frozen=True)
class _Layout:
    """The heading of a sheet. `columns`: columns with content; `names`: their names, None where a column has none;
    `first`: the first row of data.
    """

    columns: list[int]
    names: list[str | None]
    first: int

    @property
    def named(self) -> list[str]:
        """The names of the columns that have one."""
        return [name for name in self.names if name]

    @property
    def letters(self) -> list[str]:
        """The letters of the columns."""
        return [column_letters(column) for column in self.columns]


@dataclass(frozen=True)
class _Opened:
    """A workbook whose sheet was found and measured."""

    book: Workbook
    sheet: Sheet
    reader: SheetReader
    shape: Shape
    layout: _Layout


class Xlsx:
    """Reader of one workbook. `table` is the contract's, or as the header variant of the workbook names its columns."""

    def __init__(self, table: Table, spec: XlsxFormat, path: Path, settings: Settings, content_date: date) -> None:
        """Where the table has header variants, the heading is read and matched at once.

        Raises DeliveryRefused then, as `segments`.
        """
        self._spec = spec
        self._path = path
        self._settings = settings
        self._as_sent = Header(table)
        self._opened = self._open() if table.header_variants else None
        if self._opened is not None:
            self._as_sent = match_header(
                table, self._opened.layout.named, _what(self._opened.sheet, spec), content_date
            )

    @property
    def table(self) -> Table:
        """The table with the source names and formats that the workbook's header has."""
        return self._as_sent.table

    def segments(self) -> Iterator[Segment]:
        """Every row with a value, in order, once.

        Raises DeliveryRefused: those of `workbook`, and `sheet`, `header`, `formula_without_value`,
        `date_system`, `footer`, `sheet_order`.
        """
        # Not kept longer than it is read: payloads that are conformed together hold their readers.
        opened, self._opened = self._opened or self._open(), None
        self._check_dates(opened.book)
        places = self._places(opened.layout, opened.sheet, opened.shape)
        with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
            connection.execute(f"set threads = {self._settings.threads}")
            connection.execute(f"set memory_limit = {literal(self._settings.memory_limit)}")
            restrict(connection)
            rows = _Rows(self.table, self._spec, opened.book, opened.layout, places, opened.shape)
            yield from self._rows(connection, rows, opened.reader)

    def _open(self) -> _Opened:
        book = Workbook(self._path, self._settings)
        sheet = book.sheet(self._spec)
        reader = book.reader(sheet)
        top = self._spec.header_row
        shape = reader.shape(top, top + self._spec.header_rows - 1)
        return _Opened(book, sheet, reader, shape, self._layout(sheet, shape))

    def _check_dates(self, book: Workbook) -> None:
        """Refuse a workbook whose date system (1900 or 1904) is not the declared one: dates would be 4 years off."""
        declared = "excel_serial" if book.date_1904 else "excel_serial_1904"
        read = (c for c in self.table.source_columns if c.source not in self._as_sent.absent)
        wrong = [c.name for c in read if declared in c.spec.readings]
        if wrong:
            raise DeliveryRefused(
                f"the workbook counts days from {1904 if book.date_1904 else 1900}, "
                f"but the contract reads {', '.join(wrong)} as {declared}",
                rule="date_system",
                next_step="correct the format of these columns in the contract",
            )

    def _layout(self, sheet: Sheet, shape: Shape) -> _Layout:
        """The name of every column; the text of a merged heading applies to all columns it covers."""
        top, rows = self._spec.header_row, self._spec.header_rows
        grid = _grid(shape, sheet, top, rows) if shape.rows >= top else []
        for first, upper, last, lower in shape.merged[shape.merged[:, 1] < top + rows].tolist():
            covered = [row for row in range(upper, min(lower, top + rows - 1) + 1) if row >= top]
            begin, end = np.searchsorted(shape.columns, [first, last + 1]).tolist()
            if upper >= top and covered and begin < end and shape.columns[begin] == first and grid:
                for row in covered:
                    grid[row - top][begin:end] = [grid[upper - top][begin]] * (end - begin)
        names = ["/".join(dict.fromkeys(strip(w) for w in column if w and not is_blank(w))) for column in zip(*grid)]  # noqa: B905  rows of one grid are of one length
        return _Layout(shape.columns, [name or None for name in names], top + rows)

    def _places(self, layout: _Layout, sheet: Sheet, shape: Shape) -> dict[str, int]:
        """Index in the layout of each source name. Raises DeliveryRefused (`header`, `formula_without_value`)."""
        as_sent = self._as_sent
        sources = dict.fromkeys(str(column.source) for column in self.table.source_columns)
        wanted = [name for name in sources if name not in as_sent.absent]
        check_header(
            [name for name in layout.named if name not in as_sent.ignored],
            wanted,
            what=_what(sheet, self._spec),
            expected=as_sent.title,
            lenient=self._spec.lenient_extra_columns,
        )
        filled = [index for index, name in enumerate(layout.names) if name]
        found = {name: filled[layout.named.index(name)] for name in wanted}
        self._check_formulas({name: layout.columns[place] for name, place in found.items()}, sheet, shape)
        return found

    def _check_formulas(self, places: dict[str, int], sheet: Sheet, shape: Shape) -> None:
        """Refuse the delivery where most formulas of a column have no saved value; single ones refuse their rows."""
        counted = {name: shape.unvalued.get(at, (0, 0)) for name, at in places.items()}
        hollow = {name: (count, row) for name, (count, row) in counted.items() if 2 * count > shape.rows}
        if hollow:
            first_cells = ", ".join(
                f"{column_letters(places[n])}{row} ({n}, {count:,} cells)" for n, (count, row) in hollow.items()
            )
            raise DeliveryRefused(
                f"formulas without a saved value in sheet {sheet.name!r}, from {first_cells}: the program "
                "that wrote the workbook did not compute them",
                rule="formula_without_value",
                next_step="ask the department to open the workbook in Excel, save it, and send it again",
            )

    def _rows(self, connection: duckdb.DuckDBPyConnection, rows: _Rows, reader: SheetReader) -> Iterator[Segment]:
        number, after = 1, 0
        for values in _runs(reader):
            if after:
                after += rows.filled(values)
                self._check_footer(after)
                continue
            connection.register("sheet_rows", rows.table(values))
            found = connection.execute(rows.statement).to_arrow_table()
            connection.unregister("sheet_rows")
            ends = np.flatnonzero(found["_footer"].to_numpy())
            if len(ends):
                after = found.num_rows - int(ends[0])
                self._check_footer(after)
                found = found.slice(0, int(ends[0]))
            if found.num_rows:
                yield self._segment(found, number)
                number += found.num_rows

    def _check_footer(self, rows: int) -> None:
        if rows > _FOOTER_ROWS:
            raise DeliveryRefused(
                f"more than {_FOOTER_ROWS} rows from the first one that matches the footer {self._spec.footer!r} on",
                rule="footer",
                next_step="correct `footer` in the contract: it must match the first row after the data only",
            )

    def _segment(self, found: pa.Table, number: int) -> Segment:
        block = block_of_texts(found["_text"], number)
        faults = found["_faults"].to_numpy()
        judged = (
            ("cell_error", _true(found["_cell_error"]) | (faults & _bit(Fault.ERROR) > 0)),
            *((rule, faults & _bit(fault) > 0) for fault, rule in RULES.items() if fault != Fault.ERROR),
            ("unnamed_column", _true(found["_unnamed_column"])),
        )
        refused = tuple((rule, np.flatnonzero(rows)) for rule, rows in judged if rows.any())
        rows = readable(len(block), refused)
        columns = found.select([column.name for column in self.table.source_columns])
        return without_headers(self.table, block, rows, columns.take(pa.array(rows)) if refused else columns, refused)


class _Rows:
    """Converts cells to rows of text columns named by the sheet's letters, with the faults of each row."""

    def __init__(
        self, table: Table, spec: XlsxFormat, book: Workbook, layout: _Layout, places: dict[str, int], shape: Shape
    ) -> None:
        self._spec = spec
        self._layout = layout
        self._judges: dict[int, list[ColumnJudge]] = {}
        for column in (column for column in table.source_columns if column.source in places):
            at = layout.columns[places[str(column.source)]]
            self._judges.setdefault(at, []).append(ColumnJudge(column, spec, book.shown, date_1904=book.date_1904))
        fill = spec.merged == "fill"
        self._merges = Merges(shape.merged, list(self._judges), layout.first, shape.rows, fill=fill)
        self.statement = self._statement(table, places)

    def table(self, values: Values) -> pa.Table:
        """The data rows of `values`: one column per letter, `_row` (int64), `_faults` (int64, one bit per Fault)."""
        values = self._merges.filled(values)
        values = values.take(np.flatnonzero(values.row >= self._layout.first))
        rows, place = np.unique(values.row, return_inverse=True)
        faults = np.zeros(len(rows), np.int64)
        order = np.argsort(values.column, kind="stable")
        sorted_ = values.column[order]
        columns: dict[str, pa.Array] = {}
        for column, letters in zip(self._layout.columns, self._layout.letters, strict=True):
            at = order[np.searchsorted(sorted_, column) : np.searchsorted(sorted_, column, "right")]
            columns[letters] = self._column(values.take(at), column, place[at], faults)
        misplaced = values.fault == Fault.MISPLACED
        faults[place[misplaced]] |= _bit(Fault.MISPLACED)
        faults[self._merges.touched(rows)] |= _bit(Fault.MERGED)
        return pa.table({**columns, "_row": rows.astype(np.int64), "_faults": faults})

    def filled(self, values: Values) -> int:
        """Number of rows that have a value."""
        texts = pc.fill_null(pc.not_equal(pc.utf8_trim(values.text, characters=BLANKS), ""), False)
        return len(np.unique(values.row[np.asarray(texts, dtype=bool)]))

    def _column(self, cells: Values, column: int, rows: Array, faults: Array) -> pa.Array:
        """The text of one column by row; faults of its cells are added to `faults` where the column is declared."""
        text = cells.text
        for judge in self._judges.get(column, ()):
            found, text = judge.read(cells)
            wrong = np.flatnonzero(found)
            if len(wrong):
                np.bitwise_or.at(faults, rows[wrong], 1 << found[wrong].astype(np.int64))
        at = np.full(len(faults), -1, np.int64)
        at[rows] = np.arange(len(rows))
        return text.take(pa.array(at, mask=at < 0))

    def _statement(self, table: Table, places: dict[str, int]) -> str:
        """SQL over `sheet_rows`: the declared columns, the row as JSON for the quarantine, and its faults."""
        names, letters = self._layout.names, [identifier(word) for word in self._layout.letters]
        filled = [f"nullif({stripped_sql(letter)}, '')" for letter in letters]
        nulls = ", ".join(literal(word) for word in self._spec.null_values) or "null"
        values = {name: letters[index] for name, index in places.items()}
        kept = [
            f"case when {value} in ({nulls}) then null else {value} end as {identifier(column.name)}"
            for column, value in (
                (column, values.get(str(column.source), "cast(null as varchar)")) for column in table.source_columns
            )
        ]
        errors = ", ".join(literal(word) for word in _ERRORS if word not in self._spec.null_values)
        wrong = " or ".join(f"coalesce({value} in ({errors}), false)" for value in values.values())
        unnamed = [filled[index] for index, name in enumerate(names) if name is None]
        loose = (
            f"coalesce({', '.join(unnamed)}) is not null"
            if unnamed and not self._spec.lenient_extra_columns
            else "false"
        )
        footer = f"regexp_matches(coalesce({', '.join(filled)}), {literal(self._spec.footer)})"
        return (
            f"select {', '.join(kept)}, cast({_shown(names, letters)} as varchar) as _text, _row, _faults, "
            f"({wrong}) as _cell_error, ({loose}) as _unnamed_column, "
            f"coalesce({footer if self._spec.footer else 'false'}, false) as _footer "
            f"from sheet_rows where coalesce({', '.join(filled)}) is not null "
            f"or (_faults & {~_bit(Fault.MERGED)}) <> 0"
        )


def _runs(reader: SheetReader) -> Iterator[Values]:
    """The sheet's cells in parts of at least _CELLS cells or _BYTES of text."""
    runs: list[Values] = []
    for values in reader.values():
        runs.append(values)
        if sum(map(len, runs)) >= _CELLS or sum(run.text.nbytes for run in runs) >= _BYTES:
            yield concat_values(runs)
            runs = []
    if runs:
        yield concat_values(runs)


def _grid(shape: Shape, sheet: Sheet, top: int, rows: int) -> list[list[str | None]]:
    """The rows of the heading, one text per column with content. Raises DeliveryRefused (`header`)."""
    grid: list[list[str | None]] = [[None] * len(shape.columns) for _ in range(rows)]
    if shape.head is None:
        return grid
    head = shape.head
    unread = np.flatnonzero((head.fault != Fault.NONE) & (head.fault != Fault.ERROR))
    if len(unread):
        at = int(unread[0])
        raise DeliveryRefused(
            f"the heading in {column_letters(int(head.column[at]))}{head.row[at]} of sheet {sheet.name!r} cannot be "
            f"told ({RULES[Fault(int(head.fault[at]))]})",
            rule="header",
            next_step="ask the department to open the workbook in Excel, save it, and send it again",
        )
    places = {column: place for place, column in enumerate(shape.columns)}
    for row, column, text in zip(head.row.tolist(), head.column.tolist(), head.text.to_pylist(), strict=True):
        if column in places:
            grid[row - top][places[column]] = text
    return grid


def _what(sheet: Sheet, spec: XlsxFormat) -> str:
    """The sheet as messages about its heading name it."""
    return f"sheet {sheet.name!r} (row {spec.header_row})"


def _bit(fault: Fault) -> int:
    return 1 << int(fault)


def _shown(names: list[str | None], letters: list[str]) -> str:
    """SQL for the row as JSON: its number in the sheet, and every cell under its heading."""
    used: set[str] = {"row"}
    members = ["'row': _row"]
    for index, letter in enumerate(letters):
        letters_ = letter.strip('"')
        name = names[index] or letters_
        name = f"{name} ({letters_})" if name.casefold() in used else name
        used.add(name.casefold())
        members.append(f"{literal(name)}: {letter}")
    return f"to_json({{{', '.join(members)}}})"


def _true(column: pa.ChunkedArray) -> Array:
    return np.asarray(column.to_numpy())
