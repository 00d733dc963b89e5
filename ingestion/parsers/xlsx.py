"""One sheet of an Excel workbook: header found by name, cells as text, rows counted.

Reading is DuckDB's excel extension with every cell as text, so that a number in an identifier column
stays as the file writes it and a date stays a serial, which a contract declares (docs/adr/0009). A formula's
value is the one saved with it. What is in the package is checked by `workbook` first. Typing is left to conform.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from ingestion.contract.model import Table
from ingestion.contract.table_formats import XlsxFormat
from ingestion.engines import shut
from ingestion.errors import DeliveryRefused
from ingestion.extensions import load
from ingestion.parsers.blocks import Array, Block, Segment, readable
from ingestion.parsers.header import check_header
from ingestion.parsers.sheet_shape import Shape, column_letters
from ingestion.parsers.workbook import Sheet, Workbook
from ingestion.settings import Settings
from ingestion.sql import identifier, literal

_ROWS = 50_000
_FOOTER_ROWS = 20
_ERRORS = (
    "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#GETTING_DATA",
    "#FIELD!", "#BLOCKED!", "#CONNECT!", "#UNKNOWN!", "#EXTERNAL!", "#BUSY!", "#PYTHON!",
)  # fmt: skip
"""ECMA-376 part 1, 18.17.3, and what later versions added."""


@dataclass(frozen=True)
class _Layout:
    """`names` by column; an unnamed column is None. `first` is the sheet's first row of data."""

    names: list[str | None]
    first: int
    last: int


