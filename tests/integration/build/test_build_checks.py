"""Each kind of check fails when it should: one build of a lake with one fault for each."""

from __future__ import annotations

from datetime import date

import pytest

from tests.integration.build.small_lake import SmallLake, at, fill
from warehouse.build.report import BuildReport


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> BuildReport:
    from tests.integration.build.conftest import make_lake

    lake = make_lake(tmp_path_factory.mktemp("faulty"))
    lake.timetable(date(2026, 3, 2), stops=5)
    fill(lake, date(2026, 3, 2), hours=range(3))
    _fault_twice_the_same_licence(lake)
    _fault_a_receipt_that_promises_more(lake)
    _fault_a_stop_nobody_knows(lake)
    lake.weather(at(20))
    return lake.build(date(2026, 3, 20))


def _fault_twice_the_same_licence(lake: SmallLake) -> None:
    """As if conform had let a repeated key pass."""
    (query,) = [put.queries["food_licence"] for put in lake.puts if put.contract.feed == "food_licence"]
    repeated = f"from ({query}) union all from ({query})"
    lake.deliver("syj.food_licence", at(2), {"food_licence": repeated}, as_of=at(3, 5))


def _fault_a_receipt_that_promises_more(lake: SmallLake) -> None:
    put = next(put for put in lake.puts if put.contract.feed == "food_inspection")
    put.days[0]["rows"] = 6


def _fault_a_stop_nobody_knows(lake: SmallLake) -> None:
    (queries,) = [put.queries for put in lake.puts if put.contract.feed == "gtfs_static"]
    fewer = queries | {"stops": f"from ({queries['stops']}) where stop_id <> 'S3'"}
    lake.deliver("jtj.gtfs_static", at(2), fewer, as_of=at(3, 5))


def failures(report: BuildReport, name: str) -> tuple[str, int | None]:
    found = [check for check in report.checks if check.name.startswith(name)]
    assert len(found) == 1, [check.name for check in report.checks]
    return found[0].status, found[0].failures


def test_a_repeated_key_fails(faulty: BuildReport) -> None:
    assert failures(faulty, "primary_key_stg_syj__food_licences") == ("failed", 8)
    assert failures(faulty, "primary_key_dim_food_business") == ("failed", 8)
    assert failures(faulty, "primary_key_fct_weather_hourly") == ("passed", 0)


def test_a_row_that_is_missing_from_the_fact_fails(faulty: BuildReport) -> None:
    assert failures(faulty, "row_count_equals_receipts_fct_food_inspection") == ("failed", 1)
    assert failures(faulty, "row_count_equals_receipts_fct_food_complaint") == ("passed", 0)


def test_old_content_fails_and_new_content_of_another_feed_does_not_help(faulty: BuildReport) -> None:
    assert failures(faulty, "content_is_fresh_fct_food_inspection") == ("failed", 1)
    assert failures(faulty, "content_is_fresh_dim_food_business") == ("failed", 1)
    assert failures(faulty, "content_is_fresh_fct_weather_hourly") == ("passed", 0)
    assert failures(faulty, "content_is_fresh_fct_scheduled_stop_event") == ("passed", 0)


def test_an_orphan_fails(faulty: BuildReport) -> None:
    status, orphans = failures(faulty, "relationships_fct_scheduled_stop_event_stop_id")
    assert (status, orphans) == ("failed", 6)


def test_a_roll_up_that_counts_a_row_twice_fails(faulty: BuildReport) -> None:
    # Each inspection meets its business twice.
    assert failures(faulty, "total_equals_mart_food_inspection_daily") == ("failed", 1)
