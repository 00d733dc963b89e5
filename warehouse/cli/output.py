"""Consoles, tables and JSON of the commands: results on standard output, progress and problems on standard error.

The texts of results are made in warehouse.cli.render.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.progress import Progress, silent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PIPED_WIDTH = 200
"""Columns of a table that goes to a file or a pipe, where there is no screen to measure."""


def results() -> Console:
    """A console on standard output."""
    return _console(stderr=False)


def problems() -> Console:
    """A console on standard error."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else PIPED_WIDTH, highlight=False)


def write(text: str) -> None:
    """Write plain text to standard output, without colour or wrapping."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def write_json(value: object) -> None:
    """Write a value to standard output as one JSON document."""
    write(json.dumps(plain(value), ensure_ascii=False, indent=2))


def plain(value: object) -> Any:
    """A value as JSON types: dataclasses and documents as objects, times in UTC ISO 8601, decimals as text."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return _plain_scalar(value) if not isinstance(value, Iterable) else [plain(item) for item in value]


def _plain_scalar(value: object) -> str | float:
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, date | Decimal | Path):
        return str(value)
    return str(value)


def show_grid(
    console: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: str = ""
) -> None:
    """A title and, where there are rows, the table below it. `right`: see `grid`."""
    table = grid(columns, rows, right=right)
    console.print(title, style="bold", markup=False, soft_wrap=True)
    if table.row_count:
        console.print(table)


def grid(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: str = "") -> Table:
    """A table. `right` names, blank separated, the columns of numbers; they and the first are never folded."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    numbers = right.split()
    for index, column in enumerate(columns):
        is_number = column in numbers
        kept_whole = is_number or index == 0
        table.add_column(column, justify="right" if is_number else "left", no_wrap=kept_whole, overflow="fold")
    for row in rows:
        table.add_row(*(Text(format_cell(cell)) for cell in row))
    return table


def format_cell(value: object) -> str:
    """A cell: thousands separated, UTC times to the minute (one without a zone as it is), nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%MZ}" if value.tzinfo else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    return str(value)


@contextmanager
def progress(first: str) -> Iterator[Progress]:
    """Show progress as one changing line on standard error; silent where that is not a terminal."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.text import Text

    with problems().status(first) as status:
        yield lambda message: status.update(Text(message))
