"""Day by day equals all at once: after deliveries in any order, a full rebuild changes no public table."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from tests.integration.build.small_lake import SmallLake, at, public_tables


def deliveries(lake: SmallLake) -> list[Callable[[], object]]:
    """Four days of every feed with corrections, repeats and moved rows, each as one call."""
    calls: list[Callable[[], object]] = []
    for number in range(2, 6):
        day = date(2026, 3, number)
        for hour in (0, 7, 20, 21):
            start = at(number, hour)
            calls.append(lambda start=start: lake.weather(start))
        calls.append(lambda day=day: lake.licences(day, businesses=4 + day.day))
        calls.append(lambda day=day: lake.inspections(day, range(1, 6)))
        calls.append(lambda day=day: lake.complaints(day, range(1, 4), repeated=range(1, 3)))
    calls += [
        # A full correction with other values, and one whose rows lie on the day before.
        lambda: lake.weather(at(2, 7), warmer=5, as_of=at(4, 9)),
        lambda: lake.weather(at(4, 0), moved=timedelta(hours=-1), as_of=at(5, 9)),
        # A delta that updates and adds, and one that moves its rows to the next day.
        lambda: lake.inspections(date(2026, 3, 3), range(4, 8), score=40, as_of=at(5, 9)),
        lambda: lake.inspections(date(2026, 3, 2), range(1, 3), moved=timedelta(days=1), as_of=at(6, 9)),
        lambda: lake.timetable(date(2026, 3, 2), stops=5),
        lambda: lake.timetable(date(2026, 3, 5), stops=7),
    ]
    return calls


@pytest.mark.parametrize("seed", [1, 2])
def test_day_by_day_equals_a_full_rebuild(small_lake: SmallLake, seed: int) -> None:
    chance = random.Random(seed)
    calls = deliveries(small_lake)
    chance.shuffle(calls)
    steps = [calls[:12], calls[12:20], calls[20:]]
    for number, step in enumerate(steps):
        for call in step:
            call()
        report = small_lake.build(date(2026, 3, 5))
        assert report.full_refresh == (number == 0)
        assert [m.name for m in report.models if m.status != "passed"] == []
    for feed in ("qxj.wx_station_hourly", "syj.food_inspection", "syj.complaint"):
        erased = chance.choice([put for put in small_lake.counting() if put.contract.name == feed])
        small_lake.puts.remove(erased)
    report = small_lake.build(date(2026, 3, 5))
    assert not report.full_refresh
    assert [check.name for check in report.checks if check.check == "reconciliation" and check.status != "passed"] == []

    day_by_day = public_tables(small_lake, report)
    rebuilt = small_lake.build(date(2026, 3, 5), full_refresh=True)
    at_once = public_tables(small_lake, rebuilt)

    assert len(at_once) >= 20
    assert all(rows for name, rows in at_once.items() if name.startswith(("fct_", "mart_")))
    assert {name for name in at_once if at_once[name] != day_by_day[name]} == set()
