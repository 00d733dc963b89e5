"""What a run redoes, what it reads, and what it leaves when it is cut short."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from ingestion.errors import LakeBusy
from tests.integration.build.small_lake import BUILT_AS_OF, SmallLake, march
from tests.support.office import CALL, DBT_PROJECT, READING, REGISTER
from warehouse.build.dbt_runner import Dbt
from warehouse.build.report import BuildReport, CheckRun

FOURTH, FIFTH = date(2026, 3, 4), date(2026, 3, 5)


def check(report: BuildReport, name: str) -> CheckRun:
    return next(c for c in report.checks if c.name.startswith(name))


def listed(lake: SmallLake, feed: str) -> set[str]:
    return {key for (key,) in lake.query(f"select key from _citylake.listed_file where feed = '{feed}'")}


Built = tuple[SmallLake, BuildReport]


def test_one_more_day_reads_its_own_files_and_tests_its_own_rows(built: Built) -> None:
    filled, first = built
    assert first.full_refresh
    assert first.messages == ["rebuilt everything: there is no build file"]
    assert first.warnings == []
    assert {c.status for c in first.checks} == {"passed"}

    batch = filled.readings(FOURTH)
    second = filled.build(FOURTH)

    assert not second.full_refresh
    assert second.affected == {REGISTER: [], READING: ["2026-03-04"]}
    (key,) = listed(filled, READING)
    assert batch in key
    ((text,),) = filled.query("select sql from duckdb_views() where view_name = 'reading'")
    assert str(text).count(".parquet") == 1
    assert key in str(text)
    assert listed(filled, CALL) == set()
    tested = check(second, "primary_key_fct_reading")
    assert "\"read_date\" in (date '2026-03-04')" in str(tested.compiled_sql)
    daily = check(second, "primary_key_mart_office_daily")
    assert "\"billing_date\" in (date '2026-03-04', date '2026-03-05')" in str(daily.compiled_sql)
    related = check(second, "total_equals_mart_office_daily")
    assert related.build_id == second.build_id
    assert filled.query("select count(*) from fct_reading") == [(3 * 3 * 3,)]
    # The reading of 21:00 the day before lies in a file that this run does not open.
    ((readings,),) = filled.query(
        "select readings from mart_office_daily where billing_date = '2026-03-04' and office_code = 'OF01'"
    )
    assert readings == 3


def test_nothing_new_does_not_start_dbt(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    filled, first = built
    before = filled.public_tables(first)

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
    assert later.affected == {REGISTER: []}
    stale = check(later, "content_is_fresh_fct_reading")
    assert stale.status == "failed"
    assert "no content within 1 days before the day judged" in (stale.message or "")
    assert filled.public_tables(later) == before


@pytest.mark.faults
def test_a_run_cut_short_between_run_and_test_is_repeated(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    filled, _ = built
    filled.readings(FOURTH)
    withdrawn = filled.calls(FOURTH, range(1, 4))

    def killed(dbt: Dbt, names: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Dbt, "test", killed)
        filled.build(FOURTH)
    # The tables hold the new day; the delivery behind a part of it is then withdrawn.
    assert filled.query("select count(*) from fct_call where called_date = '2026-03-04'") == [(3,)]
    filled.withdrawn.add(withdrawn)
    report = filled.build(FOURTH)

    assert not report.full_refresh
    assert report.affected[CALL] == ["2026-03-04"]
    assert filled.query("select count(*) from fct_call where called_date = '2026-03-04'") == [(0,)]
    assert {c.status for c in report.checks} == {"passed"}
    repaired = filled.public_tables(report)
    assert repaired == filled.public_tables(filled.build(FOURTH, full_refresh=True))


@pytest.mark.faults
def test_days_that_failed_a_check_are_tested_until_they_pass(built: Built) -> None:
    filled, _ = built
    in_range = "value_between_fct_reading_energy_kwh"
    filled.readings(FOURTH, more=200)
    failed = check(filled.build(FOURTH), in_range)
    assert (failed.status, failed.failures, failed.product) == ("failed", 9, "readings")

    filled.calls(FIFTH, range(1, 4))
    report = filled.build(FIFTH)
    assert check(report, in_range).status == "failed"
    assert report.affected[READING] == ["2026-03-04"]

    filled.readings(FOURTH, more=5, as_of=march(6))
    report = filled.build(FIFTH)
    assert check(report, in_range).status == "passed"

    filled.calls(FIFTH, range(4, 6))
    assert READING not in filled.build(FIFTH).affected


def test_days_missing_from_a_products_last_release_are_built_again(built: Built) -> None:
    filled, first = built
    released = {"calls": set(first.inputs[CALL] + first.inputs[REGISTER])}
    released["calls"] -= {next(key for key in first.inputs[CALL] if "dt=2026-03-02" in key)}
    filled.readings(FOURTH)

    report = filled.build(FOURTH, released=released)

    # The file of 2 March repeats calls of the day before.
    assert report.affected[CALL] == ["2026-03-01", "2026-03-02"]
    assert report.affected[READING] == ["2026-03-04"]


@pytest.mark.faults
def test_a_failing_model_stops_its_product_only(built: Built, tmp_path: Path) -> None:
    filled, _ = built
    # Beside the shipped macros and tests, which it names by relative paths.
    project = tmp_path / "a" / "b" / "dbt_project"
    shutil.copytree(DBT_PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    (tmp_path / "dbt_project").symlink_to(DBT_PROJECT.parents[2] / "dbt_project")
    broken = project / "models" / "marts" / "calls" / "fct_call.sql"
    broken.write_text(broken.read_text(encoding="utf-8").replace("    from calls", "    from calls where 1 / 'x' > 0"))
    filled.project = project

    report = filled.build(BUILT_AS_OF)

    status = {m.name: m.status for m in report.models}
    assert status["fct_call"] == "error"
    assert status["mart_call_daily"] == "skipped"
    assert status["fct_reading"] == status["pub_reading"] == status["dim_office"] == "passed"
    skipped = [c for c in report.checks if c.models[0] == "fct_call"]
    assert skipped
    assert {c.status for c in skipped} == {"skipped"}
    assert all("not built" in str(c.message) for c in skipped)

    filled.project = DBT_PROJECT
    repaired = filled.build(BUILT_AS_OF)
    assert not repaired.full_refresh
    assert {m.name for m in repaired.models if m.build_id == repaired.build_id} == {"fct_call", "mart_call_daily"}
    assert repaired.affected == {REGISTER: []}
    assert {m.status for m in repaired.models} == {"passed"}


def test_a_damaged_build_file_is_made_anew(built: Built) -> None:
    filled, before = built
    tables = filled.public_tables(before)
    filled.lake.settings.build_path.write_bytes(b"not a database" * 1000)

    report = filled.build(date(2026, 3, 3))

    assert report.full_refresh
    assert report.messages == ["rebuilt everything: the build file was damaged and has been removed"]
    assert any("damaged" in line for line in filled.said)
    assert filled.public_tables(report) == tables


def test_a_build_file_open_elsewhere_is_left_alone(small_lake: SmallLake) -> None:
    path = small_lake.lake.settings.build_path
    path.parent.mkdir(parents=True, exist_ok=True)
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
