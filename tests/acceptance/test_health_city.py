"""Health on the simulated city: the models find what the city says happened, and no more (E1, E2, E3, E5).

The truth is computed from what the city did, never from its files; the lake is that of the story, after five days.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from infra.simulator.city import City
from infra.simulator.deliver import deliver
from infra.simulator.health.residents import Run, residents
from infra.simulator.health_truth import health_effects
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from tests.acceptance.test_story import START, five_days
from tests.support import baked
from warehouse.build.runner import build
from warehouse.capture import Captured, capture
from warehouse.sql import connect

LAST = START + timedelta(days=4)
QUERY = Path(__file__).parents[2] / "docs" / "queries" / "four_departments.sql"
GROWING = ("fct_visit", "fct_appointment", "fct_exam_share", "fct_prescription", "mart_visit_daily",
           "mart_repeat_examination", "mart_appointment_access", "mart_tiered_care", "mart_prescription",
           "dim_health_resident")  # fmt: skip
"""Tables of the health records; the connection of hospitals is of a day."""
Truth = dict[str, Any]


@pytest.fixture(scope="module")
def truth() -> Truth:
    return health_effects(City(seed=442000, start=START, days=5))


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    """The build file after the last day; only tables are read."""
    home = baked.shared("five-days", five_days)
    with duckdb.connect(Settings(home=home).build_path, read_only=True) as connection:
        yield connection


def rows(db: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return db.execute(sql).fetchall()


def test_a_resident_of_both_hospitals_is_one(db: duckdb.DuckDBPyConnection, truth: Truth) -> None:
    """E1."""
    seen = dict(
        rows(
            db, "select health_system, count(distinct health_resident_id) from fct_visit where is_counted group by all"
        )
    )
    ((dangling,),) = rows(db, "select count(*) from fct_visit where is_patient_dangling")
    assert truth["residents"]["pairs"] > 3
    assert seen["B"] == truth["residents"]["B"]
    # Whose own record was refused is not known; each has one visit.
    assert truth["residents"]["A"] - seen["A"] == dangling - truth["visits"]["dangling"] < 5
    assert rows(db, "select count(*) from dim_health_resident where health_systems = 2") == [
        (truth["residents"]["pairs"],)
    ]
    known = set(residents(Run.of(City(seed=442000, start=START, days=5))).citizen_id)
    texts = {one for (one,) in rows(db, "select resident_pseudonym from dim_health_resident")}
    assert len(texts) > 1000
    assert not texts & known


def test_visits_of_both_hospitals_are_all_there_with_what_does_not_resolve(
    db: duckdb.DuckDBPyConnection, truth: Truth
) -> None:
    counts = rows(db, "select health_system, count(*), count(distinct visit_id) from fct_visit group by all order by 1")
    assert counts == [(system, truth["visits"][system], truth["visits"][system]) for system in ("A", "B")]
    ((dangling,),) = rows(db, "select count(*) from fct_visit where is_patient_dangling")
    assert dangling >= truth["visits"]["dangling"] > 0
    ((without,),) = rows(db, "select count(*) from fct_visit where health_resident_id is null")
    assert without == dangling


def test_repeated_examinations_are_counted_exactly(db: duckdb.DuckDBPyConnection, truth: Truth) -> None:
    """E3."""
    assert truth["repeats"]["repeated"] > truth["repeats"]["recognised"] > 0
    found = rows(db, "select sum(reports), sum(repeated + avoided), sum(avoided) from mart_repeat_examination")
    assert found == [tuple(truth["repeats"][name] for name in ("reports", "repeated", "recognised"))]


def test_appointments_by_channel_add_up(db: duckdb.DuckDBPyConnection, truth: Truth) -> None:
    """E5."""
    found = rows(
        db,
        "select channel, sum(open_appointments), sum(attended), sum(cancelled), sum(no_shows), sum(appointments) "
        "from mart_appointment_access group by channel",
    )
    by_channel = {
        channel: tuple(counts.get(status, 0) for status in ("已预约", "已就诊", "已取消", "爽约"))
        for channel, counts in truth["appointments"]["by_channel"].items()
    }
    assert {channel: counts for channel, *counts, _ in found} == {one: list(all_) for one, all_ in by_channel.items()}
    assert all(sum(counts) == total for _, *counts, total in found)
    assert sum(total for *_, total in found) == truth["appointments"]["total"]
    assert rows(db, "select count(*) from fct_appointment where appointment_status = 'no_show'") == [
        (truth["appointments"]["no_shows"],)
    ]
    days = rows(db, "select sum(channel_share) from mart_appointment_access group by booked_date")
    assert all(abs(float(share) - 1) < 1e-5 for (share,) in days)


def test_prescriptions_by_system_and_status(db: duckdb.DuckDBPyConnection, truth: Truth) -> None:
    words = {
        "active": "written", "completed": "dispensed", "cancelled": "withdrawn",
        "已开具": "written", "已调剂": "dispensed", "已撤销": "withdrawn",
    }  # fmt: skip
    expected: Counter[tuple[str, str]] = Counter()
    for system, counts in truth["prescriptions"].items():
        for status, count in counts.items():
            expected[system, words[status]] += count
    found = rows(db, "select health_system, prescription_status, count(*) from fct_prescription group by all")
    assert {(system, status): count for system, status, count in found} == expected
    ((lines,),) = rows(db, "select sum(prescription_lines) from mart_prescription")
    assert lines == sum(expected.values())


def test_first_contacts_are_those_without_a_visit_in_the_month_before(db: duckdb.DuckDBPyConnection) -> None:
    expected = rows(
        db,
        """
        select count(*), count(*) filter (facility_kind = '社区卫生服务中心')
        from fct_visit as one left join dim_health_facility using (health_facility_id)
        where is_counted and health_resident_id is not null and not exists (
            from fct_visit as earlier
            where earlier.is_counted and earlier.health_resident_id = one.health_resident_id
                and (earlier.visited_at, earlier.visit_id) < (one.visited_at, one.visit_id)
                and one.visited_date - earlier.visited_date <= 30
        )
        """,
    )
    found = rows(db, "select sum(first_contacts), sum(primary_first_contacts) from mart_tiered_care")
    assert found == expected
    assert 0 < found[0][1] < found[0][0]


def test_four_departments_meet_on_the_release() -> None:
    """The query of the README, on what was released, without any row about a resident."""
    lake = open_lake(Settings(home=baked.shared("five-days", five_days)))
    with connect(lake) as release:
        found = release.execute(QUERY.read_text(encoding="utf-8")).fetchall()
        names = {name for (name,) in release.execute("select table_name from information_schema.tables").fetchall()}
    assert len(found) > 10
    visits, gastro, warmest, listed = ([row[place] for row in found] for place in (5, 6, 8, 10))
    assert [any(column) for column in (visits, gastro, warmest, listed)] == [True] * 4
    assert {"mart_visit_daily", "gov_mart_hospital_connection", "dim_health_facility"} <= names
    assert not {"fct_visit", "fct_appointment", "fct_exam_share", "fct_prescription", "dim_health_resident"} & names


def _days(home: Path, without: date | None = None) -> Lake:
    """Health alone of five days, a build a day; what hospital A sends on the day `without` stays in `home`."""
    lake, city = open_lake(Settings(home=home)), City(seed=442000, start=START, days=5)
    feeds = [one for one in lake.contracts.values() if one.department == "wjj"]
    for offset in range(5):
        day = START + timedelta(days=offset)
        deliver(city, city.day_no(day), home / "city")
        if day == without:
            (never,) = (home / "city" / "drop" / "wjj" / "hospital_a_record").glob(f"*{day:%Y%m%d}*")
            never.rename(home / never.name)
        for contract in feeds:
            capture(lake, contract, day, Captured())
        build(lake, day)
    return lake


def _moved(lake: Lake, feed: str, encoding: str, column: str, moved: timedelta, form: str) -> None:
    """Takes in the last day's file once more, now with a record of the first day that begins on another."""
    folder = lake.settings.root / "city" / "drop" / "wjj" / feed
    (first,), last = (sorted(folder.glob(f"*{day:%Y%m%d}*")) for day in (START, LAST))
    lines = list(csv.reader(io.StringIO(first.read_text(encoding))))
    record = dict(zip(lines[0], lines[1], strict=True))
    record[column] = (datetime.strptime(record[column], form) + moved).strftime(form)  # noqa: DTZ007 - local, as written
    sent = list(csv.reader(io.StringIO(last[-1].read_text(encoding))))
    with last[-1].open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows([*sent, list(record.values())])
    capture(lake, lake.contracts[f"wjj.{feed}"], LAST, taken := Captured())
    assert [delivery.outcome for delivery in taken.deliveries] == ["accepted"]


