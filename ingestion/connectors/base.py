"""What every connector gives: files fetched for one interval, oldest version first.

Connectors do I/O with a department's side and nothing else. They never write the store and never
change the source; what a file means is the contract's and conform's business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from ingestion.contract.model import Contract
from ingestion.intervals import Interval

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Fetched:
    """One delivery as it lies on this machine. Times are UTC; `source` names no local path and no secret.

    `known` names the batch whose bytes the department says are still the current ones (HTTP 304): nothing
    was sent, and there is nothing at `path`. `pages` are the sha256 of a paged delivery's pages, in order.
    `replaces` says that the source holds one version: what it gives now is in place of all it gave before.
    `doubt` is why the delivery may not be whole by the department's own account, in names and counts only: it goes
    into the manifest, and the delivery is held for the steward.
    """

    path: Path
    filename: str
    source: str
    connector: str
    fetched_at: datetime
    content_as_of: datetime
    headers: dict[str, str] = field(default_factory=dict)
    known: str | None = None
    pages: tuple[str, ...] = ()
    replaces: bool = False
    doubt: str | None = None


class Connector(Protocol):
    """Fetches what the department has for an interval."""

    def fetch(self, contract: Contract, interval: Interval, now: datetime) -> list[Fetched]:
        """Every delivery of the interval in name order; empty when nothing is there (late, not `no_data`).

        Raises SourceError when the department's side cannot be read; SomeUnreadable (ingestion.isolation),
        which holds the others, when some of its deliveries cannot. Called through `fetch_each` there.
        """
        ...


def content_as_of(contract: Contract, interval: Interval, *, modified: datetime, fetched: datetime) -> datetime:
    """The moment the delivery's content is true as of, by the contract's `content_as_of`.

    A department's clock may say anything: `modified` counts within 1970 and `fetched`. What is as of a later moment
    than now would supersede every delivery to come.
    """
    moments = {"modified": min(max(modified, _EPOCH), fetched), "interval_end": interval.end, "fetched": fetched}
    return moments[contract.citylake.content_as_of].astimezone(UTC)
