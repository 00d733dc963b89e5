"""A feed of the city: when its files come and how one is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from infra.simulator.city import City
from infra.simulator.model import Delivery, Slot, TableTruth
from infra.simulator.planted import Planted

Render = Callable[[City, Slot], tuple[bytes, dict[str, TableTruth]]]
Bulk = Callable[[City, Sequence[Slot]], tuple[bytes, int]]


@dataclass(frozen=True)
class Feed:
    """One feed of one department: when files come and how one is made.

    `filename` is a format string over `start` and `suffix` (empty, or `_r2` and so on).
    `arrives` is measured from the interval's start; a week begins on Monday. `only_days` limits a daily feed to some
    days of the run, counted from 1. `dirt` is what a declared feed plants in itself.
    `history` is how the past is handed over (infra.simulator.history): in `bulk`, by joining the lines of the files
    unless `bulk` makes one file of several, and says how many rows it has.
    """

    department: str
    name: str
    every: Literal["hour", "day", "week"]
    filename: str
    arrives: timedelta
    render: Render
    only_days: tuple[int, ...] = ()
    history: Literal["bulk", "files", "none"] = "bulk"
    dirt: tuple[Planted, ...] = ()
    bulk: Bulk | None = None

    @property
    def id(self) -> str:
        """`department.feed`."""
        return f"{self.department}.{self.name}"

    def plan(self, city: City) -> tuple[Planted, ...]:
        """Everything planted in the feed."""
        return city.plan_of(self.id, self.dirt)

    def deliver(self, city: City, slot: Slot) -> Delivery:
        """Make the file of `slot`."""
        content, tables = self.render(city, slot)
        suffix = "" if slot.revision == 1 else f"_r{slot.revision}"
        return Delivery(
            department=self.department,
            feed=self.name,
            filename=self.filename.format(start=slot.start, suffix=suffix),
            arrives_at=slot.arrives_at,
            content=content,
            note=slot.note,
            start=slot.start,
            revision=slot.revision,
            tables=tables,
        )
