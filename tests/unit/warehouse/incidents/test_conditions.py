"""Which intervals are late, from the contract's calendar and deadline."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.support.lakes import contract, day
from warehouse.incidents.conditions import missing

FIRST = day(0).start


def at(number: int, hour: float = 0) -> datetime:
    return FIRST + timedelta(days=number, hours=hour)


def days(intervals: list) -> list[int]:  # type: ignore[type-arg]
    return [(interval.start - FIRST).days for interval in intervals]


def test_late_is_after_the_deadline_and_not_before() -> None:
    feed = contract()
    assert days(missing(feed, at(2, 0.99), {at(0)}, first=at(0))) == []
    assert days(missing(feed, at(2, 1), {at(0)}, first=at(0))) == [1]
    assert days(missing(feed, at(5, 1), {at(0), at(2)}, first=at(0))) == [1, 3, 4]


def test_nothing_is_late_before_the_first_delivery_or_the_calendars_start() -> None:
    feed = contract()
    assert days(missing(feed, at(3, 2), {at(1)}, first=at(1))) == [2]
    begun = contract(calendar={"every": "day", "timezone": "UTC", "start": date(2026, 3, 4)})
    assert missing(begun, at(2, 2), set(), first=None) == []


def test_a_feed_that_never_delivered_owes_its_latest_due_interval() -> None:
    assert days(missing(contract(), at(20, 2), set(), first=None)) == [19]
    assert days(missing(contract(), at(21, 2), set(), first=None, since=at(19))) == [19, 20]


def test_the_look_back_is_bounded_unless_an_incident_reaches_further() -> None:
    feed = contract()
    assert len(missing(feed, at(100), {at(0)}, first=at(0))) == 30
    assert len(missing(feed, at(100), {at(0)}, first=at(0), since=at(50))) == 49


@pytest.mark.parametrize("cycle", ["每日", "不定期", "不更新"])
def test_what_is_owed_follows_the_calendar_and_not_the_catalogues_word(cycle: str) -> None:
    spec = contract().citylake.catalogue.model_dump() | {"update_cycle": cycle}
    assert days(missing(contract(catalogue=spec), at(3, 2), {at(0)}, first=at(0))) == [1, 2]
    assert missing(contract(catalogue=spec, on_change=True), at(50), {at(0)}, first=at(0)) == []


def test_a_later_snapshot_makes_up_for_an_earlier_one() -> None:
    feed = contract("snapshot", None)
    assert days(missing(feed, at(6, 2), {at(0), at(4)}, first=at(0))) == [5]


def test_local_days_are_due_by_local_time() -> None:
    feed = contract(calendar={"every": "day", "timezone": "Asia/Shanghai", "start": date(2026, 3, 1)})
    (late,) = missing(feed, datetime(2026, 3, 1, 17, tzinfo=UTC), set(), first=None)
    assert late.end == datetime(2026, 3, 1, 16, tzinfo=UTC)
