"""The truth file against an independent recount of what was delivered, standard library only.

For every row the recount decides by the feeds' written rules what is wrong with it, without a look
at the plan. Kept apart from the simulator's own code on purpose.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from stdnum.cn import uscc
from stdnum.iso7064 import mod_11_10

from infra.simulator.city import City

Row = dict[str, Any]
Broken = Callable[[Row], list[str]]

MISSING = {"999999", "999998"}


def recount(table: str, rows: list[Row]) -> dict[str, Any]:
    """Rows, refused by rule, duplicates and conflicts of one table of one file."""
    key, broken = TABLES[table]
    refused: Counter[str] = Counter()
    sound = []
    for row in rows:
        rules = broken(row)
        if len(rules) > 1:
            raise ValueError(f"{table}: a row breaks {rules}")
        if rules:
            refused[rules[0]] += 1
        else:
            sound.append(row)
    kinds = Counter(json.dumps(row, ensure_ascii=False, sort_keys=True) for row in sound)
    by_key = Counter(tuple(json.loads(text)[k] for k in key) for text in kinds)
    conflicts = {k: n for k, n in by_key.items() if n > 1}
    return {
        "rows": len(rows),
        "refused": dict(refused),
        "duplicates": sum(n - 1 for n in kinds.values()),
        "conflict_keys": len(conflicts),
        "conflict_rows": sum(conflicts.values()),
    }


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _ranged(row: Row, source: str, column: str, low: float, high: float) -> list[str]:
    value = row[source]
    if value in MISSING:
        return []
    number = _number(value)
    if number is None:
        return [f"{column}.type"]
    return [] if low <= number <= high else [f"{column}.range"]


def _weather(row: Row) -> list[str]:
    broken = _ranged(row, "PRS", "pressure_hpa", 850, 1100) + _ranged(row, "TEM", "temperature_c", -20, 50)
    broken += _ranged(row, "RHU", "humidity_pct", 0, 100) + _ranged(row, "WIN_S_Avg_2mi", "wind_speed_ms", 0, 80)
    broken += _ranged(row, "Lat", "latitude", 21, 24) + _ranged(row, "Lon", "longitude", 112, 115)
    if row["PRE_1h"] != "999990":
        broken += _ranged(row, "PRE_1h", "precipitation_mm", 0, 300)
    if row["WIN_D_Avg_2mi"] != "999017":
        broken += _ranged(row, "WIN_D_Avg_2mi", "wind_direction_deg", 0, 360)
    allowed = {"0", "1", "2", "3", "4", "8", "9"}
    return broken if row["Q_TEM"] in allowed else [*broken, "q_temperature.allowed"]


def _date(text: str) -> date | None:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _licence(row: Row) -> list[str]:
    issued, until = _date(row["发证日期"]), _date(row["有效期至"])
    broken = [] if issued else ["issued_date.type"]
    broken += [] if until else ["valid_to.type"]
    broken += ["valid_period"] if issued and until and issued > until else []
    broken += [] if row["主体业态"] in {"销售", "餐饮", "单位食堂"} else ["business_kind.allowed"]
    broken += [] if row["许可状态"] in {"有效", "注销", "吊销"} else ["status.allowed"]
    return broken + ([] if re.fullmatch(r"442000\d{3}", row["镇街代码"]) else ["town_code.pattern"])


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text or "")
    except ValueError:
        return None


def _inspection(row: Row) -> list[str]:
    result = row["result"]
    score = result["score"]
    broken = [] if row["licence_no"] else ["licence_no.required"]
    broken += [] if _moment(row["inspected_at"]) else ["inspected_at.type"]
    broken += [] if row["kind"] in {"日常检查", "专项检查", "飞行检查"} else ["kind.allowed"]
    broken += [] if result["grade"] in {"A", "B", "C", "D"} else ["grade.allowed"]
    broken += [] if row["items_failed"] >= 0 else ["failed_items.range"]
    if isinstance(score, str):
        return [*broken, "score.type"]
    broken += [] if 0 <= score <= 100 else ["score.range"]
    return broken + (["score_grade"] if score < 60 and result["passed"] else [])


def _complaint(row: Row) -> list[str]:
    opened, closed = _moment(row["opened_at"]), _moment(row["closed_at"])
    broken = [] if opened else ["opened_at.type"]
    broken += ["closed_after_opened"] if opened and closed and closed < opened else []
    broken += [] if row["channel"] in {"12345", "12331", "微信", "现场", "信函"} else ["channel.allowed"]
    broken += [] if re.fullmatch(r"442000\d{3}", row["town_code"]) else ["town_code.pattern"]
    return broken + ([] if re.fullmatch(r"1[3-9]\d{9}", row["phone"]) else ["phone.pattern"])


def _gtfs(row: Row) -> list[str]:
    if None in row or None in row.values():
        return ["ragged"]
    return ["stop_id.required"] if row.get("stop_id") == "" else []


TABLES: dict[str, tuple[tuple[str, ...], Broken]] = {
    "wx_station_hourly": (("Station_Id_C", "Year", "Mon", "Day", "Hour"), _weather),
    "food_licence": (("许可证编号",), _licence),
    "food_inspection": (("inspection_id",), _inspection),
    "complaint": (("complaint_id",), _complaint),
    "agency": (("agency_id",), _gtfs),
    "stops": (("stop_id",), _gtfs),
    "routes": (("route_id",), _gtfs),
    "trips": (("trip_id",), _gtfs),
    "stop_times": (("trip_id", "stop_sequence"), _gtfs),
    "calendar": (("service_id",), _gtfs),
    "calendar_dates": (("service_id", "date"), _gtfs),
    "feed_info": (("feed_publisher_name",), _gtfs),
}


def test_every_file_counts_as_the_truth_says(drop: dict[str, Any], truth: dict[str, Any]) -> None:
    assert sorted(drop) == sorted(file["path"] for file in truth["files"])
    for file in truth["files"]:
        tables = drop[file["path"]]
        assert set(tables) == set(file["tables"])
        for name, rows in tables.items():
            message = file["tables"][name]
            counted = recount(name, rows)
            assert counted == {key: message[key] for key in counted}, f"{file['path']} {name}"


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
        for entry in city.plan:
            if entry.feed == feed and entry.rule and entry.share is None:
                expected[entry.rule] += entry.count
        found: Counter[str] = Counter()
        for table in message["tables"].values():
            found.update(table["refused"])
            found.update(table["flagged"])
            found.update(table["special"])
        shared = {entry.rule for entry in city.plan if entry.feed == feed and entry.share is not None}
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


def test_wrong_check_digits_are_flagged_and_no_others(drop: dict[str, Any], truth: dict[str, Any]) -> None:
    for file in truth["files"]:
        if file["feed"] == "syj.food_licence":
            rows = drop[file["path"]]["food_licence"]
            wrong = {
                "uscc_check_digit": sum(
                    bool(r["统一社会信用代码"]) and not uscc.is_valid(r["统一社会信用代码"]) for r in rows
                ),
                "licence_check_digit": sum(not mod_11_10.is_valid(r["许可证编号"][2:]) for r in rows),
            }
            assert {rule: n for rule, n in wrong.items() if n} == file["tables"]["food_licence"]["flagged"]


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
    for file in truth["files"][-1:] + [f for f in truth["files"] if f["feed"] == "syj.complaint"]:
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
