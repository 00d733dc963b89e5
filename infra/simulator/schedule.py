"""When the file of each interval arrives: by the feed's regular times, changed by the plan's file entries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from infra.simulator.city import City
from infra.simulator.feed import Feed
from infra.simulator.model import Slot
from infra.simulator.planted import FILE_KINDS, PLAN_DAYS, Planted


def arriving(city: City, feed: Feed, day_no: int) -> list[Slot]:
    """Slots of `feed` that arrive on a day of the run, in order of arrival.

    Only intervals of the plan week before are considered, since no plan entry delays a file for longer.
    """
    # The week before the run is read on its first Monday.
    first = day_no - PLAN_DAYS if feed.every == "week" else max(1, day_no - PLAN_DAYS)
    started = range(first, min(day_no, city.days) + 1)
    slots = [slot for start_day in started for slot in _starting(city, feed, start_day)]
    here = [slot for slot in slots if city.day_no(slot.arrives_at) == day_no]
    return sorted(here, key=lambda slot: (slot.arrives_at, slot.start, slot.revision))


def _starting(city: City, feed: Feed, day_no: int) -> Iterator[Slot]:
    if feed.only_days and day_no not in feed.only_days:
        return
    if feed.every == "week" and city.date_of(day_no).weekday() != 0:
        return
    events = [entry for entry in feed.plan(city) if entry.kind in FILE_KINDS]
    today = [entry for entry in events if entry.day == city.plan_day(day_no)]
    today += city.unresolved_in(feed.id, day_no)
    late = {entry.hour: entry for entry in today if entry.kind == "late"}
    absent = min((entry.hour for entry in today if entry.kind == "absent"), default=24)
    midnight = city.midnight(day_no)
    for hour in range(absent) if feed.every == "hour" else (0,)[:absent]:
        start = midnight + timedelta(hours=hour)
        if hour in late:
            yield Slot(start, 1, _arrival(city, day_no, late[hour]), "late")
        else:
            yield Slot(start, 1, start + feed.arrives)
    for entry in today:
        if entry.kind == "correction" or entry.kind == "redelivery":  # noqa: PLR1714  mypy narrows only this form
            start = midnight + timedelta(hours=entry.hour)
            yield Slot(start, entry.revision, _arrival(city, day_no, entry), entry.kind)


def _arrival(city: City, day_no: int, entry: Planted) -> datetime:
    midnight = city.midnight(day_no + entry.arrives_day - entry.day)
    return midnight + timedelta(hours=entry.arrives.hour, minutes=entry.arrives.minute)
