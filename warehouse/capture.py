"""Which files a run takes in: the day's intervals, and late or corrected files of the days before.

Owns the choice of intervals and the cheap test whether a file is known, so that looking back costs
one listing and one query a feed, not reading every file again. Taking a file in is ingestion.delivery.ingest's;
in one go (`capture`) or as two tasks (`extract_days`, `conform_days`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial

from ingestion import keys
from ingestion.connectors.base import Fetched
from ingestion.connectors.factory import connector_for
from ingestion.connectors.fetch_each import fetch_each
from ingestion.contract.model import Contract
from ingestion.contract.sources import FileDrop
from ingestion.delivery.ingest import Waiting, conform_landed, extract, fetch_time, ingest_fetched
from ingestion.delivery.outcome import Delivery
from ingestion.delivery.waiting import waiting
from ingestion.intervals import Interval
from ingestion.isolation import Isolated
from ingestion.lake import Lake

Presented = tuple[datetime, str, int, datetime]
"""Interval start, file name as stored, bytes, content time: what a file is known by without reading it."""

_PRESENTED = """
select interval_start, parse_filename(raw_key) as filename, raw_bytes, content_as_of
from receipt
where department = $department and feed = $feed and interval_start >= $first
    and (outcome <> 'refused' or revision = $revision)
    -- A file read in the moment it was written may be written again within one tick of its folder's clock.
    and content_as_of < loaded_at - interval 2 seconds
"""


@dataclass
class Captured:
    """What a feed had. `known` files were taken in before; `awaited` intervals of the day have no file yet."""

    deliveries: list[Delivery] = field(default_factory=list)
    known: int = 0
    awaited: int = 0


@dataclass
class Extracted:
    """What a feed had, landed: `waiting` is to be conformed, `deliveries` need nothing more. Else as `Captured`."""

    waiting: list[Waiting] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    known: int = 0
    awaited: int = 0


def intervals_of(contract: Contract, day: date) -> list[Interval]:
    """The intervals a run of the local `day` looks at, oldest first: the day's own, and those whose local
    date lies within `recapture` before it, for late and corrected files."""
    first = day - timedelta(days=math.ceil(contract.citylake.recapture / timedelta(days=1)))
    looked: dict[datetime, Interval] = {}
    for offset in range((day - first).days + 1):
        for interval in contract.calendar.meeting(first + timedelta(days=offset)):
            looked[interval.start] = interval
    return list(looked.values())


def window(contract: Contract, first: date, last: date) -> tuple[date, date]:
    """The local days whose files a run of the days `first` to `last` looks at: with the recapture before them."""
    looked = [interval for day in (first, last) for interval in intervals_of(contract, day)]
    dates = [contract.calendar.local_date(interval) for interval in looked]
    return min(dates, default=first), max(dates, default=last)


def capture(lake: Lake, contract: Contract, day: date, captured: Captured) -> None:
    """Take in every new file of the day and its recapture, adding to `captured` as it goes.

    Raises as ingestion.delivery.ingest.ingest_intervals, at the end; what was added stays committed.
    """
    isolated = Isolated(lake.settings, contract.name, "ingest")
    for interval, fetched in _new_files(lake, contract, (day, day), captured, isolated):
        with isolated.each(interval):
            captured.deliveries.append(ingest_fetched(lake, contract, interval, fetched))
    isolated.raise_collected()


def extract_days(lake: Lake, contract: Contract, first: date, last: date, extracted: Extracted) -> None:
    """Land every new file of the local days `first` to `last` and their recapture, adding to `extracted`.

    The first half of `capture`: what landed waits in raw for `conform_days`. Raises as `capture`; what landed
    stays.
    """
    isolated = Isolated(lake.settings, contract.name, "extract")
    for interval, fetched in _new_files(lake, contract, (first, last), extracted, isolated):
        with isolated.each(interval):
            came = extract(lake, contract, interval, fetched)
            if isinstance(came, Waiting):
                extracted.waiting.append(came)
            else:
                extracted.deliveries.append(came)
    isolated.raise_collected()


def conform_days(
    lake: Lake, contract: Contract, first: date, last: date, presented: Sequence[Waiting]
) -> Iterator[Delivery]:
    """Conform and commit what `extract_days` presented, and whatever else of those days waits in raw.

    Raises as ingestion.delivery.ingest.ingest_interval, at the end; what was committed stays.
    """
    begin, end = window(contract, first, last)
    isolated = Isolated(lake.settings, contract.name, "conform")
    landed: dict[str, Waiting] = {}
    for one in [*presented, *waiting(lake, contract, begin, end, isolated)]:
        landed.setdefault(one.batch, one)
    for one in landed.values():
        delivery = None
        with isolated.each(one.interval):
            delivery = conform_landed(lake, contract, one)
        if delivery is not None:
            yield delivery
    isolated.raise_collected()


def _new_files(
    lake: Lake, contract: Contract, asked: tuple[date, date], captured: Captured | Extracted, isolated: Isolated
) -> Iterator[tuple[Interval, Fetched]]:
    """Every file of the days' intervals that needs a look, counting those known and the intervals awaited.

    `asked` are the first and last local day. What cannot be read is kept in `isolated`.
    """
    first, last = asked
    connector = connector_for(lake, contract)
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    own = {interval.start for day in days for interval in contract.calendar.meeting(day)}
    looked = {interval.start: interval for day in days for interval in intervals_of(contract, day)}
    intervals = [looked[start] for start in sorted(looked)]
    seen = _presented(lake, contract, intervals[0]) if intervals else set()
    now = partial(fetch_time, lake, contract)
    for interval, found in fetch_each(connector, contract, intervals, now, isolated):
        captured.awaited += not found and interval.start in own
        for fetched in found:
            if fetched.known is not None or _as_presented(interval, fetched) in seen:
                captured.known += 1
            else:
                yield interval, fetched


def _presented(lake: Lake, contract: Contract, first: Interval) -> set[Presented]:
    """Files with a receipt that needs no second look; a refused one is looked at again under a new revision.

    Only the own time of a file in the drop folder can say that it did not change; other feeds are read again and
    found equal. What a server sent is here already, and its times count whole seconds.
    """
    spec = contract.citylake
    if spec.content_as_of != "modified" or not isinstance(spec.source, FileDrop):
        return set()
    values = {
        "department": contract.department,
        "feed": contract.feed,
        "first": first.start,
        "revision": contract.revision,
    }
    lake.log.refresh()
    with lake.log.reading() as connection:
        rows = connection.execute(_PRESENTED, values).fetchall()
    return {(start.astimezone(UTC), name, size, as_of.astimezone(UTC)) for start, name, size, as_of in rows}


def _as_presented(interval: Interval, fetched: Fetched) -> Presented | None:
    """None for a file that went away since it was listed: landing says so."""
    try:
        size = fetched.path.stat().st_size
    except OSError:
        return None
    return interval.start, keys.safe_name(fetched.filename), size, fetched.content_as_of
