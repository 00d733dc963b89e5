"""Completeness: what was due and did not come is a warning that names it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb

from tests.support.lakes import contract
from warehouse.gate.completeness import due, judge_completeness

HOURLY = replace(
    contract(
        calendar={"every": "hour", "timezone": "Asia/Shanghai", "start": date(2026, 3, 1)},
        source={"path": "office/readings_{interval:%Y%m%d%H}*.csv"},
        deadline=timedelta(minutes=30),
        recapture=timedelta(days=3),
    ),
    name="office.readings",
)
"""`office.readings`: a file an hour of the city's time, due half an hour after the hour's end."""
CONTRACTS = {HOURLY.name: HOURLY}
DAY = date(2026, 3, 3)


def _log(path: Path, *, missing: int = 0) -> duckdb.DuckDBPyConnection:
    """Receipts of 2 and 3 March, the last `missing` due hours of 3 March left out."""
    log = duckdb.connect(str(path))
    log.execute("create table delivered (department varchar, feed varchar, interval_start timestamptz)")
    hours = [i for day in (DAY - timedelta(days=1), DAY) for i in HOURLY.calendar.meeting(day)]
    owed = due(HOURLY, DAY, [hours[0].start])
    left_out = {i.start for i in owed[len(owed) - missing :]}
    rows = [(HOURLY.department, HOURLY.feed, i.start) for i in hours if i.start not in left_out]
    log.executemany("insert into delivered values (?, ?, ?)", rows)
    return log


def test_everything_that_was_due_came(tmp_path: Path) -> None:
    with _log(tmp_path / "log.duckdb") as log:
        result = judge_completeness(log, CONTRACTS, DAY)[HOURLY.name]
    assert (result.status, result.message) == ("passed", None)


def test_missing_hours_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    with _log(tmp_path / "log.duckdb", missing=2) as log:
        result = judge_completeness(log, CONTRACTS, DAY)[HOURLY.name]
    assert (result.status, result.failures) == ("warned", 2)
    assert result.message == "2 of 47 due intervals have no delivery, the first [2026-03-03T13:00Z, 2026-03-03T14:00Z)"


def test_the_last_hour_is_not_due_before_its_deadline(tmp_path: Path) -> None:
    hours = HOURLY.calendar.meeting(DAY)
    assert due(HOURLY, DAY, [hours[0].start])[-1] == hours[-2]


def test_feeds_that_send_on_change_owe_nothing(tmp_path: Path) -> None:
    on_change = replace(HOURLY, citylake=HOURLY.citylake.model_copy(update={"on_change": True}))
    with _log(tmp_path / "log.duckdb", missing=2) as log:
        assert judge_completeness(log, {on_change.name: on_change}, DAY) == {}
