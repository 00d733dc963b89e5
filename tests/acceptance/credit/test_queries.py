"""The queries for analysts (docs/queries), each run as its file has it over tables whose answer is plain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

ROOT = Path(__file__).parents[3]
QUERIES, README = ROOT / "docs" / "queries", ROOT / "README.md"
USCC, OTHER = "91442000MA4W000110", "91442000MA51AB2C27"


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            create table dim_organisation_identifier as
            select * from (values ('uscc', '{USCC}', 'o1'), ('uscc', 'EARLIER', 'o1'), ('uscc', '{OTHER}', 'o2'),
                ('registration_no', '{USCC}', 'o2')) as t(identifier_kind, identifier, organisation_id);
            create table fct_list_membership as
            select list_membership_id: 'm' || n, authority: 'a', basis: 'b', *
            from (values
                (1, 'o1', '{USCC}', '失信惩戒', 'X', date '2026-02-20', date '2026-03-05'),
                (2, 'o1', '{USCC}', '失信惩戒', 'X', date '2026-04-01', null),
                (3, null, 'UNKNOWN', '失信惩戒', 'X', date '2026-03-01', null),
                (4, 'o2', '{OTHER}', '守信激励', 'Y', date '2026-01-01', null)
            ) as t(n, organisation_id, uscc, list_kind, list_name, valid_from_date, valid_to_date);
            """
        )
        yield connection


def asked(name: str, **values: str) -> str:
    """The text of a query with other values in `asked`."""
    text = (QUERIES / name).read_text(encoding="utf-8")
    for old, new in values.items():
        before = {"uscc": f"'{USCC}' as uscc", "on_date": "date '2026-03-04' as on_date"}[old]
        assert before in text
        text = text.replace(before, before.split(" as ")[0].rsplit("'", 2)[0] + f"'{new}' as {old}")
    return text


CHECKS = [
    (USCC, "2026-02-19", False, None, None),
    (USCC, "2026-02-20", True, date(2026, 2, 20), date(2026, 3, 5)),
    (USCC, "2026-03-04", True, date(2026, 2, 20), date(2026, 3, 5)),
    # Taken off that day: not returned the same day; the history stays.
    (USCC, "2026-03-05", False, None, None),
    (USCC, "2026-04-01", True, date(2026, 4, 1), None),
    ("EARLIER", "2026-03-04", True, date(2026, 2, 20), date(2026, 3, 5)),
    ("UNKNOWN", "2026-03-04", True, date(2026, 3, 1), None),
    (OTHER, "2026-03-04", False, date(2026, 1, 1), None),
    ("NOBODY", "2026-03-04", False, None, None),
]


@pytest.mark.parametrize(("uscc", "on_date", "sanctioned", "since", "until"), CHECKS)
def test_list_check_as_of_any_day(
    db: duckdb.DuckDBPyConnection, uscc: str, on_date: str, sanctioned: bool, since: date | None, until: date | None
) -> None:
    (row,) = db.sql(asked("list_check.sql", uscc=uscc, on_date=on_date)).fetchall()
    assert (row[0], str(row[1]), row[2], row[-2], row[-1]) == (uscc, on_date, sanctioned, since, until)


def test_records_leaving_on_a_day(db: duckdb.DuckDBPyConnection) -> None:
    rows: dict[str, list[tuple[Any, ...]]] = {
        "fct_penalty": [("P1", "2026-03-04", "repair", True), ("P2", "2026-03-05", "period", True)],
        "fct_permit": [("L1", "2026-03-04", "period", True), ("L2", "2026-03-04", "withheld", False)],
    }
    for name, found in rows.items():
        db.execute(
            f"create table {name} (doc_no text, publicity_end_date date, publicity_ended_by text, is_publishable bool, "
            "organisation_id text, authority text, decision_date date)"
        )
        db.executemany(f"insert into {name} values ($1, $2, $3, $4, 'o1', 'a', '2025-01-01')", found)
    left = db.sql((QUERIES / "records_leaving.sql").read_text(encoding="utf-8")).fetchall()
    assert [(kind, doc_no, by) for kind, doc_no, *_, by in left] == [
        ("penalty", "P1", "repair"),
        ("permit", "L1", "period"),
    ]


