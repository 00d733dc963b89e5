"""Same bytes in any order, arrival times, whole files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from infra.simulator.city import City
from infra.simulator.deliver import arrivals, deliver, write_whole
from infra.simulator.feeds.jtj import gtfs_static
from infra.simulator.schedule import arriving
from infra.simulator.truth import truth as make_truth

Contents = Callable[[Path], dict[str, bytes]]

LATE = "qxj/wx_station_hourly/SURF_CHN_MUL_HOR_2026030305.csv"
CORRECTED = "qxj/wx_station_hourly/SURF_CHN_MUL_HOR_2026030214{}.csv"
REDELIVERED = "qxj/wx_station_hourly/SURF_CHN_MUL_HOR_2026030308{}.csv"
FIXED = (
    "agency", "stops", "routes", "calendar", "calendar_dates", "feed_info", "health_facility", "organization",
)  # fmt: skip
"""Tables that have the same rows whatever the scale."""


def test_bytes_do_not_depend_on_order(out: Path, tmp_path: Path, contents: Contents) -> None:
    for day_no in (4, 2, 5, 1, 3):
        deliver(City(), day_no, tmp_path)
    assert contents(tmp_path / "drop") == contents(out / "drop")


def test_a_rerun_leaves_the_same_files(tmp_path: Path, contents: Contents, city: City) -> None:
    deliver(city, 3, tmp_path)
    before = contents(tmp_path)
    deliver(city, 3, tmp_path)
    assert contents(tmp_path) == before


def test_a_longer_run_starts_with_the_same_bytes() -> None:
    assert [d.content for d in arrivals(City(days=9), 2)] == [d.content for d in arrivals(City(days=3), 2)]


def test_another_seed_is_another_city(city: City) -> None:
    ours = {d.path: d.content for d in arrivals(city, 1)}
    theirs = {d.path: d.content for d in arrivals(City(seed=7), 1)}
    assert ours.keys() == theirs.keys()
    assert all(ours[path] != theirs[path] for path in ours)


def test_mtime_is_the_arrival(out: Path, truth: dict[str, Any]) -> None:
    for file in truth["files"]:
        modified = (out / "drop" / file["path"]).stat().st_mtime
        assert modified == datetime.fromisoformat(file["arrives_at"]).timestamp()
    zone = ZoneInfo("Asia/Shanghai")
    late = datetime.fromtimestamp((out / "drop" / LATE).stat().st_mtime, zone)
    assert late.date() == date(2026, 3, 4)


def test_files_come_on_their_day_of_arrival(city: City) -> None:
    paths = {day_no: {d.path for d in arrivals(city, day_no)} for day_no in range(1, 6)}
    assert LATE not in paths[2]
    assert LATE in paths[3]
    assert CORRECTED.format("") in paths[1]
    assert CORRECTED.format("_r2") in paths[3]
    assert "syj/food_inspection/inspection_20260304_r2.ndjson" in paths[4]
    assert "syj/food_inspection/inspection_20260305_r2.ndjson" in paths[5]
    gtfs = {day_no for day_no, names in paths.items() for name in names if name.startswith("jtj/")}
    assert gtfs == {1, 4}
    assert not any(paths[a] & paths[b] for a in paths for b in paths if a < b)


def test_a_day_holds_every_hour_but_the_late_one(city: City) -> None:
    hours = [d.start.hour for d in arrivals(city, 2) if d.feed == "wx_station_hourly" and not d.note]
    assert hours == [h for h in range(24) if h != 5]


def test_the_correction_changes_values_under_equal_keys(drop: dict[str, Any]) -> None:
    first, second = (drop[CORRECTED.format(suffix)]["wx_station_hourly"] for suffix in ("", "_r2"))
    assert [row["Station_Id_C"] for row in first] == [row["Station_Id_C"] for row in second]
    assert all(a["TEM"] != b["TEM"] for a, b in zip(first, second, strict=True))


def test_the_redelivery_is_byte_equal(out: Path) -> None:
    first, second = ((out / "drop" / REDELIVERED.format(suffix)).read_bytes() for suffix in ("", "_r2"))
    assert first == second


def test_the_delta_updates_ten_and_adds_three(drop: dict[str, Any]) -> None:
    day = "syj/food_inspection/inspection_20260305{}.ndjson"
    first = {row["inspection_id"]: row for row in drop[day.format("")]["food_inspection"]}
    second = {row["inspection_id"]: row for row in drop[day.format("_r2")]["food_inspection"]}
    assert len(second.keys() & first.keys()) == 10
    assert len(second.keys() - first.keys()) == 3
    for key in second.keys() & first.keys():
        assert second[key]["result"] != first[key]["result"]
        assert second[key]["licence_no"] == first[key]["licence_no"]


def test_the_bad_file_and_its_correction_have_equal_keys(drop: dict[str, Any], truth: dict[str, Any]) -> None:
    day = "syj/food_inspection/inspection_20260304{}.ndjson"
    keys = [{row["inspection_id"] for row in drop[day.format(s)]["food_inspection"]} for s in ("", "_r2")]
    assert keys[0] == keys[1]
    bad = next(f for f in truth["files"] if f["path"] == day.format(""))["tables"]["food_inspection"]
    assert round(sum(bad["refused"].values()) / bad["rows"], 1) == 0.6


def test_scale_multiplies_rows_and_planted_counts(truth: dict[str, Any]) -> None:
    tripled = make_truth(City(scale=3, days=1))["feeds"]
    single = make_truth(City(days=1))["feeds"]
    for feed, tables in ((f, single[f]["tables"]) for f in single):
        for name, table in tables.items():
            big = tripled[feed]["tables"][name]
            grows = name not in FIXED
            factor = 3 if grows else 1
            assert big["refused"] == {rule: factor * count for rule, count in table["refused"].items()}
            assert big["flagged"] == {rule: factor * count for rule, count in table["flagged"].items()}
            assert big["duplicates"] == factor * table["duplicates"]
            if grows:
                assert 2.8 * table["rows"] < big["rows"] <= 3.01 * table["rows"]


def test_a_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.csv"
    write_whole(path, b"first")
    write_whole(path, b"second", 1_772_000_000.0)
    assert path.read_bytes() == b"second"
    assert [p.name for p in path.parent.iterdir()] == ["b.csv"]
    assert path.stat().st_mtime == 1_772_000_000.0


def test_a_large_scale_still_fits_the_small_tables() -> None:
    city = City(scale=12, days=1)
    (slot,) = arriving(city, gtfs_static.FEED, 1)
    gtfs = gtfs_static.FEED.deliver(city, slot)
    assert gtfs.tables["stops"].refused == {"ragged": 1}
    assert gtfs.tables["stop_times"].refused == {"stop_id.required": 24}
