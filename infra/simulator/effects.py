"""Planted effects: what a right analysis must find in the data, declared as data.

Like the dirt plan, days are days of the plan week. Feeds shape their values by these
entries; `truth` prints them.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.simulator.towns import TOWNS

ALL_TOWNS = tuple(town.code for town in TOWNS)
_NORTH_OF, _SOUTH_OF = 22.6, 22.45
NORTH = tuple(town.code for town in TOWNS if town.latitude > _NORTH_OF)
SOUTH = tuple(town.code for town in TOWNS if town.latitude < _SOUTH_OF)


@dataclass(frozen=True)
class Rain:
    """Rain at every station of `towns` in local hours `[first_hour, first_hour + hours)` of a day."""

    day: int
    first_hour: int
    hours: int
    towns: tuple[str, ...]
    mean_mm: float


@dataclass(frozen=True)
class ColdFront:
    """Air cools by `drop_c` over some hours after `hour`; it reaches the south three hours later."""

    day: int
    hour: int
    drop_c: float


@dataclass(frozen=True)
class FailingCluster:
    """`size` restaurants of one town that fail inspections and draw complaints of illness from `first_day` on."""

    town: str
    size: int
    first_day: int
    inspections_a_day: int
    complaints_a_day: int


RAIN = (
    Rain(day=2, first_hour=14, hours=3, towns=SOUTH, mean_mm=6.0),
    Rain(day=3, first_hour=8, hours=7, towns=ALL_TOWNS, mean_mm=2.5),
    Rain(day=3, first_hour=10, hours=3, towns=NORTH, mean_mm=12.0),
    Rain(day=5, first_hour=1, hours=4, towns=NORTH, mean_mm=1.2),
)
FRONT = ColdFront(day=3, hour=10, drop_c=8.0)
CLUSTER = FailingCluster(town="442000118", size=6, first_day=2, inspections_a_day=3, complaints_a_day=14)
