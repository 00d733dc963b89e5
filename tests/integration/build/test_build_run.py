"""What a run redoes, what it reads, and what it leaves when it is cut short."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import duckdb
import pytest

from ingestion.errors import LakeBusy
from tests.integration.build.small_lake import BUILT_AS_OF, SmallLake, at, fill, public_tables
from warehouse.build.dbt_runner import Dbt
from warehouse.build.report import BuildReport, CheckRun

WEATHER, INSPECTION = "qxj.wx_station_hourly", "syj.food_inspection"


def check(report: BuildReport, name: str) -> CheckRun:
    return next(c for c in report.checks if c.name.startswith(name))


def listed(lake: SmallLake, feed: str) -> set[object]:
    return {key for (key,) in lake.query(f"select key from _citylake.listed_file where feed = '{feed}'")}


Built = tuple[SmallLake, BuildReport]


def test_one_more_day_reads_its_own_files_and_tests_its_own_rows(built: Built) -> None:
    filled, first = built
    assert first.full_refresh
    assert first.messages == ["rebuilt everything: there is no build file"]
    assert first.warnings == []
    assert {c.status for c in first.checks} == {"passed"}

    fresh = [filled.weather(at(4, hour)) for hour in range(24)]
    second = filled.build(date(2026, 3, 4))

    assert not second.full_refresh
    assert second.affected == {"jtj.gtfs_static": [], "syj.food_licence": [], WEATHER: ["2026-03-04"]}
    expected = {file["key"] for put in fresh for file in put.files}
    assert listed(filled, WEATHER) == expected
    ((text,),) = filled.query("select sql from duckdb_views() where view_name = 'wx_station_hourly'")
    assert str(text).count(".parquet") == len(expected)
    assert listed(filled, INSPECTION) == set()
    key = check(second, "primary_key_fct_weather_hourly")
    assert "observed_date in (date '2026-03-04')" in str(key.compiled_sql)
    daily = check(second, "primary_key_mart_weather_daily")
    assert "met_date in (date '2026-03-04', date '2026-03-05')" in str(daily.compiled_sql)
    assert filled.query("select count(*) from fct_weather_hourly") == [(3 * 24 * 3,)]
    ((hours, is_complete),) = filled.query(
        "select hours_observed, is_complete from mart_weather_daily "
        "where met_date = '2026-03-04' and town_code = '442000002'"
    )
    assert (hours, is_complete) == (24, True)


def test_nothing_new_does_not_start_dbt(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    filled, first = built
    before = public_tables(filled, first)

    def started(dbt: Dbt) -> None:
        raise AssertionError("dbt was started")

    with monkeypatch.context() as patch:
        patch.setattr(Dbt, "parse", started)
        again = filled.build(BUILT_AS_OF)
    assert again.nothing_new
    assert (again.build_id, again.checks, again.affected) == (first.build_id, first.checks, first.affected)

    # On a later day the same files are older.
    later = filled.build(date(2026, 3, 20))
    assert not later.nothing_new
    assert later.affected == {"jtj.gtfs_static": [], "syj.food_licence": []}
    stale = check(later, "content_is_fresh_fct_weather_hourly")
    assert stale.status == "failed"
    assert "no content within 1 days before the day judged" in (stale.message or "")
    assert public_tables(filled, later) == before


def test_a_run_cut_short_between_run_and_test_is_repeated(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    filled, _ = built
    fill(filled, date(2026, 3, 4), hours=range(2))

    def killed(dbt: Dbt) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Dbt, "test", killed)
        filled.build(date(2026, 3, 4))
    # The tables hold the new day; the delivery behind a part of it is then withdrawn.
    withdrawn = next(put for put in filled.puts if put.contract.name == INSPECTION and "20260303T16" in put.batch)
    filled.puts.remove(withdrawn)
    report = filled.build(date(2026, 3, 4))

    assert not report.full_refresh
    assert report.affected[INSPECTION] == ["2026-03-04"]
    assert filled.query("select count(*) from fct_food_inspection where inspected_date = '2026-03-04'") == [(0,)]
    assert {c.status for c in report.checks} == {"passed"}
    repaired = public_tables(filled, report)
    assert repaired == public_tables(filled, filled.build(date(2026, 3, 4), full_refresh=True))


def test_days_that_failed_a_check_are_tested_until_they_pass(built: Built) -> None:
    filled, _ = built
    filled.inspections(date(2026, 3, 4), range(1, 4), score=130)
    failed = check(filled.build(date(2026, 3, 4)), "value_between_fct_food_inspection_score")
    assert (failed.status, failed.failures, failed.product) == ("failed", 3, "food_safety")

    filled.weather(at(5, 0))
    report = filled.build(date(2026, 3, 5))
    assert check(report, "value_between_fct_food_inspection_score").status == "failed"
    assert report.affected[INSPECTION] == ["2026-03-04"]

    filled.inspections(date(2026, 3, 4), range(1, 4), score=95, as_of=at(6))
    report = filled.build(date(2026, 3, 5))
    assert check(report, "value_between_fct_food_inspection_score").status == "passed"

    filled.weather(at(5, 1))
    assert INSPECTION not in filled.build(date(2026, 3, 5)).affected


def test_days_missing_from_a_products_last_release_are_built_again(built: Built) -> None:
    filled, first = built
    released = {"food_safety": set(first.inputs[INSPECTION] + first.inputs["syj.complaint"])}
    older = next(key for key in first.inputs[INSPECTION] if "dt=2026-03-02" in key)
    released["food_safety"] -= {older}
    released["food_safety"] |= set(first.inputs["syj.food_licence"])
    filled.weather(at(4, 0))

    report = filled.build(date(2026, 3, 4), released=released)

    assert report.affected[INSPECTION] == ["2026-03-02"]
    assert "syj.complaint" not in report.affected


def test_a_damaged_build_file_is_made_anew(built: Built) -> None:
    filled, before = built
    tables = public_tables(filled, before)
    filled.settings.build_path.write_bytes(b"not a database" * 1000)

    report = filled.build(date(2026, 3, 3))

    assert report.full_refresh
    assert report.messages == ["rebuilt everything: the build file was damaged and has been removed"]
    assert any("damaged" in line for line in filled.said)
    assert public_tables(filled, report) == tables


def test_a_build_file_open_elsewhere_is_left_alone(small_lake: SmallLake) -> None:
    path = small_lake.settings.build_path
    path.parent.mkdir(parents=True)
    duckdb.connect(path).close()
    code = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(LakeBusy, match="citylake sql"):
            small_lake.build(date(2026, 3, 3))
        other.communicate("")
    assert path.is_file()
