"""Which models a build makes and which checks it runs, after one change of each kind; the rest keeps its results."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from tests.integration.build.small_lake import SmallLake, march, open_lake
from tests.support.edited_project import EditedProject
from tests.support.office import CALL, READING, REGISTER
from warehouse.build.dbt_runner import Dbt
from warehouse.build.report import BuildReport
from warehouse.gate.decide import gate

SECOND, THIRD, LATER = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
CALLS = {"stg_office__calls", "fct_call", "mart_call_daily", "fct_call_age"}
READINGS = {"stg_office__readings", "fct_reading", "mart_office_daily", "pub_reading"}
REGISTERED = {"stg_office__offices", "dim_office", "mart_office_age", "mart_call_daily"}
DATED = {"mart_office_age", "fct_call_age"}


@dataclass
class Edited(SmallLake):
    """A lake whose project is the test's own."""

    own: EditedProject = field(kw_only=True)


def opened(folder: Path) -> Edited:
    own = EditedProject(folder)
    return Edited(open_lake(folder / "home"), project=own.path, own=own)


@pytest.fixture(scope="module")
def edited_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of every feed, built once for all tests; only `edited` hands them out."""
    folder = tmp_path_factory.mktemp("edited")
    lake = opened(folder)
    for day in (SECOND, THIRD):
        lake.fill(day)
    assert {c.status for c in lake.build(THIRD).checks} == {"passed"}
    return folder


@pytest.fixture
def edited(edited_once: Path, tmp_path: Path) -> Edited:
    """A copy of that lake with its project."""
    shutil.copytree(edited_once, tmp_path / "copy", symlinks=True)
    return opened(tmp_path / "copy")


def made(report: BuildReport) -> set[str]:
    return {model.name for model in report.models if model.build_id == report.build_id}


def ran(report: BuildReport) -> set[str]:
    """Models on which a check ran that does not ask for the date."""
    return {c.models[0] for c in report.checks if c.build_id == report.build_id and c.check != "freshness"}


def no_dbt(patch: pytest.MonkeyPatch) -> None:
    def started(dbt: Dbt) -> None:
        raise AssertionError("dbt was started")

    patch.setattr(Dbt, "parse", started)


def test_a_feed_reaches_what_reads_it(edited: Edited) -> None:
    edited.readings(LATER)
    report = edited.build(THIRD)
    assert made(report) == READINGS
    assert ran(report) == READINGS
    fresh = [c for c in report.checks if c.check == "freshness"]
    assert {c.build_id for c in fresh} == {report.build_id}
    assert {m.status for m in report.models} | {c.status for c in report.checks} == {"passed"}
    assert report.affected == {REGISTER: [], READING: ["2026-03-04"]}

    edited.register(LATER, offices=9)
    report = edited.build(THIRD)
    assert made(report) == REGISTERED
    # The fact's relationship to the dimension is looked at again, on its other side.
    assert "fct_call" in ran(report)
    assert "fct_reading" not in ran(report)


def test_an_edited_model_is_made_from_everything_with_what_is_below_it(edited: Edited) -> None:
    edited.own.edit("fct_call", "        minutes,", "        minutes + 1 as minutes,")
    report = edited.build(THIRD)
    assert made(report) == {"fct_call", "mart_call_daily"}
    assert not report.full_refresh
    assert report.affected == {REGISTER: []}
    assert "fct_call, mart_call_daily" in report.messages[0]
    assert edited.query("select count(*), count(distinct called_date) from fct_call") == [(8, 3)]
    # Every file of the feed was read for it; the others were not.
    listed = edited.query("select distinct feed from _citylake.listed_file order by 1")
    assert listed == [(CALL,), (REGISTER,)]
    edited.calls(LATER, range(1, 3))
    assert made(edited.build(THIRD)) == CALLS


def test_a_macro_reaches_the_models_that_call_it(edited: Edited) -> None:
    edited.own.macro("local_timestamp", "{% macro local_timestamp(column) -%}", "{% macro local_timestamp(column) %}")
    assert made(edited.build(THIRD)) == READINGS - {"stg_office__readings"}
    edited.own.macro("get_incremental_affected_days_sql", "insert into", "insert  into")
    report = edited.build(THIRD)
    assert made(report) == {model.name for model in report.models}


def test_a_description_makes_nothing_and_reaches_the_report(edited: Edited) -> None:
    edited.own.describe("新的说明")
    report = edited.build(THIRD)
    assert made(report) == ran(report) == set()
    assert {m.description for m in report.models if m.name == "mart_office_age"} == {"新的说明"}
    assert not report.nothing_new


def test_a_changed_check_looks_at_every_day(edited: Edited) -> None:
    edited.readings(LATER)
    edited.build(THIRD)
    path = edited.own.marts / "readings" / "fct_reading.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("high: 100", "high: 3"), encoding="utf-8")
    report = edited.build(THIRD)
    assert made(report) == set()
    (check,) = (c for c in report.checks if c.name.startswith("value_between_fct_reading"))
    assert (check.status, check.failures, check.build_id) == ("failed", 18, report.build_id)
    # It is looked at over every day until it passes, whatever is new.
    edited.readings(date(2026, 3, 5), hours=(1,))
    report = edited.build(THIRD)
    assert {c.failures for c in report.checks if c.name.startswith("value_between_fct_reading")} == {20}


def test_the_date_reaches_models_that_ask_for_it(edited: Edited) -> None:
    report = edited.build(LATER)
    assert made(report) == DATED
    assert edited.query("select distinct called_date + cast(days_ago as int) from fct_call_age") == [(LATER,)]
    assert made(edited.build(LATER)) == DATED


def test_the_date_alone_is_judged_without_dbt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = SmallLake(open_lake(tmp_path / "home"))
    lake.fill(THIRD)
    first = lake.build(THIRD)
    with monkeypatch.context() as patch:
        no_dbt(patch)
        second = lake.build(LATER)
        last = lake.build(date(2026, 3, 20))
        again = lake.build(date(2026, 3, 20))
    assert (second.as_of, second.nothing_new, again.nothing_new) == (LATER, False, True)
    assert {c.status for c in second.checks} == {"passed"}
    stale = {c.name: c for c in last.checks if c.check == "freshness"}
    assert {c.status for c in stale.values()} == {"failed"}
    assert {c.build_id for c in stale.values()} == {last.build_id}
    assert {c.build_id for c in last.checks if c.check != "freshness"} == {first.build_id}
    assert {m.build_id for m in last.models} == {first.build_id}
    by_dbt = lake.build(date(2026, 3, 20), full_refresh=True)
    for check in by_dbt.checks:
        if check.check == "freshness":
            kept = stale[check.name]
            assert (kept.status, kept.failures, kept.message) == (check.status, check.failures, check.message)
            assert " ".join((kept.compiled_sql or "").split()) == " ".join((check.compiled_sql or "").split())
    # What counts now decides, whatever the date was.
    lake.calls(LATER, range(1, 3))
    assert made(lake.build(LATER)) == CALLS - DATED


def test_a_dimension_that_loses_a_key_is_found_out_by_facts_of_other_days(edited: Edited) -> None:
    def orphans() -> tuple[str, int | None]:
        assert [(m.name, m.message) for m in report.models if m.status != "passed"] == []
        (check,) = (c for c in report.checks if c.name.startswith("relationships_fct_call"))
        return check.status, check.failures

    edited.register(LATER, offices=2, as_of=march(6))
    report = edited.build(THIRD)
    assert orphans() == ("failed", 2)
    edited.calls(LATER, range(1, 3))
    report = edited.build(THIRD)
    assert orphans() == ("failed", 2)
    edited.register(LATER, offices=5, as_of=march(7))
    report = edited.build(THIRD)
    assert orphans() == ("passed", 0)


def test_a_removed_model_leaves_no_table(edited: Edited) -> None:
    (edited.own.marts / "offices" / "mart_office_age.sql").unlink()
    path = edited.own.marts / "offices" / "_age.yml"
    path.write_text("models: []\n", encoding="utf-8")
    (edited.own.marts / "calls" / "fct_call_age.sql").unlink()
    report = edited.build(THIRD)
    assert made(report) == set()
    tables = {name for (name,) in edited.query("select table_name from information_schema.tables")}
    assert "fct_call" in tables
    assert {"mart_office_age", "fct_call_age"}.isdisjoint(tables)


def test_a_verdict_says_which_build_ran_its_checks(edited: Edited) -> None:
    before = {v.product: v for v in gate(edited.lake, edited.build(THIRD), today=THIRD)}
    first = {c.build_id for c in before["calls"].checks if c.build_id}
    edited.readings(LATER)
    report = edited.build(THIRD)
    after = {v.product: v for v in gate(edited.lake, report, today=THIRD)}
    assert (after["calls"].decision, after["calls"].inputs) == (before["calls"].decision, before["calls"].inputs)
    assert after["readings"].inputs != before["readings"].inputs
    carried = {c.build_id for c in after["calls"].checks if c.build_id and c.kind != "freshness"}
    assert carried == first
    edited.own.edit("fct_call", "        minutes,", "        minutes + 1 as minutes,")
    edited_calls = {v.product: v for v in gate(edited.lake, edited.build(THIRD), today=THIRD)}["calls"]
    assert edited_calls.inputs != before["calls"].inputs