def departments(db: duckdb.DuckDBPyConnection) -> None:
    """Three inspections of two businesses, weather and visits of one of their towns, a sanction and three penalties."""
    db.execute(
        f"""
        create table fct_food_inspection as
        select * from (values ('f1', date '2026-03-04', 'A', true), ('f1', date '2026-03-05', 'C', false),
            ('f2', date '2026-03-04', 'B', true)) as t(food_business_id, inspected_date, grade, is_passed);
        create table dim_food_business as
        select * from (values ('f1', 't1'), ('f2', 't2')) as t(food_business_id, town_code);
        create table mart_food_business_organisation as
        select * from (values ('f1', 'o1'), ('f2', 'o2')) as t(food_business_id, organisation_id);
        create table dim_organisation as
        select * from (values ('o1', '{USCC}', '甲', true), ('o1', '{USCC}', '旧名', false),
            ('o2', '{OTHER}', '乙', true)) as t(organisation_id, uscc, entity_name, is_current);
        alter table dim_organisation add column town_code text;
        update dim_organisation set town_code = if(organisation_id = 'o1', 't1', 't2');
        create table mart_weather_daily as
        select * from (values ('t1', date '2026-03-04', 31.0, 0.0), ('t1', date '2026-03-05', 24.0, 12.5))
            as t(town_code, met_date, temperature_max_c, precipitation_mm);
        create table dim_place as
        select * from (values ('t1', '小榄镇', true), ('t1', '旧小榄', false), ('t2', '东区', true))
            as t(town_code, name_zh, is_current);
        create table mart_visit_daily as
        select * from (values ('t1', date '2026-03-04', 'gastrointestinal', 7), ('t1', date '2026-03-04', 'other', 20),
            ('t1', date '2026-03-05', 'respiratory', 9)) as t(town_code, visited_date, syndrome, visits);
        create table fct_penalty as
        select * from (values ('p1', 'o1', date '2025-03-05', date '2026-03-05'), ('p2', 'o1', date '2025-01-01', null),
            ('p3', 'o1', date '2025-01-01', date '2028-01-01'))
            as t(penalty_id, organisation_id, publicity_start_date, publicity_end_date);
        """
    )


def test_departments_meet_on_organisation_town_and_day(db: duckdb.DuckDBPyConnection) -> None:
    departments(db)
    found = db.sql((QUERIES / "three_departments.sql").read_text(encoding="utf-8")).fetchall()
    assert [
        (str(day), name, grade, hot, wet, listed, public) for day, name, _, grade, _, hot, wet, listed, public in found
    ] == [
        ("2026-03-04", "甲", "A", 31, 0, 1, 2),
        ("2026-03-05", "甲", "C", 24, 12.5, 0, 1),
        ("2026-03-04", "乙", "B", None, None, 0, 0),
    ]


def test_health_joins_by_town_and_day(db: duckdb.DuckDBPyConnection) -> None:
    departments(db)
    found = db.sql((QUERIES / "four_departments.sql").read_text(encoding="utf-8")).fetchall()
    assert [
        (str(day), town, name, *counts, wet, listed) for day, town, name, _, _, *counts, _, wet, listed in found
    ] == [
        ("2026-03-04", "小榄镇", "甲", 27, 7, None, 0, 1),
        ("2026-03-05", "小榄镇", "甲", 9, None, 9, 12.5, 0),
        ("2026-03-04", "东区", "乙", None, None, None, None, 0),
    ]


def test_the_query_of_the_readme_runs(db: duckdb.DuckDBPyConnection) -> None:
    (query,) = re.findall(r"```sql\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    departments(db)
    found = db.sql(query).fetchall()
    assert [(str(day), name, wet, ill, passed, listed) for day, name, wet, ill, passed, listed in found] == [
        ("2026-03-04", "甲", 0, 7, True, 1),
        ("2026-03-05", "甲", 12.5, None, False, 0),
        ("2026-03-04", "乙", None, None, True, 0),
    ]


def test_every_query_is_listed_and_run() -> None:
    files = {path.name for path in QUERIES.glob("*.sql")}
    here = Path(__file__).read_text(encoding="utf-8")
    listed = (QUERIES / "README.md").read_text(encoding="utf-8")
    assert files
    assert {name for name in files if f'"{name}"' in here and f"`{name}`" in listed} == files
