"""SQL asks no clock but `as_of()`."""

from __future__ import annotations

import pytest

from warehouse.build.clock_rule import clocks, require_one_clock
from warehouse.build.errors import BuildFailed
from warehouse.build.lineage import Lineage


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select now()", ["now("]),
        ("select NOW ( ) - 1", ["NOW ("]),
        ("select current_date - 1", ["current_date"]),
        ("select Current_Timestamp", ["Current_Timestamp"]),
        ("where day < today()", ["today("]),
        ("select get_current_time()", ["get_current_time("]),
        ("select localtime, localtimestamp", ["localtime", "localtimestamp"]),
        ("select transaction_timestamp()", ["transaction_timestamp("]),
        ("select age(opened_at)", ["age(opened_at)"]),
        ("select {{ dbt.current_timestamp() }}", ["dbt.current_timestamp"]),
        ("select '{{ run_started_at }}'", ["run_started_at"]),
        ("{% set x = modules.datetime.date.today() %}", ["modules.datetime"]),
        ("select {{ citylake_run()['as_of'] }}", ["citylake_run"]),
        ("select '{{ env_var('DAY') }}'", ["env_var("]),
    ],
)
def test_another_clock_is_found(sql: str, found: list[str]) -> None:
    assert clocks(sql) == found


@pytest.mark.parametrize(
    "sql",
    [
        "select {{ as_of() }} - opened_date as days",
        "select 'now() current_date' as text",
        "select 1 -- not now()\n",
        "{# current_date is not asked #} select 1",
        "/* today() */ select snow(1), todays_rows, known.current_dates, t.now from t",
        "select age(as_of, opened_at)",
        "select average(x), storage(y), language(z)",
    ],
)
def test_good_sql_has_none(sql: str) -> None:
    assert clocks(sql) == []


def lineage(model: str = "select 1", where: str | None = None, macro: str = "") -> Lineage:
    node = {"name": "mart_a", "resource_type": "model", "raw_code": model, "config": {}}
    test = {"name": "test_a", "resource_type": "test", "raw_code": "", "config": {"where": where}}
    macros = {
        "m": {"name": "days", "package_name": "city", "macro_sql": macro},
        "as_of": {"name": "as_of", "package_name": "city", "macro_sql": "date '{{ citylake_run()['as_of'] }}'"},
        "dbt": {"name": "current", "package_name": "dbt", "macro_sql": "now()"},
    }
    return Lineage({"nodes": {"model.mart_a": node, "test.test_a": test}, "macros": macros})


def test_a_project_that_asks_as_of_alone_is_built() -> None:
    require_one_clock(lineage("select {{ as_of() }}", "day < {{ as_of() }}", "{{ as_of() }}"))


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (lineage(model="select now()"), "mart_a uses now("),
        (lineage(where="day < current_date"), "test_a uses current_date"),
        (lineage(macro="select today()"), "days uses today("),
    ],
)
def test_a_build_is_refused_and_says_where(made: Lineage, named: str) -> None:
    with pytest.raises(BuildFailed) as failed:
        require_one_clock(made)
    assert named in str(failed.value)
    assert "as_of()" in str(failed.value)
