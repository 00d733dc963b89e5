"""Completeness: what was due and did not come is a warning that names it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb

from ingestion.contract.load import load_contracts
from ingestion.settings import PACKAGE_ROOT
from warehouse.gate.completeness import due, judge_completeness

CONTRACTS = load_contracts(PACKAGE_ROOT / "contracts")
WEATHER = CONTRACTS["qxj.wx_station_hourly"]
DAY = date(2026, 3, 3)


def _log(path: Path, *, missing: int = 0) -> duckdb.DuckDBPyConnection:
    """Weather receipts of 2 and 3 March, the last `missing` due hours of 3 March left out."""
    log = duckdb.connect(str(path))
    log.execute("create table receipt (department varchar, feed varchar, interval_start timestamptz)")
    hours = [i for day in (DAY - timedelta(days=1), DAY) for i in WEATHER.calendar.meeting(day)]
    owed = due(WEATHER, DAY, [hours[0].start])
    left_out = {i.start for i in owed[len(owed) - missing :]}
    rows = [("qxj", "wx_station_hourly", i.start) for i in hours if i.start not in left_out]
    log.executemany("insert into receipt values (?, ?, ?)", rows)
    return log


def test_everything_that_was_due_came(tmp_path: Path) -> None:
    with _log(tmp_path / "log.duckdb") as log:
        result = judge_completeness(log, CONTRACTS, DAY)["qxj.wx_station_hourly"]
    assert (result.status, result.message) == ("passed", None)


def test_missing_hours_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    with _log(tmp_path / "log.duckdb", missing=2) as log:
        result = judge_completeness(log, CONTRACTS, DAY)["qxj.wx_station_hourly"]
    assert (result.status, result.failures) == ("warned", 2)
    assert result.message == "2 of 47 due intervals have no delivery, the first [2026-03-03T13:00Z, 2026-03-03T14:00Z)"


def test_the_last_hour_is_not_due_before_its_deadline(tmp_path: Path) -> None:
    hours = WEATHER.calendar.meeting(DAY)
    assert due(WEATHER, DAY, [hours[0].start])[-1] == hours[-2]


def test_feeds_that_send_on_change_owe_nothing(tmp_path: Path) -> None:
    with _log(tmp_path / "log.duckdb") as log:
        assert "jtj.gtfs_static" not in judge_completeness(log, CONTRACTS, DAY)
