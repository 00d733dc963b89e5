"""Fixed width and spreadsheets no one here wrote, raw → bronze → mart → gate → release, in one lake.

Expected counts are those of each dataset's SOURCE.md, recounted from the raw bytes by slicing lines and by reading
the sheets' XML, so that no number is copied from the code under test.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest

from tests.support.real_lake import Dropped, Released, bronze_rows, refused_rows, release
from warehouse.reconcile.run import reconcile
from warehouse.sql import connect

FILES = (
    Dropped(
        "noaa.ghcnd",
        "weather/noaa_ghcnd_central_park/USW00094728.dly",
        "noaa/ghcnd/2020/USW00094728.dly",
        datetime(2020, 2, 1, tzinfo=UTC),
        date(2020, 2, 1),
    ),
    Dropped(
        "noaa.isd",
        "weather/noaa_isd_jan_mayen/DS3505.txt",
        "noaa/isd/1988/010010-99999-1988.txt",
        datetime(2016, 1, 1, tzinfo=UTC),
        date(1988, 7, 1),
    ),
    *(
        Dropped(
            "takamatsu.food_permit",
            f"food_safety/takamatsu_food_permits/食品営業許可施設一覧（2026.{month}.{day}時点）.xlsx",
            f"takamatsu/food_permit/2026{month:02d}{day}.xlsx",
            datetime(2026, month, day, 3, tzinfo=UTC),
            date(2026, month, day),
        )
        for month, day in ((3, 31), (6, 30), (7, 31))
    ),
)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> Released:
    return release(tmp_path_factory.mktemp("tables"), real_data, FILES, as_of=date(2026, 7, 31))


@pytest.fixture
def db(released: Released) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(released.lake, "internal") as connection:
        yield connection


def test_every_product_passed(released: Released) -> None:
    wanted = ("climate", "synoptic", "jp_food")
    found = {v.product: v.decision for v in released.verdicts if v.product in wanted}
    assert found == dict.fromkeys(wanted, "passed"), [v for v in released.verdicts if v.product in wanted]


def test_everything_reconciles(released: Released) -> None:
    result = reconcile(released.lake, deep=True)
    assert result.ok, [row for row in result.rows if row.status != "ok"]


def test_daily_climate_counts(released: Released, db: duckdb.DuckDBPyConnection, real_data: Path) -> None:
    """Day cells of a line per element and month, sliced by hand: -9999 is no value, nor is a day beyond the month."""
    lines = (real_data / "weather/noaa_ghcnd_central_park/USW00094728.dly").read_bytes().splitlines()
    assert len(lines) == 15_118
    assert {len(line) for line in lines} == {269}
    days: dict[tuple[str, date], int] = {}
    flagged = 0
    for line in lines:
        for place in range(21, 269, 8):
            cell = line[place : place + 8]
            if cell != b"-9999   ":
                day = date(int(line[11:15]), int(line[15:17]), (place - 21) // 8 + 1)
                days[line[17:21].decode(), day] = int(cell[:5])
                flagged += cell[6:7] != b" "
    (delivery,) = released.deliveries["noaa.ghcnd"]
    assert (delivery.received, delivery.accepted) == (len(days), 391_566)
    assert (delivery.quarantined, delivery.duplicates) == (0, 0)
    found = db.execute("select sum(day_values), sum(failed_values) from mart_climate_element_month").fetchone()
    assert found == (len(days), flagged)
    assert flagged == 128
    rain = sum(value for (element, _), value in days.items() if element == "PRCP")
    totals = db.execute("select sum(total) from mart_climate_element_month where element = 'PRCP'").fetchone()
    assert totals == (Decimal(rain) / 10,)
    hottest = max((v, day) for (element, day), v in days.items() if element == "TMAX")
    row = "select max(measure), max_by(observed_date, (measure, observed_date)) from bronze where element = 'TMAX'"
    assert bronze_rows(released, delivery, row) == [(Decimal(hottest[0]) / 10, hottest[1])]


def test_surface_report_counts(released: Released, db: duckdb.DuckDBPyConnection, real_data: Path) -> None:
    lines = (real_data / "weather/noaa_isd_jan_mayen/DS3505.txt").read_bytes().split(b"\n")[:-1]
    (delivery,) = released.deliveries["noaa.isd"]
    assert (delivery.received, delivery.accepted) == (len(lines), 2_907)
    warm = [int(line[87:92]) for line in lines if line[87:92] != b"+9999"]
    assert len(warm) == 2_907 - 14
    low = min(int(line[99:104]) for line in lines)
    wind = max(int(line[65:69]) for line in lines if line[65:69] != b"9999")
    measured = db.execute(
        "select sum(reports), sum(temperature_reports), sum(temperature_sum_c), min(lowest_pressure_hpa), "
        "max(highest_wind_speed_ms), count(*) from mart_synoptic_station_day"
    ).fetchone()
    days = len({line[15:23] for line in lines})
    assert measured == (2_907, len(warm), *(Decimal(n) / 10 for n in (sum(warm), low, wind)), days)
    tails = sorted(line[105:].decode() for line in lines)
    assert [text for (text,) in bronze_rows(released, delivery, "select additional from bronze order by 1")] == tails


def _sheet(path: Path) -> list[dict[str, str]]:
    """Cells by column letter of every row with a value below the header, from the sheet's own XML."""
    with zipfile.ZipFile(path) as archive:
        tree = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - a file of our own
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    rows = []
    for row in tree.iter(f"{space}row"):
        cells = {}
        for cell in row.iter(f"{space}c"):
            letters = str(cell.get("r")).rstrip("0123456789")
            cells[letters] = "".join(part.text or "" for part in cell.iter() if part.tag in (f"{space}t", f"{space}v"))
        if any(text.strip() for text in cells.values()):
            rows.append(cells)
    return rows[1:]


