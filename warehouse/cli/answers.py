"""Run a query on a release and show its rows: as a table, as records on a narrow screen, as CSV or as JSON."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ingestion.errors import CitylakeError
from warehouse.cli.output import format_cell, grid, results

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from ingestion.store.base import Store
    from warehouse.release.manifest import Manifest

MAX_ROWS = 100
"""Rows a screen gets; machines ask for --csv or --json and get all."""

_BETWEEN_COLUMNS = 3
_NUMBERS = ("int", "uint", "float", "double", "decimal")


class QueryFailed(CitylakeError):
    """DuckDB refused a query that a person typed; the message is DuckDB's."""


def show(answer: pa.Table) -> None:
    """Show the first MAX_ROWS rows; on a screen that is too narrow as records, in a pipe as wide as they are."""
    console = results()
    cut = answer.slice(0, MAX_ROWS)
    names = list(answer.column_names)
    cells = list(zip(*([format_cell(v) for v in column.to_pylist()] for column in cut.columns), strict=True))
    width = _width(names, cells)
    if console.is_terminal and width > console.width:
        _show_records(names, cells)
    else:
        console.width = max(width, console.width)
        numbers = " ".join(field.name for field in answer.schema if str(field.type).startswith(_NUMBERS))
        console.print(grid(names, cells, right=numbers))
    more = f", the first {MAX_ROWS} shown; -c with --csv gives all" if answer.num_rows > MAX_ROWS else ""
    rows = "1 row" if answer.num_rows == 1 else f"{answer.num_rows:,} rows"
    console.print(f"{rows}{more}", style="dim")


def _width(names: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Screen cells of the widest line; a Chinese character takes two."""
    from rich.cells import cell_len

    columns = zip(names, *rows, strict=True)
    return sum(max(cell_len(cell) for cell in column) + _BETWEEN_COLUMNS for column in columns)


def _show_records(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Show each row as a block with one line for each value."""
    console = results()
    widest = max(len(name) for name in names)
    for number, row in enumerate(rows, 1):
        console.print(f"─ {number}", style="dim")
        for name, cell in zip(names, row, strict=True):
            console.print(f"{name:>{widest}}  {cell}", markup=False)


def stream(answer: pa.Table, form: Literal["csv", "json"]) -> None:
    """Write every row to standard output; DuckDB formats them (dates in ISO 8601, decimals exact)."""
    import duckdb

    from ingestion.sql import literal

    options = "format json, array true" if form == "json" else "format csv, header true"
    with tempfile.TemporaryDirectory(prefix="citylake-sql-") as folder, duckdb.connect() as connection:
        path = Path(folder) / "rows"
        connection.register("answer", answer)
        connection.execute(f"copy answer to {literal(path)} ({options})")
        sys.stdout.flush()
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def run_query(connection: duckdb.DuckDBPyConnection, command: str, store: Store | None = None) -> pa.Table:
    """The rows. Raises QueryFailed with DuckDB's own message for a wrong query, StoreError where `store` fails."""
    import duckdb

    from warehouse.sql import query

    try:
        return query(connection, command)
    except duckdb.Error as error:
        refusal = store.as_store_error("query", error) if store is not None else None
        if refusal is not None:
            raise refusal from error
        raise QueryFailed(str(error), left="the release is read-only and unchanged") from error


def release_line(manifest: Manifest) -> str:
    """Which release this is, and that its values are synthetic where they are."""
    synthetic = "; SYNTHETIC: made by the simulated city, no real person or business" if manifest.synthetic else ""
    missing = f"; never released: {', '.join(manifest.never_released)}" if manifest.never_released else ""
    return f"{manifest.edition} release {manifest.id} of {manifest.created_at:%Y-%m-%d %H:%MZ}{missing}{synthetic}"
