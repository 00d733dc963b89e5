"""The plan of planted faults, declared as data: dirt in rows and events of whole files.

This module owns the plan of feeds that are code; a declared feed brings its own (`declared`). `dirt` applies
row entries, `schedule` applies file entries, `truth` reports both. Days are days of a seven-day plan week counted from
the city's start (1 = the first day), so a run of any length has known dirt. `count` is per unit of scale.

`rule` is the rule id the receiving side is expected to name: `<bronze column>.<check>` or
the id of a contract rule. Each planted row breaks that rule and no other.

`UNRESOLVED` is a second plan, for the last day of a run that is to end with something left to do (`City.unresolved`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Literal

PLAN_DAYS = 7

RowKind = Literal["cell", "check", "duplicate", "conflict", "ragged", "repeat", "update", "add", "lost"]
FileKind = Literal["late", "correction", "redelivery", "absent"]
FILE_KINDS: tuple[FileKind, ...] = ("late", "correction", "redelivery")


@dataclass(frozen=True)
class Planted:
    """One entry of the plan.

    Row kinds: `cell` overwrites `cells`; `check` spoils the last character of the columns in
    `cells`; `duplicate` appends identical rows; `conflict` appends rows with the same key and
    other `cells`; `ragged` appends the raw lines in `cells`; `repeat` appends rows of the day
    before; `update` and `add` shape a delta; `lost` leaves out the `share` of rows. File kinds: `late`
    moves a delivery, `correction` and `redelivery` add one as `revision`; all three say when it
    arrives. `absent` keeps back the day's files from `hour` on; they never come.

    `effect` is what a correct receiver does with the row: refuse it, flag it, or accept it.
    """

    feed: str
    day: int
    kind: RowKind | FileKind
    count: int = 1
    rule: str = ""
    cells: Mapping[str, str] = field(default_factory=dict)
    effect: Literal["refuse", "flag", "accept"] = "refuse"
    share: float | None = None
    hour: int = 0
    revision: int = 1
    table: str = ""
    arrives_day: int = 0
    arrives: time = time(0)


WEATHER = "qxj.wx_station_hourly"
GTFS = "jtj.gtfs_static"
LICENCE = "syj.food_licence"
INSPECTION = "syj.food_inspection"
COMPLAINT = "syj.complaint"

_WEATHER = (
    Planted(WEATHER, 1, "cell", 2, "temperature_c.range", {"TEM": "78.5"}, hour=6),
    Planted(WEATHER, 1, "cell", 1, "temperature_c.type", {"TEM": "/"}, hour=9),
    Planted(WEATHER, 1, "duplicate", 2, hour=11),
    Planted(WEATHER, 2, "cell", 1, "humidity_pct.range", {"RHU": "130"}, hour=4),
    Planted(WEATHER, 2, "cell", 1, "q_temperature.allowed", {"Q_TEM": "7"}, hour=5),
    Planted(WEATHER, 2, "cell", 3, "temperature_c.type", {"TEM": "/"}, hour=13),
    Planted(WEATHER, 3, "cell", 1, "pressure_hpa.range", {"PRS": "1013250.0"}, hour=12),
    Planted(WEATHER, 4, "cell", 2, "temperature_c.range", {"TEM": "-99.9"}, hour=2),
    Planted(WEATHER, 4, "duplicate", 1, hour=2),
    Planted(WEATHER, 5, "cell", 1, "temperature_c.type", {"TEM": "/"}, hour=17),
    Planted(WEATHER, 1, "cell", 2, "pressure_hpa.missing", {"PRS": "999999"}, "accept", hour=3),
    Planted(WEATHER, 2, "cell", 1, "humidity_pct.missing", {"RHU": "999998"}, "accept", hour=7),
    Planted(WEATHER, 2, "cell", 2, "temperature_c.missing", {"TEM": "999999", "Q_TEM": "8"}, "accept", hour=21),
    Planted(
        WEATHER, 3, "cell", 1, "precipitation_mm.missing", {"PRE_1h": "999999", "Q_PRE_1h": "8"}, "accept", hour=20
    ),
    Planted(WEATHER, 1, "cell", 3, "precipitation_mm.trace", {"PRE_1h": "999990"}, "accept", hour=8),
    Planted(WEATHER, 5, "cell", 2, "precipitation_mm.trace", {"PRE_1h": "999990"}, "accept", hour=16),
    Planted(
        WEATHER,
        4,
        "cell",
        2,
        "wind_direction_deg.calm",
        {"WIN_D_Avg_2mi": "999017", "WIN_S_Avg_2mi": "0.0"},
        "accept",
        hour=5,
    ),
    Planted(WEATHER, 2, "late", hour=5, arrives_day=3, arrives=time(9, 40)),
    Planted(WEATHER, 1, "correction", hour=14, revision=2, arrives_day=3, arrives=time(10, 5)),
    Planted(WEATHER, 2, "redelivery", hour=8, revision=2, arrives_day=2, arrives=time(11, 20)),
)

_GTFS = tuple(
    entry
    for day in (1, 4)
    for entry in (
        Planted(GTFS, day, "cell", 2, "stop_id.required", {"stop_id": ""}, table="stop_times"),
        Planted(
            GTFS,
            day,
            "ragged",
            1,
            "ragged",
            {"line": "S9999,废弃站（模拟）,22.500000,113.400000,多出的一格"},
            table="stops",
        ),
        Planted(GTFS, day, "duplicate", 1, table="calendar_dates"),
    )
)

_LICENCE = (
    Planted(LICENCE, 1, "cell", 3, "issued_date.type", {"发证日期": "2026-02-30"}),
    Planted(LICENCE, 1, "cell", 2, "status.allowed", {"许可状态": "停业"}),
    Planted(LICENCE, 1, "duplicate", 4),
    Planted(LICENCE, 1, "conflict", 1, cells={"经营场所": "地址与前一条不同（模拟）"}),
    Planted(LICENCE, 1, "check", 5, "uscc_check_digit", {"统一社会信用代码": ""}, "flag"),
    Planted(LICENCE, 2, "cell", 1, "valid_period", {"发证日期": "2024-05-01", "有效期至": "2023-05-01"}),
    Planted(LICENCE, 2, "cell", 2, "town_code.pattern", {"镇街代码": "4420"}),
    Planted(LICENCE, 2, "check", 3, "uscc_check_digit", {"统一社会信用代码": ""}, "flag"),
    Planted(LICENCE, 2, "check", 1, "licence_check_digit", {"许可证编号": ""}, "flag"),
    Planted(LICENCE, 3, "conflict", 2, cells={"经营场所": "地址与前一条不同（模拟）"}),
    Planted(LICENCE, 3, "duplicate", 3),
    Planted(LICENCE, 3, "cell", 2, "business_kind.allowed", {"主体业态": "批发"}),
    Planted(LICENCE, 4, "cell", 4, "issued_date.type", {"发证日期": "20260305"}),
    Planted(LICENCE, 4, "check", 2, "uscc_check_digit", {"统一社会信用代码": ""}, "flag"),
    Planted(LICENCE, 5, "cell", 1, "valid_to.type", {"有效期至": "长期"}),
    Planted(LICENCE, 5, "cell", 1, "status.allowed", {"许可状态": "有 效"}),
    Planted(LICENCE, 5, "duplicate", 2),
)

_FAILED_YET_PASSED = {"score": "55.0", "grade": '"D"', "passed": "true"}
_INSPECTION = (
    Planted(INSPECTION, 1, "cell", 1, "grade.allowed", {"grade": '"E"'}),
    Planted(INSPECTION, 1, "cell", 1, "score_grade", _FAILED_YET_PASSED),
    Planted(INSPECTION, 2, "cell", 1, "kind.allowed", {"kind": '"抽查"'}),
    Planted(INSPECTION, 2, "cell", 1, "failed_items.range", {"items_failed": "-1"}),
    Planted(INSPECTION, 2, "duplicate", 1),
    # The bad file: three rows in five are bad, so the delivery is refused whole.
    Planted(INSPECTION, 3, "cell", rule="grade.allowed", cells={"grade": '"优"'}, share=0.2),
    Planted(INSPECTION, 3, "cell", rule="score.range", cells={"score": "150.0"}, share=0.2),
    Planted(INSPECTION, 3, "cell", rule="licence_no.required", cells={"licence_no": "null"}, share=0.2),
    Planted(INSPECTION, 3, "correction", revision=2, arrives_day=4, arrives=time(10, 30)),
    Planted(INSPECTION, 3, "cell", 1, "inspected_at.type", {"inspected_at": '"{day}T25:00:00+08:00"'}, revision=2),
    Planted(INSPECTION, 3, "cell", 1, "score.type", {"score": '"不适用"'}, revision=2),
    Planted(INSPECTION, 4, "cell", 1, "score.range", {"score": "-5.0", "grade": '"D"', "passed": "false"}),
    # A delta: only what changed since the first file of the day, and what was forgotten.
    Planted(INSPECTION, 4, "correction", revision=2, arrives_day=5, arrives=time(9, 15)),
    Planted(INSPECTION, 4, "update", 10, revision=2, effect="accept"),
    Planted(INSPECTION, 4, "add", 3, revision=2, effect="accept"),
    Planted(INSPECTION, 5, "cell", 1, "score_grade", _FAILED_YET_PASSED),
)

_CLOSED_FIRST = {"opened_at": '"{day}T12:00:00+08:00"', "closed_at": '"{day}T11:00:00+08:00"'}
_COMPLAINT = (
    Planted(COMPLAINT, 1, "cell", 2, "phone.pattern", {"phone": '"0760-88320000"'}),
    Planted(COMPLAINT, 1, "cell", 1, "closed_after_opened", _CLOSED_FIRST),
    Planted(COMPLAINT, 2, "cell", 1, "channel.allowed", {"channel": '"邮件"'}),
    Planted(COMPLAINT, 2, "duplicate", 1),
    Planted(COMPLAINT, 2, "repeat", 5, effect="accept"),
    Planted(COMPLAINT, 3, "cell", 2, "phone.pattern", {"phone": '"1380000"'}),
    Planted(COMPLAINT, 3, "repeat", 4, effect="accept"),
    Planted(COMPLAINT, 4, "cell", 1, "closed_after_opened", _CLOSED_FIRST),
    Planted(COMPLAINT, 5, "cell", 1, "phone.pattern", {"phone": '"不详"'}),
    Planted(COMPLAINT, 5, "repeat", 3, effect="accept"),
)

AIR_QUALITY = "hbj.air_quality_hourly"
PERMIT_WORKBOOK = "fgj.admin_permit_workbook"
LAST_DAY = 0
"""`day` of the entries of `UNRESOLVED`: the last day of the run, whichever of the plan week that is."""
UNRESOLVED: tuple[Planted, ...] = (
    # The line to the stations is down from seven in the morning: the feed is late in the evening.
    Planted(AIR_QUALITY, LAST_DAY, "absent", hour=7),
    # The clerk sends the rows that changed where the whole day was asked for: the correction would lose the others.
    Planted(PERMIT_WORKBOOK, LAST_DAY, "correction", revision=2, arrives=time(21, 30)),
    Planted(PERMIT_WORKBOOK, LAST_DAY, "lost", share=0.7, revision=2, effect="accept"),
)
"""What a run leaves to people: a feed that is late, a correction that is held."""

PLAN: tuple[Planted, ...] = _WEATHER + _GTFS + _LICENCE + _INSPECTION + _COMPLAINT


def of_file(plan: Iterable[Planted], day: int, hour: int, revision: int, table: str = "") -> list[Planted]:
    """The entries for one table of one file; `day` is of the plan week, `hour` that of its interval's start."""
    return [e for e in plan if (e.day, e.hour, e.revision, e.table) == (day, hour, revision, table)]
