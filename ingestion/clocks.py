"""Convert between local times and moments in Python (docs/adr/0018), and read the machine's clock.

Time zone rules are those of this machine's `zoneinfo`. Values in data are converted by DuckDB
(ingestion.conform.local_time); a test checks that both agree.

`now` is the only place where the machine's clock is read. It tells when something was done (records, their order,
retention, locks); `ingestion.city_time` tells what day it is in the city.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)
_STEP = timedelta(days=7)
"""Within this time no zone changes its clocks twice."""
_LAST_YEAR = 2100
_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)


def now() -> datetime:
    """The current time of the machine's clock, in UTC."""
    return datetime.now(UTC)


def moments(zone: ZoneInfo, reading: datetime) -> list[datetime]:
    """The moments (UTC) of the naive local time `reading`: one; none where it does not exist; two where ambiguous."""
    found = {reading.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(one for one in found if one.astimezone(zone).replace(tzinfo=None) == reading)


def begins(zone: ZoneInfo, day: date) -> datetime:
    """The first moment (UTC) of a local day: its first midnight, or the change of clocks that skipped it."""
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a reading of clocks
    found = moments(zone, midnight)
    if found:
        return found[0]
    before, after = (midnight.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (1, 0))
    return change(zone, before, after)


def change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The moment (UTC) of the change of clocks after `before` and not after `after`; there must be one."""
    offset = _offset(zone, before)
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        middle = max(middle.replace(microsecond=0), before + timedelta(microseconds=1))
        before, after = (middle, after) if _offset(zone, middle) == offset else (before, middle)
    return after.replace(microsecond=0)


def formatted(moment: datetime, form: str) -> str:
    """`strftime`, with `%s` as seconds since 1970 in UTC (Python's own `%s` depends on the machine's zone)."""
    seconds = str(int(moment.timestamp()))
    return moment.strftime(_DIRECTIVE.sub(lambda found: seconds if found[1] == "s" else found[0], form))


def shown(moment: datetime, zone: ZoneInfo) -> str:
    """A moment as local time for people, to the minute, with its UTC offset where that local time is ambiguous."""
    local = moment.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M}{f'{local:%z}' if len(moments(zone, local.replace(tzinfo=None))) > 1 else ''}"


@cache
def set_back(name: str, since: date) -> tuple[tuple[datetime, datetime], ...]:
    """Ambiguous local times, each range as `[first, last)`, from changes of clocks after `since` and before 2100."""
    zone = ZoneInfo(name)
    return tuple(
        (local, local + by)
        for at, by in _changes(zone, begins(zone, since))
        if by > timedelta()
        for local in [at.astimezone(zone).replace(tzinfo=None)]
    )


def _changes(zone: ZoneInfo, first: datetime) -> Iterator[tuple[datetime, timedelta]]:
    """Each change of clocks, and how far back it sets them."""
    at, end = first, datetime(_LAST_YEAR, 1, 1, tzinfo=UTC)
    while at < end:
        before, after = _offset(zone, at), _offset(zone, at + _STEP)
        if before != after:
            yield change(zone, at, at + _STEP), before - after
        at += _STEP


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()
