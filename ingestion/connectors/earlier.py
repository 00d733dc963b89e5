"""What is already in of an interval, so that a server can be asked only for what is newer.

The validators of a conditional request come from the manifest of the batch that the interval's newest
receipt names. Bytes that were landed but never committed have no receipt: they are asked for again
in full, and landing finds them. A delivery refused under another revision is due again, so it is too.
So is a file that was changed in the second it was fetched in, or just before: Last-Modified counts seconds, and
tags are often made of it, so that the server could not tell of another change in that second (RFC 9110, 8.8.2.2).
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
class Earlier:
    """The newest batch of an interval and the request headers that ask for anything newer."""

    batch: str
    filename: str
    content_as_of: datetime
    conditions: dict[str, str]


class EarlierDeliveries:
    """Look-ups for one feed. The log is read once, at the first."""

    def __init__(self, lake: Lake, contract: Contract) -> None:
        self._lake = lake
        self._contract = contract
        self._newest: dict[datetime, str] | None = None

    def of(self, interval: Interval, source: str) -> Earlier | None:
        """What is in of the interval from the same `source`; None where the server must be asked for everything."""
        batch = self._batches().get(interval.start)
        if batch is None:
            return None
        try:
            manifest = read_manifest(self._lake.store, self._contract, interval, batch)
        except ObjectNotFound:
            return None
        if manifest.source != source:
            return None
        if _changes_at_once(manifest.headers):
            return None
        pairs = (("etag", "if-none-match"), ("last-modified", "if-modified-since"))
        validators = {ask: manifest.headers.get(said, "") for said, ask in pairs}
        # A server may send what a request cannot carry: then the file is asked for in full.
        conditions = {ask: said for ask, said in validators.items() if said and said.isascii()}
        return Earlier(batch, manifest.filename, manifest.content_as_of, conditions) if conditions else None

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


def _changes_at_once(headers: Mapping[str, str]) -> bool:
    """Whether the file had only just been changed when it was sent, by the server's own two times."""
    try:
        sent, modified = http_date(headers["date"]), http_date(headers["last-modified"])
    except (KeyError, ValueError):
        return False
    return sent - modified < _HTTP_DATE_RESOLUTION
