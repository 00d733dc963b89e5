"""What the city hands over: a delivery, its place in time, and the truth about its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from infra.simulator.city import City

LOCAL = ZoneInfo("Asia/Shanghai")


@dataclass
class TableTruth:
    """Counts of one table of one file.

    `rows` = `clean` + refused + `duplicates` + `repeats` + `conflict_rows`. `refused` maps the
    one rule each refused row breaks to rows. `flagged` and `special` count clean rows with a
    remark (a flag rule; a missing, trace or calm code). `repeats` are equal to rows of an
    earlier file. `conflict_rows` are all rows that share their key with a different row.
    `days` maps local event day to clean rows; empty for a table without event time.
    """

    rows: int = 0
    clean: int = 0
    duplicates: int = 0
    repeats: int = 0
    conflict_keys: int = 0
    conflict_rows: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    flagged: dict[str, int] = field(default_factory=dict)
    special: dict[str, int] = field(default_factory=dict)
    days: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Slot:
    """One file to come: whose interval it is, which revision, when it arrives (both local time)."""

    start: datetime
    revision: int
    arrives_at: datetime
    note: Literal["", "late", "correction", "redelivery"] = ""


@dataclass(frozen=True)
class Delivery:
    """One file as it arrives. `start` is the interval's start; `filename` is below `department/feed/`."""

    department: str
    feed: str
    filename: str
    arrives_at: datetime
    content: bytes
    note: str
    start: datetime
    revision: int
    tables: dict[str, TableTruth]

    @property
    def path(self) -> str:
        """Where it lies in the drop folder, `/` separated."""
        return f"{self.department}/{self.feed}/{self.filename}"


Render = Callable[["City", Slot], tuple[bytes, dict[str, TableTruth]]]


@dataclass(frozen=True)
class Feed:
    """One feed of one department: when files come and how one is made.

    `filename` is a format string over `start` and `suffix` (empty, or `_r2` and so on).
    `arrives` is measured from the interval's start. `only_days` limits a daily feed to some
    days of the run, counted from 1.
    """

    department: str
    name: str
    every: Literal["hour", "day"]
    filename: str
    arrives: timedelta
    render: Render
    only_days: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        """`department.feed`."""
        return f"{self.department}.{self.name}"

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
