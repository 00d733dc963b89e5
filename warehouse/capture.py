"""Choose which files a run ingests: those of the day's intervals, and late or corrected files of the days before.

Owns the choice of intervals and the test whether a file was ingested before, which needs one listing and one query for
each feed and reads no file. Files are ingested by ingestion.delivery.ingest, at once (`capture`) or in two Airflow
tasks (`extract_days`, `conform_days`).
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
from ingestion.delivery.ingest import Waiting, conform_landed_each, extract_each, fetch_time, ingest_each
from ingestion.delivery.outcome import Delivery
from ingestion.delivery.waiting import waiting
from ingestion.intervals import Interval
from ingestion.isolation import Isolated
from ingestion.lake import Lake

FileIdentity = tuple[datetime, str, int, datetime]
"""Interval start, file name as stored, size in bytes, content time: identifies a file without reading it."""

_INGESTED_FILES = """
select interval_start, parse_filename(raw_key) as filename, raw_bytes, content_as_of
from receipt
where department = $department and feed = $feed and interval_start >= $first
    and (outcome <> 'refused' or revision = $revision)
    -- A file read in the moment it was written may be written again within one tick of its folder's clock.
    and content_as_of < loaded_at - interval 2 seconds
"""


@dataclass
class Captured:
    """The result of `capture`.

    `known` counts files ingested before, `awaited` intervals of the day without a file yet.
    """

    deliveries: list[Delivery] = field(default_factory=list)
    known: int = 0
    awaited: int = 0


@dataclass
class Extracted:
    """The result of `extract_days`.

    `waiting` landed and is to be conformed, `deliveries` are complete; else as Captured.
    """

    waiting: list[Waiting] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    known: int = 0
    awaited: int = 0


def intervals_of(contract: Contract, day: date) -> list[Interval]:
    """The intervals whose files a run of the local `day` considers, oldest first.

    These are the day's own and, for late and corrected files, those of the days within the contract's `recapture`
    before it.
    """
    first = day - timedelta(days=math.ceil(contract.citylake.recapture / timedelta(days=1)))
    by_start: dict[datetime, Interval] = {}
    for offset in range((day - first).days + 1):
        for interval in contract.calendar.meeting(first + timedelta(days=offset)):
            by_start[interval.start] = interval
    return list(by_start.values())


def window(contract: Contract, first: date, last: date) -> tuple[date, date]:
    """First and last local day whose files a run of the days `first` to `last` considers, recapture included."""
    intervals = [interval for day in (first, last) for interval in intervals_of(contract, day)]
    dates = [contract.calendar.local_date(interval) for interval in intervals]
    return min(dates, default=first), max(dates, default=last)


def capture(lake: Lake, contract: Contract, day: date, captured: Captured) -> None:
    """Ingest every new file of the day and its recapture, adding to `captured` after each.

    Raises as ingestion.delivery.ingest.ingest_intervals, after all files were tried; what was added stays committed.
    """
    isolated = Isolated(lake.settings, contract.name, "ingest")
    files = _new_files(lake, contract, (day, day), captured, isolated)
    for delivery in ingest_each(lake, contract, files, isolated):
        captured.deliveries.append(delivery)
    isolated.raise_collected()


def extract_days(lake: Lake, contract: Contract, first: date, last: date, extracted: Extracted) -> None:
    """Land every new file of the local days `first` to `last` and their recapture, adding to `extracted`.

    The first half of `capture`: what landed waits in raw for `conform_days`. Raises as `capture`; what landed
    stays.
    """
    isolated = Isolated(lake.settings, contract.name, "extract")
    files = _new_files(lake, contract, (first, last), extracted, isolated)
    for landed in extract_each(lake, contract, files, isolated):
        if isinstance(landed, Waiting):
            extracted.waiting.append(landed)
        else:
            extracted.deliveries.append(landed)
    isolated.raise_collected()


def conform_days(
    lake: Lake, contract: Contract, first: date, last: date, extracted: Sequence[Waiting]
) -> Iterator[Delivery]:
    """Conform and commit what `extract_days` landed, and whatever else of those days lies in raw without a receipt.

    Raises as ingestion.delivery.ingest.ingest_interval, after all were tried; what was committed stays.
    """
    begin, end = window(contract, first, last)
    isolated = Isolated(lake.settings, contract.name, "conform")
    by_batch: dict[str, Waiting] = {}
    for landed in [*extracted, *waiting(lake, contract, begin, end, isolated)]:
        by_batch.setdefault(landed.batch, landed)
    yield from conform_landed_each(lake, contract, by_batch.values(), isolated)
    isolated.raise_collected()


def _new_files(
    lake: Lake, contract: Contract, period: tuple[date, date], captured: Captured | Extracted, isolated: Isolated
) -> Iterator[tuple[Interval, Fetched]]:
    """Every file of the intervals that was not ingested before; counts known files and awaited intervals in `captured`.

    `period` is the first and last local day. Errors of files that cannot be read are collected in `isolated`.
    """
    first, last = period
    connector = connector_for(lake, contract)
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    own_starts = {interval.start for day in days for interval in contract.calendar.meeting(day)}
    by_start = {interval.start: interval for day in days for interval in intervals_of(contract, day)}
    intervals = [by_start[start] for start in sorted(by_start)]
    ingested = _ingested_files(lake, contract, intervals[0]) if intervals else set()
    now = partial(fetch_time, lake, contract)
    for interval, files in fetch_each(connector, contract, intervals, now, isolated):
        captured.awaited += not files and interval.start in own_starts
        for fetched in files:
            if fetched.known is not None or _identity(interval, fetched) in ingested:
                captured.known += 1
            else:
                yield interval, fetched


def _ingested_files(lake: Lake, contract: Contract, first: Interval) -> set[FileIdentity]:
    """Files with a receipt from the interval `first` on; a refused one only if the contract's revision is still the
    same.

    Empty unless the feed's files lie in the drop folder and their modification time is the content time, since nothing
    else shows without reading that a file is unchanged.
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
        rows = connection.execute(_INGESTED_FILES, values).fetchall()
    return {(start.astimezone(UTC), name, size, as_of.astimezone(UTC)) for start, name, size, as_of in rows}


def _identity(interval: Interval, fetched: Fetched) -> FileIdentity | None:
    """The identity of a fetched file; None where it is gone since it was listed, which landing reports."""
    try:
        size = fetched.path.stat().st_size
    except OSError:
        return None
    return interval.start, keys.safe_name(fetched.filename), size, fetched.content_as_of
