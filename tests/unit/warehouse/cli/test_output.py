"""Values as JSON and as cells."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from warehouse.cli.output import PIPED_WIDTH, format_cell, grid, plain, progress, results, write_json

CITY = timezone(timedelta(hours=8))


@dataclass
class Reading:
    at: datetime
    values: list[Decimal]
    where: Path


def test_plain_gives_json_types() -> None:
    reading = Reading(datetime(2026, 3, 2, 8, tzinfo=CITY), [Decimal("1.50")], Path("a/b"))
    assert plain(reading) == {"at": "2026-03-02T00:00:00+00:00", "values": ["1.50"], "where": "a/b"}
    assert plain({date(2026, 3, 2): None, "n": 1, "b": True}) == {"2026-03-02": None, "n": 1, "b": True}
    assert plain(timedelta(minutes=1)) == 60.0


def test_plain_keeps_a_document_as_its_model_says() -> None:
    from ingestion.receipts.model import Span

    span = Span(start=datetime(2026, 3, 2, tzinfo=UTC), end=datetime(2026, 3, 3, tzinfo=UTC))
    assert plain([span]) == [{"start": "2026-03-02T00:00:00Z", "end": "2026-03-03T00:00:00Z"}]


def test_json_keeps_chinese_readable(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"名称": "南区"})
    output = capsys.readouterr().out
    assert "南区" in output
    assert json.loads(output) == {"名称": "南区"}


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (1234567, "1,234,567"),
        (True, "yes"),
        (datetime(2026, 3, 2, 8, tzinfo=CITY), "2026-03-02 00:00Z"),
        (1234.5678, "1,235"),
        (date(2026, 3, 2), "2026-03-02"),
    ],
)
def test_cells(value: object, cell: str) -> None:
    assert format_cell(value) == cell


def test_cells_are_never_markup(capsys: pytest.CaptureFixture[str]) -> None:
    results().print(grid(("a",), [("[red]x[/red]",), ("[2026-03-01T16:00Z, 2026-03-02T16:00Z)",)]))
    output = capsys.readouterr().out
    assert "[red]x[/red]" in output
    assert "[2026-03-01T16:00Z" in output


def test_a_pipe_gets_wide_lines(capsys: pytest.CaptureFixture[str]) -> None:
    results().print(grid(("a",), [("x" * 150,)]))
    assert "x" * 150 in capsys.readouterr().out
    assert results().width == PIPED_WIDTH


def test_progress_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("first") as say:
        say("[second]")
    assert capsys.readouterr().err == ""
