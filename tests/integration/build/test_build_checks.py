"""Each kind of check fails when it should: one build of a lake with one fault for each."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from ingestion.sql import literal
from tests.integration.build.small_lake import SmallLake, open_lake
from tests.support.office import READING
from warehouse.build.report import BuildReport
from warehouse.build.state import Effective

SECOND, LAST = date(2026, 3, 2), date(2026, 3, 20)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> BuildReport:
    lake = SmallLake(open_lake(tmp_path_factory.mktemp("faulty")))
    lake.register(SECOND, offices=4)
    lake.readings(SECOND)
    # No office has the numbers 5 and 6.
    lake.calls(SECOND, range(1, 7))
    lake.calls(LAST, range(1, 5))
    _fault_twice_the_same_offices(lake)
    return lake.builder().build(_fault_a_receipt_that_promises_more(lake.effective()), LAST)


def _fault_twice_the_same_offices(lake: SmallLake) -> None:
    """As if conform had let a repeated key pass."""
    (path,) = (Path(lake.lake.store.url(info.key)) for info in lake.lake.store.list("bronze/office/register/"))
    rows = duckdb.sql(f"from read_parquet({literal(path)})").to_arrow_table()
    path.unlink()
    duckdb.sql("from rows union all from rows").write_parquet(str(path))
    assert rows.num_rows == 4


def _fault_a_receipt_that_promises_more(effective: Effective) -> Effective:
    days = effective.days.to_pylist()
    for day in days:
        day["rows"] += day["feed"] == READING
    return replace(effective, days=pa.Table.from_pylist(days, effective.days.schema))


def failures(report: BuildReport, name: str) -> tuple[str, int | None]:
    found = [check for check in report.checks if check.name.startswith(name)]
    assert len(found) == 1, [check.name for check in report.checks]
    return found[0].status, found[0].failures


def test_a_repeated_key_fails(faulty: BuildReport) -> None:
    assert failures(faulty, "primary_key_stg_office__offices") == ("failed", 4)
    assert failures(faulty, "primary_key_dim_office") == ("failed", 4)
    assert failures(faulty, "primary_key_fct_reading") == ("passed", 0)


def test_a_row_that_is_missing_from_the_fact_fails(faulty: BuildReport) -> None:
    assert failures(faulty, "row_count_equals_receipts_fct_reading") == ("failed", 1)
    assert failures(faulty, "row_count_equals_receipts_fct_call") == ("passed", 0)


def test_old_content_fails_and_new_content_of_another_feed_does_not_help(faulty: BuildReport) -> None:
    assert failures(faulty, "content_is_fresh_fct_reading") == ("failed", 1)
    assert failures(faulty, "content_is_fresh_dim_office") == ("failed", 1)
    assert failures(faulty, "content_is_fresh_fct_call") == ("passed", 0)


def test_an_orphan_fails(faulty: BuildReport) -> None:
    assert failures(faulty, "relationships_fct_call_office_id") == ("failed", 2)


def test_a_roll_up_that_counts_a_row_twice_fails(faulty: BuildReport) -> None:
    # Each call meets its office twice.
    assert failures(faulty, "total_equals_mart_call_daily") == ("failed", 1)
    assert failures(faulty, "total_equals_mart_office_daily") == ("passed", 0)
