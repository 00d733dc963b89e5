"""Half-open UTC intervals from a contract's calendar.

An interval is `[start, end)` in UTC; its `dt` is the local date of its start, never
event time. Calendars step by hour, day, week (Monday), month, quarter or year of local
time, so a local day with a clock change is 23 or 25 hours long in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from ingestion.errors import ConfigurationError

Step = Literal["hour", "day", "week", "month", "quarter", "year"]

FIRST_DAY, LAST_DAY, MOST_DAYS = date(1970, 1, 1), date(2199, 12, 31), 3660
"""Days that may be asked for, and how many at once: ten years."""


def check_days(first: date, last: date) -> None:
    """Raise ConfigurationError where nobody can have meant these days: a typing error would run for ever."""
    wrong = None
    if last < first:
        wrong = "the last day is before the first"
    elif first < FIRST_DAY or last > LAST_DAY:
        wrong = f"days go from {FIRST_DAY} to {LAST_DAY}"
    elif (last - first).days >= MOST_DAYS:
        wrong = f"at most {MOST_DAYS:,} days go into one run"
    if wrong:
        asked = f"{first}" if first == last else f"{first} to {last}"
        raise ConfigurationError(
            f"{asked}: {wrong}", left="nothing was done", next_step="ask again with the days that are meant"
        )


@dataclass(frozen=True, order=True)
class Interval:
    """`[start, end)`, both timezone-aware UTC."""

    start: datetime
    end: datetime

    @property
    def id(self) -> str:
        """`20260301T160000Z`: the start, as used in batch ids."""
        return self.start.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")

    def __str__(self) -> str:
        return f"[{self.start.astimezone(UTC):%Y-%m-%dT%H:%MZ}, {self.end.astimezone(UTC):%Y-%m-%dT%H:%MZ})"


@dataclass(frozen=True)
class Calendar:
    """How a feed's time is cut into intervals."""

    every: Step
    timezone: str
    start: date

    @property
    def zone(self) -> ZoneInfo:
        """The calendar's time zone."""
        return ZoneInfo(self.timezone)

    def local_date(self, interval: Interval) -> date:
        """The `dt` of an interval."""
        return interval.start.astimezone(self.zone).date()

    def at(self, moment: datetime) -> Interval:
        """The interval that holds `moment` (naive is local time)."""
        local = moment.replace(tzinfo=self.zone) if moment.tzinfo is None else moment.astimezone(self.zone)
        if self.every == "hour":
            start = local.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            return Interval(start, start + timedelta(hours=1))
        first = _floor(local.date(), self.every)
        return Interval(self._midnight(first), self._midnight(_next(first, self.every)))

    def meeting(self, day: date) -> list[Interval]:
        """Every interval that starts on or covers the local `day`, oldest first."""
        begin, end = self._midnight(day), self._midnight(day + timedelta(days=1))
        return list(self.between(begin, end))

    def between(self, begin: datetime, end: datetime) -> Iterator[Interval]:
        """Every interval meeting `[begin, end)`, oldest first, none before the calendar's start."""
        interval = self.at(max(begin, self._midnight(self.start)))
        while interval.start < end:
            yield interval
            interval = self.at(interval.end)

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)


def _floor(day: date, every: Step) -> date:
    if every == "week":
        return day - timedelta(days=day.weekday())
    if every == "month":
        return day.replace(day=1)
    if every == "quarter":
        return day.replace(month=3 * ((day.month - 1) // 3) + 1, day=1)
    if every == "year":
        return day.replace(month=1, day=1)
    return day


def _next(first: date, every: Step) -> date:
    if every in ("day", "week"):
        return first + timedelta(days=1 if every == "day" else 7)
    months = {"month": 1, "quarter": 3, "year": 12}[every]
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)
