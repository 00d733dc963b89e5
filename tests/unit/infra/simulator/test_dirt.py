"""The plan's row entries: disjoint rows, counted fates, a clear answer to too much."""

from __future__ import annotations

import numpy as np
import pytest

from infra.simulator.city import City
from infra.simulator.deliver import arrivals
from infra.simulator.dirt import PlanError, spoil
from infra.simulator.feeds.syj import food_licence
from infra.simulator.planted import Planted
from infra.simulator.rows import Rows
from infra.simulator.schedule import arriving


def _rows(count: int) -> Rows:
    key = np.array([f"k{i}" for i in range(count)], dtype=object)
    return Rows({"key": key, "value": np.full(count, "1", dtype=object)})


def _spoil(rows: Rows, *plan: Planted, reach: np.ndarray | None = None) -> Rows:
    return spoil(rows, plan, np.random.default_rng(1), scale=1, day="2026-03-02", reach=reach)


def test_entries_take_rows_of_their_own() -> None:
    rows = _spoil(
        _rows(10),
        Planted("f", 1, "cell", 3, "value.type", {"value": "x"}),
        Planted("f", 1, "cell", 2, "value.range", {"value": "-1"}),
        Planted("f", 1, "duplicate", 2),
        Planted("f", 1, "conflict", 1, cells={"value": "2"}),
        Planted("f", 1, "check", 1, "digit", {"value": ""}, "flag"),
    )
    message = rows.truth()
    assert (message.rows, message.duplicates, message.conflict_keys, message.conflict_rows) == (13, 2, 1, 2)
    assert message.refused == {"value.type": 3, "value.range": 2}
    assert message.flagged == {"digit": 1}
    assert message.clean == 4


def test_reach_keeps_rows_clean() -> None:
    reach = np.arange(10) >= 8
    rows = _spoil(_rows(10), Planted("f", 1, "cell", 2, "r", {"value": "{day}"}), reach=reach)
    assert rows.cells["value"].tolist() == ["1"] * 8 + ["2026-03-02"] * 2


def test_more_than_there_is() -> None:
    with pytest.raises(PlanError, match="11 rows for cell r"):
        _spoil(_rows(10), Planted("f", 1, "cell", 11, "r", {"value": ""}))


def test_a_city_without_a_plan_is_clean() -> None:
    clean = City(plan=())
    for day_no in range(1, 6):
        for delivery in arrivals(clean, day_no):
            assert not delivery.note
            for table in delivery.tables.values():
                assert table.rows == table.clean


def test_the_plan_repeats_every_week() -> None:
    city = City(days=12)
    for day_no in (8, 9, 10, 11, 12):
        first, again = (
            [food_licence.FEED.deliver(city, slot).tables for slot in arriving(city, food_licence.FEED, day)]
            for day in (day_no - 7, day_no)
        )
        assert len(again) == 1
        assert [t.refused for d in again for t in d.values()] == [t.refused for d in first for t in d.values()]
