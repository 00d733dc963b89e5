"""Real public files: counts equal those their publishers' notes give, and every refused row has a reason."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.contract.extension import CsvFormat, JsonFormat, ZipFormat
from ingestion.errors import DeliveryRefused

Find = Callable[[str], Path]


def test_san_francisco_businesses_are_windows_1252(make: Any, real_data: Find) -> None:
    path = real_data("food_safety/sf_lives_inspections/businesses.csv")
    names = ["business_id", "name", "address", "city", "state", "postal_code", "latitude", "longitude", "phone_number"]
    kinds = {"business_id": "INTEGER", "latitude": "DOUBLE", "longitude": "DOUBLE"}
    columns = [
        make.column(name, kinds.get(name, "VARCHAR"), primary_key=1 if name == "business_id" else None)
        for name in names
    ]
    found = make.conform(make.contract(make.table(*columns), format=CsvFormat(encoding="windows-1252")), path).tables[
        "t"
    ]
    assert (found.received, found.accepted, found.rules) == (6359, 6359, {})
    bronze = duckdb.from_parquet(str(found.bronze))
    assert bronze.filter("name like 'TROPISUEÑO%' or name like 'KIÊN THANH%'").aggregate("count(*) > 1").fetchall() == [
        (True,)
    ]
    assert bronze.filter("longitude is null").aggregate("count(*)").fetchall() == [(3027,)]
    assert bronze.filter("name <> trim(name)").aggregate("count(*)").fetchall() == [(0,)]


def test_san_francisco_inspections_have_187_duplicates(make: Any, real_data: Find) -> None:
    path = real_data("food_safety/sf_lives_inspections/inspections_plus.csv")
    table = make.table(
        make.column("business_id", "INTEGER", required=True),
        make.column("score", "INTEGER", "Score", minimum=0, maximum=100),
        make.column("inspected_date", "DATE", "date", format="%Y%m%d"),
        make.column("type"),
        event_time="inspected_date",
    )
    found = make.conform(make.contract(table), path).tables["t"]
    assert (found.received, found.duplicates, found.quarantined) == (25863, 187, 0)
    assert sum(found.days.values()) == found.accepted == 25863 - 187
    assert (min(found.days), max(found.days)) == ("2014-10-20", "2017-12-22")


def test_sound_transit_stop_times(make: Any, real_data: Find) -> None:
    path = real_data("transport/gtfs_sound_transit/gtfs.zip")
    stop_times = make.table(
        make.column("trip_id", primary_key=1),
        make.column("arrival_seconds", "INTEGER", "arrival_time", format="gtfs_time", required=True),
        make.column("stop_id", required=True),
        make.column("stop_sequence", "INTEGER", primary_key=2),
        name="stop_times",
        source="stop_times.txt",
    )
    stops = make.table(
        make.column("stop_id", primary_key=1),
        make.column("stop_lat", "DOUBLE", minimum=47, maximum=48),
        name="stops",
        source="stops.txt",
    )
    dates = make.table(
        make.column("service_id", primary_key=1),
        make.column("service_date", "DATE", "date", format="%Y%m%d", primary_key=2),
        name="calendar_dates",
        source="calendar_dates.txt",
    )
    form = ZipFormat(member=CsvFormat(lenient_extra_columns=True))
    found = make.conform(make.contract(stop_times, stops, dates, format=form), path)
    counts = {name: (table.received, table.accepted) for name, table in found.tables.items()}
    assert counts == {"stop_times": (193415, 193415), "stops": (189, 189), "calendar_dates": (78, 78)}
    late = duckdb.from_parquet(str(found.tables["stop_times"].bronze)).filter("arrival_seconds >= 86400")
    assert late.aggregate("count(*)").fetchall() == [(4727,)]
    assert len(found.ignored_members) == len(zipfile.ZipFile(path).namelist()) - 3
    assert "facilities.txt" in found.ignored_members


def test_sound_transit_member_that_is_prose_is_no_table(make: Any, real_data: Find) -> None:
    with zipfile.ZipFile(real_data("transport/gtfs_sound_transit/gtfs.zip")) as archive:
        data = archive.read("modifications.txt")
    with pytest.raises(DeliveryRefused, match="missing 'change_id'; not in the contract 'Below is a list of"):
        make.conform(make.contract(make.table(make.column("change_id"))), data)


@pytest.mark.parametrize(
    ("name", "received", "duplicates"),
    [("DXYArea_2020-02-03_1a9ecbe.csv", 13993, 0), ("DXYArea_2020-02-14_ac600b2.csv", 38846, 35)],
)
def test_dxy_with_byte_order_mark(make: Any, real_data: Find, name: str, received: int, duplicates: int) -> None:
    path = real_data(f"health/dxy_covid19_china_area/{name}")
    names = path.read_bytes().decode("utf-8-sig").splitlines()[0].split(",")
    kinds = {n: "INTEGER" for n in names if n.endswith("Count")} | {"updateTime": "TIMESTAMP"}
    columns = [make.column(n, kinds.get(n, "VARCHAR")) for n in names]
    found = make.conform(make.contract(make.table(*columns, event_time="updateTime")), path).tables["t"]
    assert (found.received, found.duplicates, found.quarantined) == (received, duplicates, 0)


def test_beijing_prsa_na_is_missing_and_the_date_has_four_columns(make: Any, real_data: Find) -> None:
    path = real_data("weather/beijing_prsa_hourly/PRSA_Data_Aotizhongxin_20130301-20170228.csv")
    names = path.read_text(encoding="utf-8").splitlines()[0].replace('"', "").split(",")
    whole = {"No", "year", "month", "day", "hour"}
    columns = [
        make.column(
            n.lower().replace(".", "_"),
            "INTEGER" if n in whole else "VARCHAR" if n in ("wd", "station") else "DOUBLE",
            n,
        )
        for n in names
    ]
    made = "make_timestamptz(year, month, day, hour, 0, 0, 'Asia/Shanghai')"
    observed = make.column("observed_at", "TIMESTAMPTZ", None, transform=made, primary_key=1)
    contract = make.contract(
        make.table(*columns, observed, event_time="observed_at"), format=CsvFormat(null_values=["", "NA"])
    )
    found = make.conform(contract, path).tables["t"]
    assert (found.received, found.accepted, found.rules) == (35064, 35064, {})
    bronze = duckdb.from_parquet(str(found.bronze))
    missing = bronze.aggregate("count(*) filter (pm2_5 is null), count(*) filter (co is null)").fetchall()
    assert missing == [(925, 1776)]
    assert (found.days["2013-03-01"], min(found.days), max(found.days)) == (24, "2013-03-01", "2017-02-28")


def test_gleif_document(make: Any, real_data: Find) -> None:
    path = real_data("credit/gleif_lei_delta/20240505-0000-gleif-goldencopy-lei2-intra-day.json")
    table = make.table(
        make.column("lei", path='$.LEI."$"', primary_key=1, pattern="^[0-9A-Z]{18}[0-9]{2}$"),
        make.column("legal_name", path='$.Entity.LegalName."$"', required=True),
        make.column("status", path='$.Registration.RegistrationStatus."$"', required=True),
        make.column("updated_at", "TIMESTAMPTZ", path='$.Registration.LastUpdateDate."$"', format="iso", required=True),
    )
    found = make.conform(make.contract(table, format=JsonFormat(type="json", records="$.records")), path).tables["t"]
    assert (found.received, found.accepted, found.rules) == (549, 549, {})
    lapsed = duckdb.from_parquet(str(found.bronze)).filter("status = 'LAPSED'").aggregate("count(*)").fetchall()
    assert lapsed == [(308,)]
