"""Which files a run takes in: the day's intervals, and late or corrected files of the days before.

Owns the choice of intervals and the cheap test whether a file is known, so that looking back costs
one listing and one query a feed, not reading every file again. Taking a file in is ingestion.ingest's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from ingestion import keys
from ingestion.connectors.base import Fetched
from ingestion.connectors.factory import connector_for
from ingestion.contract.model import Contract
from ingestion.delivery import Delivery
from ingestion.ingest import ingest_fetched
from ingestion.intervals import Interval
from ingestion.lake import Lake

Presented = tuple[datetime, str, int, datetime]
"""Interval start, file name as stored, bytes, content time: what a file is known by without reading it."""

_PRESENTED = """
select interval_start, parse_filename(raw_key) as filename, raw_bytes, content_as_of
from receipt
where department = $department and feed = $feed and interval_start >= $first
    and (outcome <> 'refused' or revision = $revision)
"""


@dataclass
class Captured:
    """What a feed had. `known` files were taken in before; `awaited` intervals of the day have no file yet."""

    deliveries: list[Delivery] = field(default_factory=list)
    known: int = 0
    awaited: int = 0


def intervals_of(contract: Contract, day: date) -> list[Interval]:
    """The intervals a run of the local `day` looks at, oldest first: the day's own, and those whose local
    date lies within `recapture` before it, for late and corrected files."""
    first = day - timedelta(days=contract.citylake.recapture.days)
    looked: dict[datetime, Interval] = {}
    for offset in range((day - first).days + 1):
        for interval in contract.calendar.meeting(first + timedelta(days=offset)):
            looked[interval.start] = interval
    return list(looked.values())


def capture(lake: Lake, contract: Contract, day: date, captured: Captured) -> None:
    """Take in every new file of the day and its recapture, adding to `captured` as it goes.

    Raises as ingestion.ingest.ingest_interval; what was added before stays committed.
    """
    connector = connector_for(lake, contract)
    intervals = intervals_of(contract, day)
    own = {interval.start for interval in contract.calendar.meeting(day)}
    seen = _presented(lake, contract, intervals[0]) if intervals else set()
    for interval in intervals:
        found = connector.fetch(contract, interval, lake.clock())
        captured.awaited += not found and interval.start in own
        for fetched in found:
            if fetched.known is not None or _as_presented(interval, fetched) in seen:
                captured.known += 1
            else:
                captured.deliveries.append(ingest_fetched(lake, contract, interval, fetched))


def _presented(lake: Lake, contract: Contract, first: Interval) -> set[Presented]:
    """Files with a receipt that needs no second look; a refused one is looked at again under a new revision.

    Only a file's own time can say that it did not change, so other feeds are read again and found equal.
    """
    if contract.citylake.content_as_of != "modified":
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


def _as_presented(interval: Interval, fetched: Fetched) -> Presented:
    size = fetched.path.stat().st_size
    return interval.start, keys.safe_name(fetched.filename), size, fetched.content_as_of
