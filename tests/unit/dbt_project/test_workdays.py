"""The calendar of workdays: holidays and days worked instead, and N workdays after any day, by hand and by counting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from infra.holidays import SEED, HolidayFilesError, seed_text
from ingestion.settings import Settings
from tests.support.needs import public_file
from tests.support.rendered import Rendered, load_seed

PROJECT = Settings().dbt_project
HOLIDAYS = "reference/china_holidays"
FIRST, LAST = date(2007, 1, 1), date(2026, 12, 31)

BY_HAND = [
    # Sunday 26 and Saturday 8 are worked for the Spring Festival of 28 January to 4 February.
    ("2025-01-24", ["01-26", "01-27", "02-05", "02-06", "02-07", "02-08", "02-10"]),
    ("2025-01-29", ["02-05", "02-06", "02-07", "02-08", "02-10", "02-11", "02-12"]),
    # A plain Saturday: Monday is day 1.
    ("2025-03-01", ["03-03", "03-04", "03-05", "03-06", "03-07", "03-10", "03-11"]),
    # The seventh day is itself a Saturday worked for the National Day.
    ("2024-09-27", ["09-29", "09-30", "10-08", "10-09", "10-10", "10-11", "10-12"]),
    # Mid-Autumn and National Day together; a Saturday and a Sunday worked one after the other.
    ("2023-09-28", ["10-07", "10-08", "10-09", "10-10", "10-11", "10-12", "10-13"]),
    # The Spring Festival of 2020 was prolonged to Sunday 2 February, and Saturday 1 was not worked after all.
    ("2020-01-22", ["01-23", "02-03", "02-04", "02-05", "02-06", "02-07", "02-10"]),
    # A second notice of 2019 made Labour Day four days.
    ("2019-04-30", ["05-05", "05-06", "05-07", "05-08", "05-09", "05-10", "05-13"]),
    # Over the turn of a year, with the Saturday before worked by the notice of the next.
    ("2018-12-28", ["12-29", "01-02", "01-03", "01-04", "01-07", "01-08", "01-09"]),
    # A day off that came once: 3 to 5 September 2015.
    ("2015-09-02", ["09-06", "09-07", "09-08", "09-09", "09-10", "09-11", "09-14"]),
    ("2026-02-13", ["02-14", "02-24", "02-25", "02-26", "02-27", "02-28", "03-02"]),
]


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    """`dim_date` over the shipped seed."""
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    types = project["seeds"]["citylake"]["ref_public_holiday"]["+column_types"]
    with duckdb.connect() as connection:
        load_seed(connection, PROJECT, "ref_public_holiday", types)
        connection.execute(f"create table dim_date as {Rendered(PROJECT).model('dim_date')}")
        yield connection


def deadlines(db: duckdb.DuckDBPyConnection, workdays: int) -> dict[date, date | None]:
    sql = Rendered(PROJECT).macro("workday_deadlines", "dim_date", workdays)
    rows = db.execute(f"select calendar_date, deadline_date from ({sql})").fetchall()
    assert len(rows) == len(dict(rows)), "a day has several deadlines"
    return dict(rows)


@pytest.mark.parametrize(("decided", "worked"), BY_HAND, ids=[day for day, _ in BY_HAND])
def test_n_workdays_after_a_day_counted_by_hand(db: duckdb.DuckDBPyConnection, decided: str, worked: list[str]) -> None:
    day = date.fromisoformat(decided)
    found = [deadlines(db, n)[day] for n in range(1, 8)]
    assert [f"{one:%m-%d}" for one in found if one] == worked
    numbers = dict(db.execute("select calendar_date, workday_no from dim_date").fetchall())
    assert [numbers[one] - numbers[day] for one in found] == list(range(1, 8))


def notices() -> dict[date, dict[str, Any]]:
    """The days of the files themselves."""
    days = [
        day
        for path in sorted(public_file(HOLIDAYS).glob("2*.json"))
        for day in json.loads(path.read_text(encoding="utf-8"))["days"]
    ]
    return {date.fromisoformat(day["date"]): day for day in days}


def is_worked(day: date, said: dict[date, dict[str, Any]]) -> bool:
    return not said[day]["isOffDay"] if day in said else day.isoweekday() < 6


@pytest.mark.parametrize("workdays", [1, 5, 7, 10, 20])
def test_n_workdays_after_every_day_of_twenty_years(db: duckdb.DuckDBPyConnection, workdays: int) -> None:
    """Counted a day at a time from the files; days whose count would pass the last notice are left out."""
    said = notices()
    expected: dict[date, date] = {}
    for offset in range((LAST - FIRST).days + 1):
        day = reached = FIRST + timedelta(days=offset)
        left = workdays
        while left and reached < LAST:
            reached += timedelta(days=1)
            left -= is_worked(reached, said)
        if not left:
            expected[day] = reached
    found = deadlines(db, workdays)
    assert {day: found[day] for day in expected} == expected
    assert len(expected) > 7_270


def test_every_day_is_as_the_notices_say(db: duckdb.DuckDBPyConnection) -> None:
    said = notices()
    rows = db.execute(
        "select calendar_date, is_workday, holiday_name, is_adjusted_workday, workday_no from dim_date "
        "where is_calendar_published order by calendar_date"
    ).fetchall()
    assert [rows[0][0], rows[-1][0], len(rows)] == [FIRST, LAST, (LAST - FIRST).days + 1]
    worked = 0
    for day, is_workday, name, adjusted, number in rows:
        off = day in said and said[day]["isOffDay"]
        worked += is_worked(day, said)
        assert is_workday == is_worked(day, said), day
        assert name == (said[day]["name"] if off else None), day
        assert adjusted == (day.isoweekday() > 5 and is_workday), day
        assert number == worked, day


def test_years_without_a_notice_follow_the_weekdays_and_say_so(db: duckdb.DuckDBPyConnection) -> None:
    rows = db.execute(
        "select distinct calendar_year, is_workday = (iso_weekday < 6), holiday_name, is_adjusted_workday "
        "from dim_date where not is_calendar_published order by all"
    ).fetchall()
    assert rows == [(year, True, None, False) for year in (2027, 2028, 2029, 2030)]


def test_a_deadline_past_the_calendar_is_unknown(db: duckdb.DuckDBPyConnection) -> None:
    found = deadlines(db, 7)
    assert len(found) == 8_766
    assert found[date(2030, 12, 20)] == date(2030, 12, 31)
    assert [found[date(2030, 12, day)] for day in range(23, 32)] == [None] * 9


def test_the_seed_is_what_the_files_say() -> None:
    assert SEED.read_text(encoding="utf-8") == seed_text(public_file(HOLIDAYS)), (
        "run `python -m infra.holidays` over the folder of files"
    )


def write_year(folder: Path, year: int, *days: tuple[str, bool]) -> None:
    body = {"year": year, "papers": ["p"], "days": [{"name": "x", "date": day, "isOffDay": off} for day, off in days]}
    (folder / f"{year}.json").write_text(json.dumps(body), encoding="utf-8")


def test_files_that_cannot_be_a_calendar_are_named(tmp_path: Path) -> None:
    with pytest.raises(HolidayFilesError, match=r"no <year>\.json"):
        seed_text(tmp_path)
    write_year(tmp_path, 2031, ("2031-01-01", True), ("2031-12-31", True))
    write_year(tmp_path, 2032, ("2031-12-31", True), ("2032-01-01", True))
    assert seed_text(tmp_path).splitlines()[1:] == [
        "2031-01-01,x,false,2031,p",
        "2031-12-31,x,false,2031,p",
        "2032-01-01,x,false,2032,p",
    ]
    write_year(tmp_path, 2032, ("2031-12-31", False))
    with pytest.raises(HolidayFilesError, match=r"2032\.json: says of 2031-12-31"):
        seed_text(tmp_path)
    write_year(tmp_path, 2032, ("2032-02-30", True))
    with pytest.raises(HolidayFilesError, match=r"2032\.json: not a year of holidays"):
        seed_text(tmp_path)
