"""Cases of notifiable diseases worked by hand, from the cards as staged to each table made of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from tests.acceptance.card_tables import CARDS, card_contract, card_tables
from tests.support.model_tables import ModelTables

AS_OF = "2026-03-31"
TANZHOU, OLD_XIAOLAN = "442000107", "442000100"

# card, revision, disease, town, diagnosed, reported, withdrawn, class
REPORTS: list[tuple[str, int, str, str | None, str, str, bool]] = [
    ("first", 0, "FLU", TANZHOU, "2026-03-02 08:00", "2026-03-02 09:00", False),
    ("in-time", 0, "FLU", TANZHOU, "2026-03-02 08:00", "2026-03-03 08:00", False),
    ("late", 0, "FLU", TANZHOU, "2026-03-02 08:00", "2026-03-03 08:01", False),
    ("two-hours", 0, "CHOL", TANZHOU, "2026-03-03 10:00", "2026-03-03 12:00", False),
    ("two-hours-late", 0, "CHOL", TANZHOU, "2026-03-03 10:00", "2026-03-03 12:30", False),
    ("corrected", 0, "FLU", TANZHOU, "2026-03-04 08:00", "2026-03-04 09:00", False),
    ("corrected", 1, "COVID19", TANZHOU, "2026-03-04 08:00", "2026-03-09 09:00", False),
    ("withdrawn", 0, "DENG", TANZHOU, "2026-03-04 08:00", "2026-03-04 09:00", False),
    ("withdrawn", 1, "DENG", TANZHOU, "2026-03-04 08:00", "2026-03-05 09:00", True),
    ("no-first", 2, "HFMD", TANZHOU, "2026-03-05 08:00", "2026-03-08 09:00", False),
    ("elsewhere", 0, "MUMPS", None, "2026-03-05 08:00", "2026-03-05 09:00", False),
    ("old-town", 0, "MUMPS", OLD_XIAOLAN, "2026-03-05 08:00", "2026-03-05 09:00", False),
    # Sunday night in the city, Sunday 15:30 UTC; and the first minute of Monday.
    ("sunday", 0, "TB", TANZHOU, "2026-03-08 23:30", "2026-03-09 01:00", False),
    ("monday", 0, "TB", TANZHOU, "2026-03-09 00:00", "2026-03-09 01:00", False),
    # The week of 2 March is closed at the end of 22 March: the first correction counts in it, the second does not.
    ("moved-in-time", 0, "IDIA", TANZHOU, "2026-03-03 08:00", "2026-03-03 09:00", False),
    ("moved-in-time", 1, "IDIA", TANZHOU, "2026-03-11 08:00", "2026-03-22 23:59", False),
    ("moved-late", 0, "IDIA", TANZHOU, "2026-03-03 08:00", "2026-03-03 09:00", False),
    ("moved-late", 1, "IDIA", TANZHOU, "2026-03-11 08:00", "2026-03-23 00:00", False),
    ("between", 0, "MEAS", TANZHOU, "2026-03-16 08:00", "2026-03-16 09:00", False),
]  # fmt: skip
ALL_DISEASES = set("PLAGUE CHOL SARS COVID19 POLIO HFPAI DENG TB MEAS FLU HFMD IDIA MUMPS".split())  # noqa: SIM905 - one line
CLASSES = {
    # Managed as class A from 2020-01-20 until 2023-01-08; hand, foot and mouth disease notifiable from 2008-05-02.
    ("COVID19", "2022-12-31"): ("乙", "甲", 2),
    ("COVID19", "2023-01-07"): ("乙", "甲", 2),
    ("COVID19", "2023-01-08"): ("乙", "乙", 24),
    ("HFMD", "2008-05-02"): ("丙", "丙", 24),
    ("HFMD", "2008-05-01"): (None, None, None),
    ("PLAGUE", "2026-03-02"): ("甲", "甲", 2),
}


def staged(tables: ModelTables, reports: list[tuple[Any, ...]]) -> ModelTables:
    """Cards of these reports, their times the city's."""
    connection = tables.connection
    connection.execute(
        "create table report (card varchar, revision int, disease varchar, town varchar, diagnosed varchar,"
        " reported varchar, withdrawn boolean)"
    )
    connection.executemany("insert into report values (?, ?, ?, ?, ?, ?, ?)", [list(one) for one in reports])
    tables.insert(
        CARDS,
        """select
            card_no: card, revision, disease_code: disease, town_code: town, is_withdrawn: withdrawn,
            facility_code: 'H442000A01', diagnosed_at: timezone('Asia/Shanghai', cast(diagnosed as timestamp)),
            reported_at: timezone('Asia/Shanghai', cast(reported as timestamp)),
            reported_date: cast(cast(reported as timestamp) as date), _batch_id: 'b'
        from report""",
    )
    return tables


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("set timezone = 'UTC'")
        yield opened


