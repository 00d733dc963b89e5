"""Half-open UTC intervals from a contract's calendar.

An interval is `[start, end)` in UTC; its `dt` is the local date of its start, never
event time. Calendars step by hour, day, week (Monday), month, quarter or year of local
time, so a local day with a clock change is 23 or 25 hours long in UTC. A day begins at its first midnight, or at the
change of clocks that left midnight out. An hour is the time in which clocks show one hour at one offset: one that
comes twice is two intervals, and a change within it ends it. Intervals leave no gap and never overlap (docs/adr/0018).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from ingestion.clocks import begins, change, moments
from ingestion.errors import ConfigurationError

Step = Literal["hour", "day", "week", "month", "quarter", "year"]

FIRST_DAY, LAST_DAY, MOST_DAYS = date(1970, 1, 1), date(2199, 12, 31), 3660
"""First and last day that a command accepts, and the most days at once (ten years)."""


def check_days(first: date, last: date) -> None:
    """Raise ConfigurationError for days out of range, or too many: a typing error would run for a very long time."""
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

    def named(self, interval: Interval) -> datetime:
        """The local time for an interval in file names: its start; for a day whose midnight does not exist (clocks set
        forward) midnight nevertheless.
        """
        start = interval.start.astimezone(self.zone)
        if self.every == "hour" or interval.start != begins(self.zone, start.date()):
            return start
        return start.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)

    def at(self, moment: datetime) -> Interval:
        """The interval that contains `moment`. A naive `moment` is local time; except for hours only its date counts.

        Raises ValueError for a naive time that does not exist or, for hourly intervals, is ambiguous.
        """
        if self.every == "hour":
            return self._hour(moment)
        local = moment if moment.tzinfo is None else moment.astimezone(self.zone)
        first = _floor(local.date(), self.every)
        found = self._from(first)
        if found.start == found.end:
            raise ValueError(f"{first} was left out in {self.timezone}")
        if moment.tzinfo is not None and moment >= found.end:
            # Clocks were set back over midnight: the date before once more.
            found = self._from(_next(first, self.every))
        return found

    def meeting(self, day: date) -> list[Interval]:
        """Every interval that starts on or covers the local `day`, oldest first."""
        begin, end = begins(self.zone, day), begins(self.zone, day + timedelta(days=1))
        return list(self.between(begin, end))

    def between(self, begin: datetime, end: datetime) -> Iterator[Interval]:
        """Every interval meeting `[begin, end)`, oldest first, none before the calendar's start."""
        interval = self.at(max(begin, begins(self.zone, self.start)))
        while interval.start < end:
            yield interval
            interval = self.at(interval.end)

    def _from(self, first: date) -> Interval:
        return Interval(begins(self.zone, first), begins(self.zone, _next(first, self.every)))

    def _hour(self, moment: datetime) -> Interval:
        if moment.tzinfo is None:
            found = moments(self.zone, moment)
            if len(found) != 1:
                wrong = "comes twice: give it with its offset" if found else "was left out"
                raise ValueError(f"{moment:%Y-%m-%dT%H:%M} {wrong} in {self.timezone}")
            moment = found[0]
        moment = moment.astimezone(UTC)
        local = moment.astimezone(self.zone)
        offset = local.utcoffset() or timedelta()
        start = local.replace(tzinfo=UTC, minute=0, second=0, microsecond=0) - offset
        end = start + timedelta(hours=1)
        if start.astimezone(self.zone).utcoffset() != offset:
            start = change(self.zone, start, moment)
        if end.astimezone(self.zone).utcoffset() != offset:
            end = change(self.zone, moment, end)
        return Interval(start, end)


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
