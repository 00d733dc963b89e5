"""What files look like: columns, encodings, references, marks of the synthetic."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from infra.simulator.feeds import FEEDS
from infra.simulator.words import MARK

HEADERS = {
    "qxj/wx_station_hourly/SURF_CHN_MUL_HOR_2026030200.csv": (
        "utf-8",
        "Station_Id_C,Station_Name,Lat,Lon,Alti,Year,Mon,Day,Hour,PRS,TEM,RHU,PRE_1h,WIN_D_Avg_2mi,WIN_S_Avg_2mi,"
        "Q_TEM,Q_PRE_1h",
    ),
    "syj/food_licence/food_licence_20260302.csv": (
        "gb18030",
        "许可证编号,经营者名称,统一社会信用代码,法定代表人,身份证号码,主体业态,经营项目,经营场所,镇街代码,发证日期,有效期至,联系电话,许可状态",
    ),
}
GTFS_HEADERS = {
    "agency": "agency_id,agency_name,agency_url,agency_timezone,agency_lang",
    "stops": "stop_id,stop_name,stop_lat,stop_lon",
    "routes": "route_id,agency_id,route_short_name,route_long_name,route_type",
    "trips": "route_id,service_id,trip_id,trip_headsign,direction_id",
    "stop_times": "trip_id,arrival_time,departure_time,stop_id,stop_sequence",
    "calendar": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date",
    "calendar_dates": "service_id,date,exception_type",
    "feed_info": "feed_publisher_name,feed_publisher_url,feed_lang,feed_version,feed_start_date,feed_end_date",
}
GTFS_DAYS = ("20260302", "20260305")
GTFS = "jtj/gtfs_static/zhongshan_gtfs_{}.zip"


def _all(drop: dict[str, Any], feed: str) -> list[dict[str, Any]]:
    return [row for path, tables in drop.items() if f"/{feed}/" in path for row in tables[feed]]


@pytest.mark.parametrize("path", HEADERS)
def test_csv_headers_and_strict_encoding(out: Path, path: str) -> None:
    encoding, header = HEADERS[path]
    text = (out / "drop" / path).read_bytes().decode(encoding, "strict")
    assert text.splitlines()[0] == header


def test_the_register_is_not_utf8_and_not_gbk(out: Path) -> None:
    content = (out / "drop/syj/food_licence/food_licence_20260302.csv").read_bytes()
    for encoding in ("utf-8", "gbk"):
        with pytest.raises(UnicodeDecodeError):
            content.decode(encoding)
    rows = list(csv.reader(io.StringIO(content.decode("gb18030"), newline="")))
    assert {len(row) for row in rows} == {13}
    assert any("," in row[7] for row in rows[1:])


def test_json_members_and_types(drop: dict[str, Any]) -> None:
    inspection = drop["syj/food_inspection/inspection_20260302.ndjson"]["food_inspection"][0]
    assert list(inspection) == [
        "inspection_id", "licence_no", "inspected_at", "kind", "inspector", "result", "items_failed", "remark",
    ]  # fmt: skip
    assert list(inspection["inspector"]) == ["name", "badge"]
    assert list(inspection["result"]) == ["score", "grade", "passed"]
    assert isinstance(inspection["result"]["passed"], bool)
    complaint = drop["syj/complaint/complaint_20260302.ndjson"]["complaint"]
    assert list(complaint[0]) == [
        "complaint_id", "channel", "opened_at", "closed_at", "topic", "phone", "complainant", "town_code",
        "licence_no", "text",
    ]  # fmt: skip
    assert {type(row["closed_at"]) for row in complaint} == {str, type(None)}
    assert {type(row["licence_no"]) for row in complaint} == {str, type(None)}


def test_complaints_are_closed_before_their_file_arrives(drop: dict[str, Any]) -> None:
    for path, tables in drop.items():
        if "/complaint/" in path:
            day = re.search(r"_(\d{4})(\d\d)(\d\d)", path)
            assert day
            export = "{}-{}-{}T22:30:00+08:00".format(*day.groups())
            assert all((row["closed_at"] or row["opened_at"]) <= export for row in tables["complaint"])


@pytest.mark.parametrize("day", GTFS_DAYS)
def test_gtfs_members_and_headers(out: Path, day: str) -> None:
    with zipfile.ZipFile(out / "drop" / GTFS.format(day)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == sorted([*(f"{name}.txt" for name in GTFS_HEADERS), "notes.txt"])
        for name, header in GTFS_HEADERS.items():
            assert archive.read(f"{name}.txt").decode("utf-8").splitlines()[0] == header


@pytest.mark.parametrize("day", GTFS_DAYS)
def test_gtfs_is_sound_but_for_the_planted_rows(drop: dict[str, Any], day: str) -> None:
    t = drop[GTFS.format(day)]
    stops = {row["stop_id"] for row in t["stops"] if None not in row}
    trips = {row["trip_id"] for row in t["trips"]}
    assert len(t["stops"]) == 181
    assert len(stops) == 180
    assert {row["trip_id"] for row in t["stop_times"]} == trips
    assert {row["route_id"] for row in t["trips"]} == {row["route_id"] for row in t["routes"]}
    services = {row["service_id"] for row in t["calendar"]}
    assert {row["service_id"] for row in t["trips"]} <= services
    assert {row["service_id"] for row in t["calendar_dates"]} <= services
    assert [row["stop_id"] for row in t["stop_times"] if row["stop_id"] not in stops] == ["", ""]
    assert {row["agency_id"] for row in t["routes"]} == {row["agency_id"] for row in t["agency"]}


@pytest.mark.parametrize("day", GTFS_DAYS)
def test_gtfs_times_rise_along_a_trip_and_pass_midnight(drop: dict[str, Any], day: str) -> None:
    last: dict[str, tuple[int, int]] = {}
    for row in drop[GTFS.format(day)]["stop_times"]:
        arrival, departure = (_seconds(row[c]) for c in ("arrival_time", "departure_time"))
        sequence = int(row["stop_sequence"])
        before = last.get(row["trip_id"], (0, -1))
        assert arrival <= departure
        assert sequence == before[0] + 1
        assert arrival > before[1]
        last[row["trip_id"]] = (sequence, departure)
    assert sum(end >= 86_400 for _, end in last.values()) > 50


def _seconds(clock: str) -> int:
    hours, minutes, seconds = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


def test_the_changed_timetable_has_two_more_routes(drop: dict[str, Any]) -> None:
    first, second = (drop[GTFS.format(day)] for day in GTFS_DAYS)
    assert len({r["route_id"] for r in second["routes"]} - {r["route_id"] for r in first["routes"]}) == 2
    assert first["feed_info"][0]["feed_version"] != second["feed_info"][0]["feed_version"]
    assert [r["route_type"] for r in first["routes"]].count("4") == 2


def test_places_are_in_zhongshan(drop: dict[str, Any]) -> None:
    for row in drop[GTFS.format("20260302")]["stops"] + _all(drop, "wx_station_hourly"):
        assert 22.1 < float(row.get("stop_lat") or row["Lat"]) < 22.85
        assert 113.1 < float(row.get("stop_lon") or row["Lon"]) < 113.75


def test_weather_stamps_are_utc(drop: dict[str, Any]) -> None:
    rows = drop["qxj/wx_station_hourly/SURF_CHN_MUL_HOR_2026030302.csv"]["wx_station_hourly"]
    assert {(r["Year"], r["Mon"], r["Day"], r["Hour"]) for r in rows} == {("2026", "3", "2", "18")}
    assert len(rows) == 24


def test_inspections_and_complaints_name_businesses_of_the_register(drop: dict[str, Any]) -> None:
    """Also where dirty register rows are left out: nothing accepted is an orphan."""
    clean = {
        row["许可证编号"]
        for row in drop["syj/food_licence/food_licence_20260306.csv"]["food_licence"]
        if row["许可状态"] in ("有效", "注销", "吊销") and row["有效期至"] != "长期"
    }
    named = {row["licence_no"] for feed in ("food_inspection", "complaint") for row in _all(drop, feed)} - {None}
    assert named <= clean


def test_the_register_grows_and_loses(drop: dict[str, Any]) -> None:
    days = [drop[f"syj/food_licence/food_licence_202603{d:02d}.csv"]["food_licence"] for d in (2, 6)]
    first, last = ({row["许可证编号"]: row["许可状态"] for row in rows} for rows in days)
    assert len(last.keys() - first.keys()) == 16
    assert any(first[n] == "有效" and last.get(n) in ("注销", "吊销") for n in first)


def test_what_a_person_reads_says_that_it_is_made_up(drop: dict[str, Any]) -> None:
    marked = [row["经营者名称"] for row in _all(drop, "food_licence")]
    marked += [row["Station_Name"] for row in _all(drop, "wx_station_hourly")]
    marked += [row["remark"] for row in _all(drop, "food_inspection")] + [
        row["text"] for row in _all(drop, "complaint")
    ]
    for day in GTFS_DAYS:
        t = drop[GTFS.format(day)]
        marked += [r["stop_name"] for r in t["stops"]] + [r["route_long_name"] for r in t["routes"]]
        marked += [r["agency_name"] for r in t["agency"]] + [r["feed_publisher_name"] for r in t["feed_info"]]
    assert [text for text in marked if MARK not in text] == []


def test_feed_ids_are_distinct() -> None:
    assert len({feed.id for feed in FEEDS}) == len(FEEDS)
