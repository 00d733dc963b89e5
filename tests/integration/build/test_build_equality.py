"""Day by day equals all at once: after deliveries in any order, a full rebuild changes no public table."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.build.small_lake import SmallLake, march, open_lake
from tests.support.office import CALL, FEEDS, READING
from warehouse.build.inputs import read_effective

DELTA = {"delivery": "interval", "correction": "delta"}


def deliveries(lake: SmallLake) -> list[Callable[[], object]]:
    """Four days of every feed with corrections, repeats and moved rows, each as one call."""
    calls: list[Callable[[], object]] = []
    for number in range(2, 6):
        day = date(2026, 3, number)
        calls.append(lambda day=day: lake.readings(day))
        calls.append(lambda day=day: lake.register(day, offices=4 + day.day % 4))
        calls.append(lambda day=day: lake.calls(day, range(1, 4), repeated=range(1, 3)))
    calls += [
        # A full correction with other values, and one whose rows lie on the day before.
        lambda: lake.readings(date(2026, 3, 2), more=5, as_of=march(4, 9)),
        lambda: lake.readings(date(2026, 3, 4), moved=timedelta(hours=-5), as_of=march(5, 9)),
        # More calls of a day, some of them otherwise than before, and some that move to the next day.
        lambda: lake.calls(date(2026, 3, 3), range(2, 6), minutes=40, as_of=march(5, 9)),
        lambda: lake.calls(date(2026, 3, 2), range(1, 3), moved=timedelta(days=1), as_of=march(6, 9)),
    ]
    return calls


@pytest.mark.parametrize(
    ("seed", "changes"),
    [
        pytest.param(1, {}, id="calls are events"),
        pytest.param(2, DELTA, marks=pytest.mark.faults, id="calls are deltas"),
    ],
)
def test_day_by_day_equals_a_full_rebuild(tmp_path: Path, seed: int, changes: dict[str, Any]) -> None:
    lake = SmallLake(open_lake(tmp_path, {CALL: changes}))
    chance = random.Random(seed)
    calls = deliveries(lake)
    chance.shuffle(calls)
    for number, step in enumerate((calls[:6], calls[6:10], calls[10:])):
        for call in step:
            call()
        report = lake.build(date(2026, 3, 5))
        assert report.full_refresh == (number == 0)
        assert [m.name for m in report.models if m.status != "passed"] == []
    counting = read_effective(lake.lake).files.select(["feed", "batch"]).to_pylist()
    for feed in (READING, CALL):
        lake.withdrawn.add(chance.choice(sorted(row["batch"] for row in counting if row["feed"] == feed)))
    report = lake.build(date(2026, 3, 5))
    assert not report.full_refresh
    assert [check.name for check in report.checks if check.check == "reconciliation" and check.status != "passed"] == []

    day_by_day = lake.public_tables(report)
    rebuilt = lake.build(date(2026, 3, 5), full_refresh=True)
    at_once = lake.public_tables(rebuilt)

    assert set(rebuilt.inputs) == set(FEEDS)
    assert len(at_once) == 6
    assert all(at_once.values())
    assert {name for name in at_once if at_once[name] != day_by_day[name]} == set()