@pytest.fixture(scope="module")
def tables(connection: duckdb.DuckDBPyConnection) -> ModelTables:
    return staged(card_tables(connection, AS_OF), REPORTS)


def case(tables: ModelTables, card: str, columns: str) -> tuple[Any, ...]:
    (row,) = tables.rows("fct_notifiable_case", columns, f"card_no = '{card}'")
    return row


@pytest.mark.parametrize(
    ("card", "hours", "allowed", "is_on_time"),
    [
        ("in-time", 24, 24, True),
        ("late", Decimal("24.0167"), 24, False),
        ("two-hours", 2, 2, True),
        ("two-hours-late", Decimal("2.5"), 2, False),
        ("corrected", 1, 24, True),
    ],
)
def test_delay_is_that_of_the_first_report(
    tables: ModelTables, card: str, hours: float, allowed: int, is_on_time: bool
) -> None:
    assert case(tables, card, "report_delay_h, report_within_h, is_on_time") == (hours, allowed, is_on_time)


def test_a_correction_without_its_first_card_is_a_case_of_which_no_delay_is_known(tables: ModelTables) -> None:
    columns = "is_first_report_known, report_delay_h, is_on_time, disease_code, revisions"
    assert case(tables, "no-first", columns) == (False, None, None, "HFMD", 2)
    ((unknown,),) = tables.rows("mart_report_timeliness", "sum(unknown_cards)")
    assert unknown == 1


def test_the_last_revision_is_the_case_and_withdrawn_cards_are_kept(tables: ModelTables) -> None:
    assert case(tables, "corrected", "disease_code, is_disease_corrected, reports") == ("COVID19", True, 2)
    assert case(tables, "withdrawn", "is_withdrawn, disease_code") == (True, "DENG")
    assert tables.rows("fct_notifiable_weekly", "sum(cases)", "disease_code = 'DENG'") == [(0,)]


def test_weeks_are_those_of_the_city_and_zeros_are_there(tables: ModelTables) -> None:
    weekly = tables.rows(
        "fct_notifiable_weekly", "week_start_date, cases", f"disease_code = 'TB' and town_code = '{TANZHOU}'"
    )
    assert weekly == [
        (date(2026, 3, 2), 1), (date(2026, 3, 9), 1), (date(2026, 3, 16), 0), (date(2026, 3, 23), 0),
        (date(2026, 3, 30), 0),
    ]  # fmt: skip
    # 13 diseases, 23 towns of today and those without one, 5 weeks.
    assert tables.rows("fct_notifiable_weekly", "count(*)") == [(13 * 24 * 5,)]


def test_a_town_that_is_empty_or_was_merged_is_counted_as_unknown(tables: ModelTables) -> None:
    assert tables.rows("fct_notifiable_weekly", "town_code, cases", "disease_code = 'MUMPS' and cases > 0") == [
        ("unknown", 2)
    ]
    assert case(tables, "old-town", "town_code, counted_town_code, place_id") == (OLD_XIAOLAN, "unknown", None)


def test_a_week_is_counted_as_it_was_known_when_it_was_closed(tables: ModelTables) -> None:
    where = f"disease_code = 'IDIA' and town_code = '{TANZHOU}'"
    columns = "week_start_date, closing_date, shown_from_date, cases, is_closed, is_shown"
    assert tables.rows("mart_notifiable_week_closed", columns, f"{where} and week_start_date < '2026-03-23'") == [
        (date(2026, 3, 2), date(2026, 3, 23), date(2026, 3, 26), 1, True, True),
        (date(2026, 3, 9), date(2026, 3, 30), date(2026, 4, 2), 2, True, False),
        (date(2026, 3, 16), date(2026, 4, 6), date(2026, 4, 9), 0, False, False),
    ]
    now = tables.rows("fct_notifiable_weekly", "week_start_date, cases", f"{where} and cases > 0")
    assert now == [(date(2026, 3, 9), 2)]


