"""What the city hands over: a delivery, its place in time, and the truth about its rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Asia/Shanghai")


@dataclass
class TableTruth:
    """Counts of one table of one file.

    `rows` = `clean` + refused + `duplicates` + `repeats` + `conflict_rows`. `refused` maps the
    one rule each refused row breaks to rows. `flagged` and `special` count clean rows with a
    remark (a flag rule; a missing, trace or calm code). `repeats` are equal to rows of an
    earlier file. `conflict_rows` are all rows that share their key with a different row.
    `days` maps local event day to clean rows and repeats, which are no repeats to who reads this file
    alone; empty for a table without event time.
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
