"""日常监督检查: the day's inspections in the evening, NDJSON.

A second revision is the whole day again, or a delta where the plan has `update` and `add`:
keys of the first file with a new result, and inspections it forgot.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from infra.simulator import words
from infra.simulator.businesses import person_names
from infra.simulator.city import City
from infra.simulator.dirt import spoil
from infra.simulator.effects import CLUSTER
from infra.simulator.feed import Feed
from infra.simulator.model import Slot, TableTruth
from infra.simulator.planted import INSPECTION, Planted
from infra.simulator.rows import CLEAN, Rows, Texts, texts
from infra.simulator.writers import Template, json_texts, ndjson_bytes

WEEKDAY, WEEKEND = 120, 16
INSPECTORS = 40
GRADES = (60, 75, 90)
"""Scores from which a grade is C, B, A; from the first an inspection is passed."""
_SATURDAY = 5

TEMPLATE: Template = {
    "inspection_id": "inspection_id",
    "licence_no": "licence_no",
    "inspected_at": "inspected_at",
    "kind": "kind",
    "inspector": {"name": "inspector_name", "badge": "inspector_badge"},
    "result": {"score": "score", "grade": "grade", "passed": "passed"},
    "items_failed": "items_failed",
    "remark": "remark",
}


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    plan = city.planted(INSPECTION, slot.start, slot.revision)
    delta = {entry.kind: entry.count * city.scale for entry in plan if entry.kind in ("update", "add")}
    if delta:
        rows = _delta(city, slot, delta.get("update", 0), delta.get("add", 0))
    else:
        rows = _day(city, slot, first=1, count=_count(city, slot))
    _spoil(city, slot, slot.revision, rows, plan)
    return ndjson_bytes(rows, TEMPLATE), {"food_inspection": rows.truth()}


def _spoil(city: City, slot: Slot, revision: int, rows: Rows, plan: list[Planted]) -> None:
    rng = city.rng(INSPECTION, slot.start.isoformat(), revision, "dirt")
    spoil(rows, plan, rng, scale=city.scale, day=slot.start.date().isoformat())


def _count(city: City, slot: Slot) -> int:
    rng = city.rng(INSPECTION, slot.start.isoformat(), "count")
    usual, spread = (WEEKEND, 2) if slot.start.weekday() >= _SATURDAY else (WEEKDAY, 8)
    return (usual + int(rng.integers(-spread, spread + 1))) * city.scale


def _delta(city: City, slot: Slot, updates: int, additions: int) -> Rows:
    """New results for clean rows of the first file, then rows it lacked."""
    count = _count(city, slot)
    rows = _day(city, slot, first=1, count=count)
    _spoil(city, slot, 1, rows, city.planted(INSPECTION, slot.start, 1))
    rng = city.rng(INSPECTION, slot.start.isoformat(), "update")
    changed = rows.take(np.sort(rng.permutation(np.flatnonzero(rows.fate == CLEAN))[:updates]))
    old = changed.cells["score"].astype(float)
    score = np.round(np.where(old >= GRADES[-1], old - 15, old + 5), 1)  # the best lose, the rest gain
    changed.cells |= _result(score)
    changed.append(_day(city, slot, first=count + 1, count=additions))
    return changed


def _day(city: City, slot: Slot, *, first: int, count: int) -> Rows:
    """`count` inspections of the day with serial numbers from `first`."""
    rng = city.rng(INSPECTION, slot.start.isoformat(), first)
    day_no = city.day_no(slot.start)
    register = city.businesses
    which = rng.choice(register.visible(day_no), count)
    failing = np.zeros(count, bool)
    if city.plan_day(day_no) >= CLUSTER.first_day and first == 1:
        failing[rng.permutation(count)[: CLUSTER.inspections_a_day * city.scale]] = True
        which[failing] = rng.permutation(register.cluster())[: failing.sum()]
    score = np.round(np.where(failing, rng.uniform(32, 58, count), 100 - rng.gamma(2.2, 5.0, count).clip(0, 55)), 1)
    seconds = np.sort(rng.integers(int(8.5 * 3600), int(17.5 * 3600), count))
    moment = np.datetime64(slot.start.replace(tzinfo=None), "s") + seconds.astype("timedelta64[s]")
    officer = rng.integers(0, INSPECTORS, count)
    roster = person_names(city.rng(INSPECTION, "roster"), INSPECTORS) + words.MARK
    remark = np.array(words.REMARKS, dtype=object)[rng.integers(0, len(words.REMARKS), count)] + words.MARK
    kind = np.array(["日常检查", "专项检查", "飞行检查"], dtype=object)[rng.choice(3, count, p=[0.75, 0.18, 0.07])]
    day = slot.start.date()
    cells = {
        "inspection_id": json_texts(f"JC{day:%Y%m%d}-" + texts(np.arange(first, first + count), "%05d")),
        "licence_no": json_texts(register.licence_no[which]),
        "inspected_at": json_texts(moment.astype(str).astype(object) + "+08:00"),
        "kind": json_texts(kind),
        "inspector_name": json_texts(roster[officer]),
        "inspector_badge": json_texts("SYJ-" + texts(officer + 1, "%04d")),
        "remark": json_texts(remark),
        **_result(score),
    }
    return Rows(cells, event_day=np.full(count, day.isoformat(), dtype=object))


def _result(score: np.ndarray) -> dict[str, Texts]:
    """Score and what follows from it: grade by tens, passed from 60, items failed."""
    grade = np.array(['"D"', '"C"', '"B"', '"A"'], dtype=object)[np.digitize(score, GRADES)]
    return {
        "score": texts(score, "%.1f"),
        "grade": grade,
        "passed": np.where(score >= GRADES[0], "true", "false").astype(object),
        "items_failed": texts(np.floor((100 - score) / 6).astype(np.int64), "%d"),
    }


FEED = Feed(
    department="syj",
    name="food_inspection",
    every="day",
    filename="inspection_{start:%Y%m%d}{suffix}.ndjson",
    arrives=timedelta(hours=19, minutes=30),
    render=_render,
)