def test_the_open_table_has_weeks_from_their_day_on(tables: ModelTables) -> None:
    for day, shown in {"2026-03-25": 0, "2026-03-26": 1, "2026-04-01": 1, "2026-04-02": 2}.items():
        columns = "count(distinct week_start_date) filter (is_shown)"
        assert f"{day} {shown}" == f"{day} {tables.rows_on(day, 'mart_notifiable_week_closed', columns)[0][0]}"
    assert tables.rows("pub_notifiable_weekly", "distinct week_start_date") == [(date(2026, 3, 2),)]


def test_a_week_that_is_withheld_or_began_before_the_first_report_is_not_shown() -> None:
    reports = [
        ("early", 0, "FLU", TANZHOU, "2026-03-01 08:00", "2026-03-02 00:00", False),
        *((f"w{n}", 0, "FLU", TANZHOU, "2026-03-03 08:00", "2026-03-03 09:00", False) for n in range(6)),
    ]
    with duckdb.connect() as connection:
        tables = card_tables(connection, AS_OF)
        kinds = {"disease_code": "varchar", "week_start_date": "date", "withheld_from": "date", "reason": "varchar"}
        tables.give("ref_withheld_week", kinds)
        tables.insert("ref_withheld_week", "select 'TB' as disease_code, date '2026-03-02' as week_start_date,"
                      " date '2026-03-20' as withheld_from")  # fmt: skip
        found = staged(tables, reports).rows("pub_notifiable_weekly", "distinct week_start_date, disease_code")
    assert {week for week, _ in found} == {date(2026, 3, 2)}
    assert {disease for _, disease in found} == {code for code in ALL_DISEASES if code != "TB"}


def test_one_report_of_long_before_makes_no_week_whole() -> None:
    daily = [
        (f"d{n}", 0, "FLU", TANZHOU, f"2026-03-{n:02} 08:00", f"2026-03-{n:02} 09:00", False) for n in range(2, 31)
    ]
    stray = ("stray", 0, "FLU", TANZHOU, "2026-01-05 08:00", "2026-01-05 09:00", False)
    with duckdb.connect() as connection:
        tables = staged(card_tables(connection, AS_OF), [stray, *daily])
        found = tables.rows("mart_notifiable_week_closed", "distinct week_start_date", "is_shown")
    assert found == [(date(2026, 3, 2),)]


def test_hours_of_a_report_are_not_shown_of_fewer_than_five_cards(tables: ModelTables) -> None:
    told = "coalesce(median_delay_h, highest_delay_h) is not null"
    assert tables.rows("mart_report_timeliness", "cards", f"cards < 5 and {told}") == []
    columns = "cards > 5, median_delay_h, highest_delay_h"
    assert tables.rows("mart_report_timeliness", columns, "managed_as = '丙'") == [(True, 1, 25)]


def test_a_class_is_that_of_the_day_of_diagnosis() -> None:
    reports = [
        (f"{disease} {day}", 0, disease, TANZHOU, f"{day} 08:00", f"{day} 09:00", False) for disease, day in CLASSES
    ]
    with duckdb.connect() as connection:
        tables = staged(card_tables(connection, AS_OF), reports)
        found = tables.rows("fct_notifiable_case", "card_no, disease_class, managed_as, report_within_h")
    assert {card: tuple(rest) for card, *rest in found} == {
        f"{disease} {day}": expected for (disease, day), expected in CLASSES.items()
    }


def test_the_contract_knows_the_diseases_of_the_dated_list(tables: ModelTables) -> None:
    (table,) = card_contract().tables
    listed = {code for (code,) in tables.rows("ref_notifiable_disease", "distinct disease_code")}
    for name in ("disease_code", "corrected_from_code"):
        (column,) = [one for one in table.columns if one.name == name]
        assert set(column.allowed) == listed
