"""A run that ends with something left to do: what its last day lacks, and that nothing else of it differs."""

from __future__ import annotations

import pytest

from infra.simulator.city import City
from infra.simulator.deliver import arrivals
from infra.simulator.model import Delivery
from infra.simulator.planted import AIR_QUALITY, PERMIT_WORKBOOK, UNRESOLVED
from infra.simulator.truth import truth

DAYS = 3


def _by_path(city: City, day_no: int) -> dict[str, Delivery]:
    return {delivery.path: delivery for delivery in arrivals(city, day_no)}


def _of(deliveries: dict[str, Delivery], feed: str) -> list[Delivery]:
    return [one for one in deliveries.values() if f"{one.department}.{one.feed}" == feed]


def _rows(delivery: Delivery) -> int:
    return sum(table.rows for table in delivery.tables.values())


@pytest.fixture(scope="module")
def ends() -> tuple[dict[str, Delivery], dict[str, Delivery]]:
    """The last day of a run as usual, and of one that is to end with something to do."""
    return _by_path(City(days=DAYS), DAYS), _by_path(City(days=DAYS, unresolved=True), DAYS)


def test_the_other_days_are_the_same() -> None:
    for day_no in range(1, DAYS):
        usual, other = _by_path(City(days=DAYS), day_no), _by_path(City(days=DAYS, unresolved=True), day_no)
        assert {path: one.content for path, one in usual.items()} == {path: one.content for path, one in other.items()}


def test_every_other_file_of_the_last_day_is_the_same(
    ends: tuple[dict[str, Delivery], dict[str, Delivery]],
) -> None:
    usual, other = ends
    assert all(other[path].content == usual[path].content for path in other.keys() & usual.keys())
    changed = {
        f"{one.department}.{one.feed}" for path, one in (usual | other).items() if (path in usual) != (path in other)
    }
    assert changed == {entry.feed for entry in UNRESOLVED}


def test_the_hours_from_seven_on_never_come(ends: tuple[dict[str, Delivery], dict[str, Delivery]]) -> None:
    last = City(days=DAYS).date_of(DAYS)
    hours = [one.start.hour for one in _of(ends[1], AIR_QUALITY) if one.start.date() == last]
    assert hours == list(range(7))


def test_the_correction_lacks_most_rows_of_the_day(ends: tuple[dict[str, Delivery], dict[str, Delivery]]) -> None:
    first, correction = _of(ends[1], PERMIT_WORKBOOK)
    assert (first.revision, correction.revision, correction.note) == (1, 2, "correction")
    assert correction.arrives_at > first.arrives_at
    assert 0 < _rows(correction) < 0.5 * _rows(first)


def test_a_longer_run_ends_so_once() -> None:
    longer = City(days=DAYS + 7, unresolved=True)
    assert _by_path(longer, DAYS).keys() == _by_path(City(days=DAYS + 7), DAYS).keys()
    assert len(_of(_by_path(longer, DAYS + 7), PERMIT_WORKBOOK)) == 2


def test_the_truth_says_what_is_left() -> None:
    assert truth(City(days=1))["unresolved"] == {"absent": {}, "lost": {}}
    left = truth(City(days=1, unresolved=True))
    assert left["unresolved"]["absent"] == {AIR_QUALITY: "2026-03-02T07:00"}
    assert left["unresolved"]["lost"] == {PERMIT_WORKBOOK: {"revision": 2, "share": 0.7}}
    hours = [file for file in left["files"] if file["feed"] == AIR_QUALITY]
    assert max(file["interval_start"] for file in hours) == "2026-03-02T06:00:00+08:00"