def _day(text: str) -> date:
    """An era day or an Excel serial, by hand."""
    if text.isdigit():
        return date(1899, 12, 30) + timedelta(days=int(text))
    year, month, day = (int(part) for part in text[1:].split("."))
    return date(year + {"R": 2018, "H": 1988, "S": 1925}[text[0]], month, day)


def test_permits_with_era_dates_and_serials(released: Released, db: duckdb.DuckDBPyConnection, real_data: Path) -> None:
    folder = real_data / "food_safety/takamatsu_food_permits"
    deliveries = released.deliveries["takamatsu.food_permit"]
    months = []
    for delivery, stamp, counts in zip(
        deliveries, ("3.31", "6.30", "7.31"), ((7_377, 0), (7_321, 1), (7_350, 0)), strict=True
    ):
        rows = _sheet(folder / f"食品営業許可施設一覧（2026.{stamp}時点）.xlsx")
        assert (delivery.received, delivery.quarantined) == counts
        assert (len(rows), delivery.accepted) == (counts[0], counts[0] - counts[1])
        expected = {row["L"].strip(): tuple(_day(row[letter]) for letter in "MNO") for row in rows}
        assert len(expected) == len(rows)
        query = "select permit_no, first_permitted_date, valid_from_date, valid_to_date from bronze"
        found = {permit: tuple(days) for permit, *days in bronze_rows(released, delivery, query)}
        assert found.items() <= expected.items()
        assert len(found) == delivery.accepted
        months.append(found)
    march, june, july = months
    # The same permits, written as era days in March and July and as serials in June: the same days.
    for eras in (march, july):
        common = eras.keys() & june.keys()
        assert len(common) > 6_000
        assert {permit for permit in common if eras[permit] != june[permit]} == set()
    assert db.execute(
        "select sum(permits), min(earliest_first_permitted_date) from mart_jp_food_business_type"
    ).fetchone() == (
        7_350,
        min(days[0] for days in july.values()),
    )


def test_a_name_taken_for_a_formula_is_set_aside(released: Released) -> None:
    """A name that begins with a minus sign: Excel took it for a formula, and no value was saved."""
    ((text, rules),) = refused_rows(released, "takamatsu.food_permit", "select original_text, rules from refused")
    assert rules == ["formula_without_value"]
    assert '"row":2609' in text
    assert "第10107-3041673号" in text
