"""The truth file against the plan it comes from, and what it says of rows that are accepted.

That a receiver counts what the truth says, rule by rule, is tested in tests/feeds for every feed.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from infra.simulator.city import City
from infra.simulator.feeds import FEEDS

Row = dict[str, Any]
PLANS = {feed.id: feed.plan for feed in FEEDS}
MISSING = {"999999", "999998"}


def test_the_truth_counts_every_delivered_file(drop: dict[str, Any], truth: dict[str, Any]) -> None:
    assert {path: set(tables) for path, tables in drop.items()} == {f["path"]: set(f["tables"]) for f in truth["files"]}
    for file in truth["files"]:
        rows = {name: len(rows) for name, rows in drop[file["path"]].items()}
        assert rows == {name: table["rows"] for name, table in file["tables"].items()}


def test_rows_add_up_in_files_and_feeds(truth: dict[str, Any]) -> None:
    tables = [t for f in truth["files"] for t in f["tables"].values()]
    tables += [t for f in truth["feeds"].values() for t in f["tables"].values()]
    for t in tables:
        parts = t["clean"] + sum(t["refused"].values()) + t["duplicates"] + t["repeats"] + t["conflict_rows"]
        assert t["rows"] == parts
        assert not t["days"] or sum(t["days"].values()) == t["clean"] + t["repeats"]


def test_every_planted_rule_is_found(city: City, truth: dict[str, Any]) -> None:
    """The plan's counts, summed without the code that applies it."""
    for feed, message in truth["feeds"].items():
        expected: Counter[str] = Counter()
        plan = PLANS[feed](city)
        for entry in plan:
            if entry.rule and entry.share is None:
                expected[entry.rule] += entry.count
        found: Counter[str] = Counter()
        for table in message["tables"].values():
            found.update(table["refused"])
            found.update(table["flagged"])
            found.update(table["special"])
        shared = {entry.rule for entry in plan if entry.share is not None}
        assert {r: n for r, n in found.items() if r not in shared} == {
            r: n for r, n in expected.items() if r not in shared
        }
        assert all(found[rule] > expected[rule] for rule in shared)


def test_special_values_are_where_the_truth_says(drop: dict[str, Any], truth: dict[str, Any]) -> None:
    codes = {
        "pressure_hpa.missing": ("PRS", MISSING),
        "temperature_c.missing": ("TEM", MISSING),
        "humidity_pct.missing": ("RHU", MISSING),
        "precipitation_mm.missing": ("PRE_1h", MISSING),
        "precipitation_mm.trace": ("PRE_1h", {"999990"}),
        "wind_direction_deg.calm": ("WIN_D_Avg_2mi", {"999017"}),
    }
    rows = [row for path, tables in drop.items() if path.startswith("qxj/") for row in tables["wx_station_hourly"]]
    found = {rule: sum(row[column] in values for row in rows) for rule, (column, values) in codes.items()}
    assert found == truth["feeds"]["qxj.wx_station_hourly"]["tables"]["wx_station_hourly"]["special"]


def test_repeats_are_rows_of_the_day_before(drop: dict[str, Any], truth: dict[str, Any]) -> None:
    before: list[Row] = []
    for file in (f for f in truth["files"] if f["feed"] == "syj.complaint"):
        rows = drop[file["path"]]["complaint"]
        assert sum(row in before for row in rows) == file["tables"]["complaint"]["repeats"]
        earlier = {row["complaint_id"] for row in before}
        assert sum(row["complaint_id"] in earlier for row in rows) == file["tables"]["complaint"]["repeats"]
        before = rows
    assert truth["feeds"]["syj.complaint"]["tables"]["complaint"]["repeats"] == 12


def test_event_days_are_days_of_clean_rows(drop: dict[str, Any], truth: dict[str, Any]) -> None:
    """Complaints of the late evening belong to the day before their file's."""
    for file in (f for f in truth["files"] if f["feed"] == "syj.complaint"):
        days = file["tables"]["complaint"]["days"]
        all_days = Counter(row["opened_at"][:10] for row in drop[file["path"]]["complaint"])
        assert all(days[day] <= all_days[day] for day in days)
    second = next(f for f in truth["files"] if f["path"].endswith("complaint_20260303.ndjson"))
    assert second["tables"]["complaint"]["days"]["2026-03-02"] >= 3


def test_the_effects_are_in_the_data(drop: dict[str, Any], truth: dict[str, Any]) -> None:
    effects = truth["effects"]
    rainy = {(rain["date"], hour) for rain in effects["rain"] for hour in rain["local_hours"]}
    assert len(rainy) == 14
    for path, tables in drop.items():
        if path.startswith("qxj/"):
            stamp = re.search(r"_(\d{4})(\d\d)(\d\d)(\d\d)", path)
            assert stamp
            year, month, day, hour = stamp.groups()
            wet = any(0 < float(row["PRE_1h"]) < 900 for row in tables["wx_station_hourly"])
            assert wet == ((f"{year}-{month}-{day}", int(hour)) in rainy), path
    cluster = set(effects["failing_cluster"]["licence_no"])
    assert len(cluster) == 6
    for day in effects["failing_cluster"]["dates"]:
        inspected = drop[f"syj/food_inspection/inspection_{day.replace('-', '')}.ndjson"]["food_inspection"]
        assert sum(row["licence_no"] in cluster and row["result"]["score"] < 60 for row in inspected) >= 1
        complaints = drop[f"syj/complaint/complaint_{day.replace('-', '')}.ndjson"]["complaint"]
        ill = [row for row in complaints if row["topic"] == "腹泻呕吐"]
        assert 2 * sum(row["licence_no"] in cluster for row in ill) > len(ill)
