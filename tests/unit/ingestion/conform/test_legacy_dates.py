"""Era years and Excel serials against the calendar itself, and what is no date in the declared format."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.conform import legacy_dates
from tests.support.examples import a_part

ERAS = (
    ("明治", "M", 1868, date(1873, 1, 1), date(1912, 7, 29)),
    ("大正", "T", 1912, date(1912, 7, 30), date(1926, 12, 24)),
    ("昭和", "S", 1926, date(1926, 12, 25), date(1989, 1, 7)),
    ("平成", "H", 1989, date(1989, 1, 8), date(2019, 4, 30)),
    ("令和", "R", 2019, date(2019, 5, 1), date(9999, 12, 31)),
)
WIDE = str.maketrans("0123456789./-MTSHR ", "０１２３４５６７８９．／－ＭＴＳＨＲ\u3000")
DAYS = st.dates(date(1873, 1, 1), date(2200, 12, 31))
SETTINGS = settings(max_examples=a_part(0.4))


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        legacy_dates.install(connection)
        yield connection


def read(engine: duckdb.DuckDBPyConnection, form: str, texts: list[str]) -> list[datetime | None]:
    macro = legacy_dates.DATE_MACROS[form]
    rows = engine.execute(f"select {macro}(t) from (select unnest($1::varchar[]) as t)", [texts]).fetchall()
    return [value for (value,) in rows]


def japanese(day: date, style: int) -> str:
    name, letter, one, _, _ = next(era for era in ERAS if era[3] <= day <= era[4])
    year = day.year - one + 1
    if style == 0:
        return f"{name}{'元' if year == 1 else year}年{day.month}月{day.day}日"
    if style == 1:
        return f"{letter}{year:02d}.{day.month:02d}.{day.day:02d}"
    if style == 2:
        return f" {letter}{year}/{day.month}/{day.day} "
    return f"{letter}{year}-{day.month}-{day.day}".translate(WIDE)


@SETTINGS
@given(days=st.lists(st.tuples(DAYS, st.integers(0, 3)), min_size=50, max_size=200))
def test_every_era_day_in_every_spelling(engine: Any, days: list[tuple[date, int]]) -> None:
    texts = [japanese(day, style) for day, style in days]
    assert read(engine, "era_jp", texts) == [datetime(d.year, d.month, d.day) for d, _ in days]  # noqa: DTZ001 - a day has no zone


@SETTINGS
@given(days=st.lists(st.dates(date(1912, 1, 1), date(2910, 12, 31)), min_size=50, max_size=200))
def test_every_day_of_the_republic_calendar(engine: Any, days: list[date]) -> None:
    texts = [
        (
            f"民国{d.year - 1911}年{d.month}月{d.day}日",
            f"{d.year - 1911}/{d.month:02d}/{d.day:02d}",
            f"民國 {d.year - 1911} 年{d.month}月{d.day}日",
        )[i % 3]
        for i, d in enumerate(days)
    ]
    assert read(engine, "era_roc", texts) == [datetime(d.year, d.month, d.day) for d in days]  # noqa: DTZ001 - as above


@pytest.mark.parametrize("name,letter,one,begins,ends", ERAS)
def test_era_bounds(engine: Any, name: str, letter: str, one: int, begins: date, ends: date) -> None:
    before, after = begins - timedelta(days=1), ends + timedelta(days=1) if ends.year < 9999 else None
    for day, good in ((begins, True), (ends, True), (before, False), (after, False)):
        if day and day.year - one < 1000:
            text = f"{letter}{day.year - one + 1}.{day.month}.{day.day}"
            assert [value is not None for value in read(engine, "era_jp", [text])] == [good], text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "R",
        "R8",
        "R8.3",
        "R8.3.",
        "R0.1.1",
        "r8.3.31",
        "R8.2.29",
        "R8.13.1",
        "R8/3.31",
        "R8年3.31",
        "令8.3.31",
        "8.3.31",
        "2026-03-31",
        "令和八年三月三十一日",
        "44004",
        "R8.3.31 x",
        "S64.1.8",
        "平成31年5月1日",
        "M5.12.2",
        "R-1.1.1",
        "null",
        "R8.3.031",
    ],
)
def test_what_is_no_japanese_era_day(engine: Any, text: str) -> None:
    assert read(engine, "era_jp", [text]) == [None]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "民国",
        "民国0年1月1日",
        "民国前1年1月1日",
        "2026/3/31",
        "民国一一五年三月三十一日",
        "令和8年3月31日",
        "114/2/29",
        "115/3-31",
    ],
)
def test_what_is_no_day_of_the_republic(engine: Any, text: str) -> None:
    assert read(engine, "era_roc", [text]) == [None]


@SETTINGS
@given(serials=st.lists(st.integers(61, 2_958_465), min_size=50, max_size=200))
def test_serials_from_march_1900(engine: Any, serials: list[int]) -> None:
    wanted = [datetime(1899, 12, 30) + timedelta(days=n) for n in serials]  # noqa: DTZ001 - as above
    assert read(engine, "excel_serial", [str(n) for n in serials]) == wanted


@SETTINGS
@given(serials=st.lists(st.tuples(st.integers(0, 2_957_002), st.integers(0, 86_399)), min_size=50, max_size=200))
def test_serials_with_a_time_of_day(engine: Any, serials: list[tuple[int, int]]) -> None:
    wanted = [datetime(1904, 1, 1) + timedelta(days=n, seconds=s) for n, s in serials]  # noqa: DTZ001 - as above
    assert read(engine, "excel_serial_1904", [repr(n + s / 86400) for n, s in serials]) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1", date(1900, 1, 1)),
        ("59", date(1900, 2, 28)),
        ("60", None),
        ("60.5", None),
        ("61", date(1900, 3, 1)),
        ("0", None),
        ("0.5", None),
        ("-1", None),
        ("2958465", date(9999, 12, 31)),
        ("2958466", None),
        ("20260331", None),
        ("44004.0", date(2020, 6, 22)),
        ("4.4004E+4", date(2020, 6, 22)),
        (" 44004 ", date(2020, 6, 22)),
        ("44,004", None),
        ("inf", None),
        ("R2.6.22", None),
        ("", None),
    ],
)
def test_the_1900_system(engine: Any, text: str, wanted: date | None) -> None:
    (found,) = read(engine, "excel_serial", [text])
    assert (found.date() if found else None) == wanted


@pytest.mark.parametrize(
    ("facts", "text", "value"),
    [
        ({"type": "DATE", "format": "era_jp"}, " 令和8年3月31日 ", date(2026, 3, 31)),
        ({"type": "DATE", "format": "era_jp"}, "R8.2.30", "type"),
        ({"type": "DATE", "format": "era_roc"}, "民国115年3月31日", date(2026, 3, 31)),
        ({"type": "DATE", "formats": ["era_jp", "excel_serial"]}, "R02.06.22", date(2020, 6, 22)),
        ({"type": "DATE", "formats": ["era_jp", "excel_serial"]}, "44004", date(2020, 6, 22)),
        ({"type": "DATE", "formats": ["era_jp", "excel_serial"]}, "2020-06-22", "type"),
        ({"type": "DATE", "formats": ["%Y%m%d", "era_roc", "iso"]}, "20200622", date(2020, 6, 22)),
        ({"type": "DATE", "formats": ["%Y%m%d", "era_roc", "iso"]}, "109/6/22", date(2020, 6, 22)),
        ({"type": "DATE", "formats": ["%Y%m%d", "era_roc", "iso"]}, "2020-06-22", date(2020, 6, 22)),
        ({"type": "DATE", "formats": ["era_jp", "excel_serial"], "missing": ["-"]}, "-", None),
        ({"type": "DATE", "formats": ["era_jp", "excel_serial"]}, " ", None),
        ({"type": "DATE", "formats": ["era_jp", "excel_serial"], "required": True}, "", "required"),
        ({"type": "DATE", "format": "excel_serial"}, "44004.5", "type"),
        ({"type": "TIMESTAMP", "format": "excel_serial"}, "44004.5", datetime(2020, 6, 22, 12)),  # noqa: DTZ001 - naive
        ({"type": "TIMESTAMPTZ", "format": "excel_serial"}, "44004.5", datetime(2020, 6, 22, 4, tzinfo=UTC)),
        ({"type": "TIMESTAMPTZ", "format": "excel_serial", "timezone": "UTC"}, "1", datetime(1900, 1, 1, tzinfo=UTC)),
        ({"type": "DATE", "format": "excel_serial_1904"}, "42542", date(2020, 6, 22)),
    ],
)
def test_declared_formats(make: Any, facts: dict[str, Any], text: str, value: Any) -> None:
    table = make.table(make.column("v", **facts), make.column("n"))
    found = make.conform(make.contract(table), f'v,n\n"{text}",1\n'.encode()).tables["t"]
    if found.quarantined:
        assert found.rules == {f"v.{value}": 1}
    else:
        assert make.rows(found.bronze, "v") == [{"v": value}]


def test_every_era_has_its_source() -> None:
    rows = [row for calendar in ("era_jp", "era_roc") for row in legacy_dates.eras(calendar)]
    assert len(rows) == 6
    assert all(row["source"] for row in rows)
