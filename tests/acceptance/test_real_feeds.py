"""Five real datasets no one here wrote, raw → bronze → mart → gate → release, in one lake.

Expected counts are those of each dataset's SOURCE.md, recounted from the raw bytes with
Python's own csv, zipfile and json modules, so that no number is copied from the code under test.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from ingestion.delivery.ingest import ingest_interval
from tests.support.real_lake import Dropped, Released, refused_rows, release
from warehouse.reconcile.run import reconcile
from warehouse.sql import connect
from warehouse.trace import trace

FILES = (
    Dropped(
        "soundtransit.gtfs",
        "transport/gtfs_sound_transit/gtfs.zip",
        "soundtransit/gtfs/20250109/gtfs.zip",
        datetime(2025, 1, 9, 18, tzinfo=UTC),
        date(2025, 1, 9),
    ),
    *(
        Dropped(
            f"sfdph.{name}",
            f"food_safety/sf_lives_inspections/{source}.csv",
            f"sfdph/{name}/{name}_20171107.csv",
            datetime(2017, 11, 7, 20, tzinfo=UTC),
            date(2017, 11, 7),
        )
        for name, source in (
            ("businesses", "businesses"),
            ("inspections", "inspections_plus"),
            ("violations", "violations_plus"),
        )
    ),
    *(
        Dropped(
            "prsa.hourly",
            f"weather/beijing_prsa_hourly/PRSA_Data_{station}_20130301-20170228.csv",
            f"prsa/hourly/PRSA_2017_{station}.csv",
            datetime(2017, 3, 1, tzinfo=UTC),
            date(2017, 3, 1),
        )
        for station in ("Aotizhongxin", "Dongsi")
    ),
    *(
        Dropped(
            "dxy.area",
            f"health/dxy_covid19_china_area/DXYArea_{day}_{commit}.csv",
            f"dxy/area/DXYArea_{day}.csv",
            datetime.fromisoformat(f"{day}T15:00:00+00:00"),
            date.fromisoformat(day),
        )
        for day, commit in (("2020-02-03", "1a9ecbe"), ("2020-02-04", "10c9791"), ("2020-02-14", "ac600b2"))
    ),
    Dropped(
        "gleif.lei",
        "credit/gleif_lei_delta/20240505-0000-gleif-goldencopy-lei2-intra-day.json",
        "gleif/lei/20240505-0000-gleif-goldencopy-lei2-intra-day.json",
        datetime(2024, 5, 5, tzinfo=UTC),
        date(2024, 5, 5),
    ),
)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> Released:
    return release(tmp_path_factory.mktemp("real"), real_data, FILES, as_of=date(2025, 1, 9))


@pytest.fixture
def db(released: Released) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(released.lake, "internal") as connection:
        yield connection


def _csv_rows(path: Path, encoding: str) -> list[list[str]]:
    with path.open(encoding=encoding, newline="") as handle:
        return list(csv.reader(handle))[1:]


def test_every_product_passed(released: Released) -> None:
    wanted = ("transit", "sf_food", "air", "covid", "entities")
    found = {v.product: v.decision for v in released.verdicts if v.product in wanted}
    assert found == dict.fromkeys(wanted, "passed"), [v for v in released.verdicts if v.decision != "passed"]


def test_everything_reconciles(released: Released) -> None:
    result = reconcile(released.lake, deep=True)
    assert result.ok, [row for row in result.rows if row.status != "ok"]


def test_gtfs_counts(released: Released, db: duckdb.DuckDBPyConnection, real_data: Path) -> None:
    with zipfile.ZipFile(real_data / "transport/gtfs_sound_transit/gtfs.zip") as archive:
        times = list(csv.reader(io.TextIOWrapper(archive.open("stop_times.txt"), "utf-8-sig")))[1:]
    assert len(times) == 193_415
    (delivery,) = released.deliveries["soundtransit.gtfs"]
    assert (delivery.outcome, delivery.quarantined, delivery.duplicates) == ("accepted", 0, 0)
    late = sum(row[2] >= "24" for row in times)
    assert late == 4_727
    marts = db.execute(
        "select sum(stop_times), sum(stop_times_after_midnight), sum(trips), count(*) from mart_transit_route_service"
    ).fetchone()
    assert marts == (len(times), late, 15_092, 6)


def test_san_francisco_counts(released: Released, db: duckdb.DuckDBPyConnection, real_data: Path) -> None:
    folder = real_data / "food_safety/sf_lives_inspections"
    (businesses,) = released.deliveries["sfdph.businesses"]
    (inspections,) = released.deliveries["sfdph.inspections"]
    (violations,) = released.deliveries["sfdph.violations"]
    rows = [tuple(r) for r in _csv_rows(folder / "inspections_plus.csv", "utf-8")]
    future = [r for r in rows if r[2] > "20171107"]
    assert (businesses.received, businesses.accepted) == (6_359, 6_359)
    assert (inspections.received, inspections.duplicates) == (25_863, len(rows) - len(set(rows)))
    assert inspections.duplicates == 187
    assert inspections.quarantined == len(future) == 2
    assert (violations.received, violations.duplicates, violations.quarantined) == (37_965, 41, 0)
    assert db.execute("select count(*) from mart_sf_food_business").fetchone() == (6_359,)
    names = {r[1].strip() for r in _csv_rows(folder / "businesses.csv", "cp1252")}
    assert {r[0] for r in db.execute("select business_name from mart_sf_food_business").fetchall()} == names
    assert any("Ñ" in name for name in names)


def test_refused_rows_are_readable(released: Released) -> None:
    rows = refused_rows(released, "sfdph.inspections", "select original_text, rules from refused order by record")
    assert [rules for _, rules in rows] == [["not_in_future"], ["not_in_future"]]
    assert all("201712" in text for text, _ in rows)


def test_beijing_counts(released: Released, db: duckdb.DuckDBPyConnection, real_data: Path) -> None:
    assert [d.outcome for d in released.deliveries["prsa.hourly"]] == ["accepted", "accepted"]
    hours = db.execute(
        "select station, sum(hours), sum(pm25_hours), sum(co_hours) from mart_air_station_month group by 1"
    )
    facts = {station: (total, pm25, co) for station, total, pm25, co in hours.fetchall()}
    assert facts["Aotizhongxin"] == (35_064, 35_064 - 925, 35_064 - 1_776)
    dongsi = _csv_rows(real_data / "weather/beijing_prsa_hourly/PRSA_Data_Dongsi_20130301-20170228.csv", "utf-8")
    assert facts["Dongsi"] == (35_064, sum(r[5] != "NA" for r in dongsi), sum(r[9] != "NA" for r in dongsi))


def test_covid_snapshots_supersede(released: Released, db: duckdb.DuckDBPyConnection, real_data: Path) -> None:
    first, second, third = released.deliveries["dxy.area"]
    assert (first.received, second.received, third.received) == (13_993, 15_373, 38_846)
    assert third.duplicates == 35
    newest = next((real_data / "health/dxy_covid19_china_area").glob("*2020-02-14*"))
    rows = _csv_rows(newest, "utf-8-sig")
    latest: dict[tuple[str, str], tuple[str, int]] = {}
    for row in rows:
        place, moment = (row[0], row[1]), (row[10], int(row[6]))
        latest[place] = max(latest.get(place, ("", 0)), moment)
    assert db.execute("select count(*), sum(city_confirmed) from mart_covid_city_latest").fetchone() == (
        len(latest),
        sum(confirmed for _, confirmed in latest.values()),
    )


def test_entities_counts(db: duckdb.DuckDBPyConnection, real_data: Path) -> None:
    path = next((real_data / "credit/gleif_lei_delta").glob("*.json"))
    records = json.loads(path.read_text(encoding="utf-8"))["records"]
    countries = {r["Entity"]["LegalAddress"]["Country"]["$"] for r in records}
    assert db.execute("select sum(entities), sum(lapsed_entities), count(*) from mart_entity_country").fetchone() == (
        549,
        308,
        len(countries),
    )
    assert len(countries) == 46


def test_numbers_trace_to_bytes(released: Released, real_data: Path) -> None:
    import hashlib

    traced = trace(released.lake, "mart_transit_route_service")
    expected = hashlib.sha256((real_data / "transport/gtfs_sound_transit/gtfs.zip").read_bytes()).hexdigest()
    assert {row.raw_sha256 for row in traced.objects} == {expected}


def test_second_ingest_stores_nothing(released: Released) -> None:
    before = {o.key for o in released.lake.store.list("")}
    contract = released.lake.contracts["gleif.lei"]
    (again,) = ingest_interval(released.lake, contract, contract.calendar.meeting(date(2024, 5, 5))[0])
    assert again.outcome == "duplicate"
    assert {o.key for o in released.lake.store.list("")} == before
