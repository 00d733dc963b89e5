"""Rows of a query for a screen, a pipe and a machine."""

from __future__ import annotations

import json

import duckdb
import pyarrow as pa
import pytest

from warehouse.cli.answers import MAX_ROWS, show, stream


def _rows(query: str) -> pa.Table:
    with duckdb.connect() as connection:
        return connection.execute(query).to_arrow_table()


def test_a_pipe_gets_every_column_however_wide(capsys: pytest.CaptureFixture[str]) -> None:
    columns = ", ".join(f"'{'值' * 20}{n}' as column_{n}" for n in range(12))
    show(_rows(f"select {columns}"))
    lines = capsys.readouterr().out.splitlines()
    (values,) = [line for line in lines if "值" in line]
    assert all(f"{'值' * 20}{n}" in values for n in range(12))


def test_a_narrow_screen_gets_records(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    show(_rows("select 'aaaaaaaaaaaaaaaaaaaaaaaa' as first, 'bbbbbbbbbbbbbbbbbbbbbbbb' as second"))
    output = capsys.readouterr().out
    assert "second  bbbbbbbbbbbbbbbbbbbbbbbb" in output


def test_a_long_answer_is_cut_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    show(_rows(f"select unnest(range({MAX_ROWS + 1})) as n"))
    output = capsys.readouterr().out
    assert f"{MAX_ROWS + 1} rows, the first {MAX_ROWS} shown" in output
    assert f"\n{'':>1}{MAX_ROWS}" not in output


def test_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    show(_rows("select 1 as a where false"))
    assert "0 rows" in capsys.readouterr().out


def test_machines_get_all_rows_exactly(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    answer = _rows(
        "select 1.50::decimal(5,2) as money, date '2026-03-02' as day, '南区, \"x\"' as text, [1, 2] as list"
    )
    stream(answer, "json")
    (row,) = json.loads(capfdbinary.readouterr().out)
    assert row == {"money": 1.5, "day": "2026-03-02", "text": '南区, "x"', "list": [1, 2]}
    stream(answer, "csv")
    output = capfdbinary.readouterr().out.decode()
    assert output == 'money,day,text,list\n1.50,2026-03-02,"南区, ""x""","[1, 2]"\n'
