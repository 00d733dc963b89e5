"""What clocks show and when: readings of local time as moments, for Python's side of the house (docs/adr/0018).

Rules are those of the `zoneinfo` of this machine. Values in data are read by DuckDB (ingestion.conform.local_time);
that both agree is a test.

And what time it is by the machine's clock, which nothing else asks: `now` says when a thing was done (records, their
order, retention, locks). What day it is in the city is ingestion.city_time's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)
_STEP = timedelta(days=7)
"""No zone changes its clocks twice within it."""
_LAST_YEAR = 2100
_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)


def now() -> datetime:
    """The machine's time, UTC."""
    return datetime.now(UTC)


def moments(zone: ZoneInfo, reading: datetime) -> list[datetime]:
    """The moments (UTC) at which clocks show the naive `reading`: one, none (left out), or two (set back)."""
    found = {reading.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(one for one in found if one.astimezone(zone).replace(tzinfo=None) == reading)


def begins(zone: ZoneInfo, day: date) -> datetime:
    """The first moment (UTC) of a local day: its first midnight, or the change of clocks that left it out."""
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a reading of clocks
    found = moments(zone, midnight)
    if found:
        return found[0]
    before, after = (midnight.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (1, 0))
    return change(zone, before, after)


def change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The change of clocks after `before`, at `after` at the latest (UTC); there must be one."""
    offset = _offset(zone, before)
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        middle = max(middle.replace(microsecond=0), before + timedelta(microseconds=1))
        before, after = (middle, after) if _offset(zone, middle) == offset else (before, middle)
    return after.replace(microsecond=0)


def formatted(moment: datetime, form: str) -> str:
    """`strftime`, with `%s` as seconds since 1970: Python's counts them in the zone of the machine."""
    seconds = str(int(moment.timestamp()))
    return moment.strftime(_DIRECTIVE.sub(lambda found: seconds if found[1] == "s" else found[0], form))


def shown(moment: datetime, zone: ZoneInfo) -> str:
    """A moment for readers, to the minute: with its offset where clocks show that time twice."""
    local = moment.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M}{f'{local:%z}' if len(moments(zone, local.replace(tzinfo=None))) > 1 else ''}"


@cache
def set_back(name: str, since: date) -> tuple[tuple[datetime, datetime], ...]:
    """Readings that come twice, each as `[first, last)` in local time, where clocks go back after `since`, to 2100."""
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