@pytest.mark.faults
def test_a_hospital_that_stops_is_red_the_next_day_and_no_other(tmp_path: Path) -> None:
    """E2. Days made one by one are those of a build of everything."""
    stopped = LAST - timedelta(days=1)
    lake = _days(tmp_path, without=stopped)
    with duckdb.connect(lake.settings.build_path, read_only=True) as db:
        states = dict(
            rows(
                db,
                "select (health_system, cast(calendar_date as varchar)), connection_status "
                f"from gov_mart_hospital_connection where calendar_date >= '{START}'",
            )
        )
        grown = {name: rows(db, f"from {name} order by all") for name in GROWING}
    days = [str(START + timedelta(days=offset)) for offset in range(5)]
    assert [states["A", day] for day in days] == ["green", "green", "green", "red", "green"]
    assert [states["B", day] for day in days] == ["green"] * 5
    _equal_a_full_rebuild(lake, grown)

    # The export comes after all, and later days refer to what it holds; a visit and an appointment move to another day.
    (held,) = tmp_path.glob("hospital_a_record*")
    held.rename(tmp_path / "city" / "drop" / "wjj" / "hospital_a_record" / held.name)
    capture(lake, lake.contracts["wjj.hospital_a_record"], stopped, Captured())
    _moved(lake, "hospital_b_visit", "gb18030", "就诊日期时间", timedelta(days=1), "%Y%m%d%H%M%S")
    _moved(lake, "appointment", "utf-8", "booked_at", timedelta(days=-1), "%Y-%m-%d %H:%M:%S")
    report = build(lake, LAST)
    health = {"health_record", "health_reference"}
    assert [one.name for one in report.checks if one.product in health and one.status == "failed"] == []
    with duckdb.connect(lake.settings.build_path, read_only=True) as db:
        assert rows(db, "select count(*) - count(distinct visit_id) from fct_visit") == [(0,)]
        assert rows(db, "select count(*) from fct_visit where health_system = 'B' and reports = 2") == [(1,)]
        assert rows(db, "select count(*) - count(distinct appointment_id) from fct_appointment") == [(0,)]
        later = {name: rows(db, f"from {name} order by all") for name in GROWING}
    assert later["fct_visit"] != grown["fct_visit"]
    _equal_a_full_rebuild(lake, later)


def _equal_a_full_rebuild(lake: Lake, grown: dict[str, list[tuple[Any, ...]]]) -> None:
    build(lake, LAST, full_refresh=True)
    with duckdb.connect(lake.settings.build_path, read_only=True) as db:
        for name, before in grown.items():
            assert rows(db, f"from {name} order by all") == before, name
