"""Looking back cheaply: which earlier intervals have bytes the lake has not settled yet.

A run looks again at the days of each feed's `recapture` for late and corrected files. Nearly all of
what it finds there is known; one query over the receipts says so for all files at once. What
happens to the rest is ingest's business, which decides everything again by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ingestion import keys
from ingestion.connectors.base import Fetched
from ingestion.connectors.file_drop import FileDropConnector
from ingestion.contract.model import Contract
from ingestion.errors import SourceError
from ingestion.intervals import Interval
from ingestion.lake import Lake

_SETTLED = """
select batch, max(content_as_of)
from receipt
where department = $department and feed = $feed and revision = $revision and list_contains($batches, batch)
group by batch
"""


@dataclass(frozen=True)
class Look:
    """What lies at the source. `fresh`: intervals with at least one file whose bytes have no receipt under
    today's contract revision, or came back with a later content time. `empty`: intervals without a file."""

    fresh: list[Interval]
    empty: list[Interval]


def look(lake: Lake, contract: Contract, intervals: Iterable[Interval]) -> Look:
    """Sort the intervals, order kept. Raises SourceError, StoreError."""
    connector = FileDropConnector(lake.settings.drop_root)
    now = lake.clock()
    found = {
        interval: {_batch(contract, interval, fetched): fetched for fetched in connector.fetch(contract, interval, now)}
        for interval in intervals
    }
    settled = _settled(lake, contract, [batch for files in found.values() for batch in files])
    fresh = [interval for interval, files in found.items() if any(_is_new(settled, b, f) for b, f in files.items())]
    return Look(fresh, [interval for interval, files in found.items() if not files])


def _is_new(settled: dict[str, datetime], batch: str, fetched: Fetched) -> bool:
    return batch not in settled or settled[batch] < fetched.content_as_of


def _settled(lake: Lake, contract: Contract, batches: list[str]) -> dict[str, datetime]:
    if not batches:
        return {}
    facts = {
        "department": contract.department,
        "feed": contract.feed,
        "revision": contract.revision,
        "batches": batches,
    }
    with lake.log.reading() as connection:
        return dict(connection.execute(_SETTLED, facts).fetchall())


def _batch(contract: Contract, interval: Interval, fetched: Fetched) -> str:
    try:
        with fetched.path.open("rb") as payload:
            return keys.batch_id(interval, hashlib.file_digest(payload, "sha256").hexdigest())
    except OSError as error:
        raise SourceError(
            f"{fetched.filename!r} cannot be read: {error.strerror or error}",
            feed=f"{contract.department}.{contract.feed}",
            interval=str(interval),
            left="nothing was stored",
            next_step="check the file and its permissions, then run the same command again",
        ) from error
