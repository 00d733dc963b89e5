"""Conditional requests: ask a server only for a file newer than the interval's last committed delivery.

The validators (ETag, Last-Modified; RFC 9110, 13.1) come from the manifest of the batch in the interval's newest
receipt. Three cases are requested in full, without validators:

- bytes that were landed but never committed, as they have no receipt (landing recognises them by their hash);
- a delivery that was refused under another revision of the contract, which must be judged again;
- a file modified less than two seconds before it was sent: Last-Modified counts whole seconds and many ETags are made
  from it, so that a second change within that time would go unnoticed (RFC 9110, 8.8.2.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ingestion.connectors.fetch_errors import http_date
from ingestion.contract.model import Contract
from ingestion.errors import ObjectNotFound
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.receipts.manifests import read_manifest

_NEWEST = """
select interval_start, arg_max(batch, (committed_at, key)) as batch
from (
    select interval_start, batch, committed_at, key, outcome, revision from receipt
    where department = $department and feed = $feed
)
group by interval_start
having arg_max(outcome <> 'refused' or revision = $revision, (committed_at, key))
"""

_HTTP_DATE_RESOLUTION = timedelta(seconds=2)


@dataclass(frozen=True)
class EarlierDelivery:
    """The newest committed batch of an interval, and the request headers that ask for anything newer."""

    batch: str
    filename: str
    content_as_of: datetime
    conditions: dict[str, str]


class EarlierDeliveries:
    """The newest committed batch of each interval of one feed. The receipt log is read once, at the first look-up."""

    def __init__(self, lake: Lake, contract: Contract) -> None:
        self._lake = lake
        self._contract = contract
        self._newest: dict[datetime, str] | None = None

    def of(self, interval: Interval, source: str) -> EarlierDelivery | None:
        """The interval's newest delivery from the same `source`; None where the file must be requested in full."""
        batch = self._batches().get(interval.start)
        if batch is None:
            return None
        try:
            manifest = read_manifest(self._lake.store, self._contract, interval, batch)
        except ObjectNotFound:
            return None
        if manifest.source != source:
            return None
        if _was_just_modified(manifest.headers):
            return None
        pairs = (("etag", "if-none-match"), ("last-modified", "if-modified-since"))
        validators = {condition: manifest.headers.get(validator, "") for validator, condition in pairs}
        # A request header cannot carry every value a server sends: without a validator the file is asked for in full.
        conditions = {name: value for name, value in validators.items() if value and value.isascii()}
        return EarlierDelivery(batch, manifest.filename, manifest.content_as_of, conditions) if conditions else None

    def _batches(self) -> dict[datetime, str]:
        if self._newest is None:
            values = {
                "department": self._contract.department,
                "feed": self._contract.feed,
                "revision": self._contract.revision,
            }
            self._lake.log.refresh()
            with self._lake.log.reading() as connection:
                rows = connection.execute(_NEWEST, values).fetchall()
            self._newest = {start.astimezone(UTC): str(batch) for start, batch in rows}
        return self._newest


def _was_just_modified(headers: Mapping[str, str]) -> bool:
    """Whether the file was modified less than two seconds before it was sent, by the headers Date and Last-Modified."""
    try:
        sent, modified = http_date(headers["date"]), http_date(headers["last-modified"])
    except (KeyError, ValueError):
        return False
    return sent - modified < _HTTP_DATE_RESOLUTION