class Xlsx:
    """Segments of one workbook."""

    def __init__(self, table: Table, spec: XlsxFormat, path: Path, settings: Settings) -> None:
        self._table = table
        self._spec = spec
        self._path = path
        self._settings = settings
        self._unvalued: Array = np.empty(0, np.int64)
        self._wordless: Array = np.empty(0, np.int64)

    def segments(self) -> Iterator[Segment]:
        """Every row with a value, in order, once.

        Raises DeliveryRefused: those of `workbook`, and `sheet`, `header`, `formula_without_value`,
        `date_system`, `footer`.
        """
        book = Workbook(self._path, self._settings)
        self._check_dates(book)
        sheet = book.sheet(self._spec)
        shape = book.shape(sheet)
        with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
            connection.execute(f"set threads = {self._settings.threads}")
            connection.execute(f"set memory_limit = {literal(self._settings.memory_limit)}")
            load(connection, "excel")
            shut(connection, files=[self._path])
            try:
                layout = self._layout(connection, sheet, shape)
                places = self._places(layout.names, sheet, shape)
                if layout.first <= layout.last:
                    self._unvalued = _row_numbers(shape.unvalued, places)
                    self._wordless = _row_numbers(shape.wordless, places)
                    yield from self._rows(connection, sheet, layout, places)
            except duckdb.Error as error:
                raise DeliveryRefused(
                    f"sheet {sheet.name!r} cannot be read: {str(error).splitlines()[0]}",
                    rule="workbook_damaged",
                    next_step="ask the department to send it again",
                ) from error

    def _check_dates(self, book: Workbook) -> None:
        """Serials of one date system read as the other's would all be four years off."""
        declared = "excel_serial" if book.date_1904 else "excel_serial_1904"
        wrong = [c.name for c in self._table.source_columns if declared in c.spec.readings]
        if wrong:
            raise DeliveryRefused(
                f"the workbook counts days from {1904 if book.date_1904 else 1900}, "
                f"but the contract reads {', '.join(wrong)} as {declared}",
                rule="date_system",
                next_step="correct the format of these columns in the contract",
            )

    def _layout(self, connection: duckdb.DuckDBPyConnection, sheet: Sheet, shape: Shape) -> _Layout:
        """The heading of every column, merged headings carried over the cells they cover."""
        top, rows = self._spec.header_row, self._spec.header_rows
        grid: list[list[str | None]] = []
        if shape.columns and shape.rows >= top:
            relation = cells(self._path, sheet, shape.columns, top, top + rows - 1)
            grid = [list(row) for row in connection.execute(f"select * from {relation}").fetchall()]
        for first, upper, last, lower in shape.merged:
            covered = [row for row in range(upper, lower + 1) if top <= row < top + len(grid)]
            if upper >= top and covered and first < shape.columns:
                word = grid[upper - top][first]
                end = min(last + 1, shape.columns)
                for row in covered:
                    grid[row - top][first:end] = [word] * (end - first)
        names = ["/".join(dict.fromkeys(w.strip() for w in column if w and w.strip())) for column in zip(*grid)]  # noqa: B905  rows of one relation are of one length
        return _Layout([name or None for name in names], top + rows, shape.rows)

    def _places(self, names: list[str | None], sheet: Sheet, shape: Shape) -> dict[str, int]:
        """Column index per source name."""
        wanted = list(dict.fromkeys(str(column.source) for column in self._table.source_columns))
        places = check_header(
            [name for name in names if name],
            wanted,
            what=f"sheet {sheet.name!r} (row {self._spec.header_row})",
            lenient=self._spec.lenient_extra_columns,
        )
        filled = [index for index, name in enumerate(names) if name]
        found = {name: filled[place] for name, place in places.items()}
        self._check_formulas(found, sheet, shape)
        return found

    def _check_formulas(self, places: dict[str, int], sheet: Sheet, shape: Shape) -> None:
        """A column that nobody computed refuses the delivery; single cells refuse their rows (`_segment`)."""
        hollow = {n: shape.unvalued[at] for n, at in places.items() if 2 * len(shape.unvalued.get(at, ())) > shape.rows}
        if hollow:
            first_cells = ", ".join(
                f"{column_letters(places[n])}{rows[0]} ({n}, {len(rows):,} cells)" for n, rows in hollow.items()
            )
            raise DeliveryRefused(
                f"formulas without a saved value in sheet {sheet.name!r}, from {first_cells}: the program "
                "that wrote the workbook did not compute them",
                rule="formula_without_value",
                next_step="ask the department to open the workbook in Excel, save it, and send it again",
            )

    def _rows(
        self, connection: duckdb.DuckDBPyConnection, sheet: Sheet, layout: _Layout, places: dict[str, int]
    ) -> Iterator[Segment]:
        number, after = 1, 0
        with connection.execute(self._statement(sheet, layout, places)).to_arrow_reader(_ROWS) as batches:
            for batch in batches:
                found = pa.Table.from_batches([batch])
                if after:
                    after += found.num_rows
                    self._check_footer(after)
                    continue
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
        text = found["_text"].combine_chunks().cast(pa.large_string())
        offsets = np.frombuffer(text.buffers()[1], np.int64)[text.offset : text.offset + len(text) + 1]
        starts, ends = offsets[:-1], offsets[1:]
        block = Block(text.buffers()[2].to_pybytes(), None, number, starts, ends, ends - starts, "utf-8")
        numbers = found["_row"].to_numpy()
        judged = (
            ("cell_error", _true(found["_cell_error"])),
            ("formula_without_value", np.flatnonzero(np.isin(numbers, self._unvalued))),
            ("text_without_value", np.flatnonzero(np.isin(numbers, self._wordless))),
            ("unnamed_column", _true(found["_unnamed_column"])),
        )
        refused = tuple((rule, rows) for rule, rows in judged if len(rows))
        rows = readable(len(block), refused)
        columns = found.select([column.name for column in self._table.source_columns])
        return Segment(block, rows, columns.take(pa.array(rows)) if refused else columns, refused)

    def _statement(self, sheet: Sheet, layout: _Layout, places: dict[str, int]) -> str:
        """SQL over the sheet: declared columns, the row as a person may read it, and what is wrong with it."""
        letters = [identifier(column_letters(index)) for index in range(len(layout.names))]
        filled = [f"nullif(trim({letter}), '')" for letter in letters]
        nulls = ", ".join(literal(word) for word in self._spec.null_values) or "null"
        values = {name: letters[index] for name, index in places.items()}
        kept = [
            f"case when {'trim' if self._spec.trim else ''}({values[str(c.source)]}) in ({nulls}) then null "
            f"else {values[str(c.source)]} end as {identifier(c.name)}"
            for c in self._table.source_columns
        ]
        errors = ", ".join(literal(word) for word in _ERRORS if word not in self._spec.null_values)
        wrong = " or ".join(f"coalesce({value} in ({errors}), false)" for value in values.values())
        unnamed = [filled[index] for index, name in enumerate(layout.names) if name is None]
        loose = (
            f"coalesce({', '.join(unnamed)}) is not null"
            if unnamed and not self._spec.lenient_extra_columns
            else "false"
        )
        footer = f"regexp_matches(coalesce({', '.join(filled)}), {literal(self._spec.footer)})"
        relation = cells(self._path, sheet, len(layout.names), layout.first, layout.last)
        return (
            f"select {', '.join(kept)}, cast({_shown(layout.names, letters)} as varchar) as _text, _row, "
            f"({wrong}) as _cell_error, ({loose}) as _unnamed_column, "
            f"{footer if self._spec.footer else 'false'} as _footer "
            f"from (select *, row_number() over () + {layout.first - 1} as _row from {relation}) "
            f"where coalesce({', '.join(filled)}) is not null"
        )


def _row_numbers(found: dict[int, array[int]], places: dict[str, int]) -> Array:
    """Rows of the sheet in which a declared column is one of the cells found."""
    rows = [np.asarray(found[place], np.int64) for place in places.values() if place in found]
    return np.unique(np.concatenate(rows)) if rows else np.empty(0, np.int64)


def cells(path: Path, sheet: Sheet, columns: int, first: int, last: int) -> str:
    """A rectangle of the sheet as VARCHAR columns A, B, …"""
    span = f"A{first}:{column_letters(columns - 1)}{last}"
    return (
        f"read_xlsx({literal(path)}, sheet = {literal(sheet.name)}, range = {literal(span)}, header = false, "
        "all_varchar = true, stop_at_empty = false)"
    )


def _shown(names: list[str | None], letters: list[str]) -> str:
    """SQL: the row as JSON, with its number in the sheet and every cell under its heading."""
    used: set[str] = {"row"}
    members = ["'row': _row"]
    for index, letter in enumerate(letters):
        name = names[index] or column_letters(index)
        name = f"{name} ({column_letters(index)})" if name.casefold() in used else name
        used.add(name.casefold())
        members.append(f"{literal(name)}: {letter}")
    return f"to_json({{{', '.join(members)}}})"


def _true(column: pa.ChunkedArray) -> Array:
    return np.flatnonzero(column.to_numpy())
