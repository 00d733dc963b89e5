"""The interface of a connector, and the record of one fetched file.

A connector only reads from a department's server or folder. It never writes to the object store and never changes the
source. What a file contains is decided later, by the contract and `ingestion.conform`.
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
    """One delivery, fetched to a local file. Times are UTC; `source` contains no local path and no secret.

    `known`: batch id of the earlier delivery that the server says is still current (HTTP 304). Nothing was sent then,
    and `path` holds no data.
    `pages`: sha256 of each page of a paged delivery, in order; empty for other deliveries.
    `replaces`: the source keeps one version only, so that this delivery replaces all earlier ones of the interval.
    `doubt`: why the delivery may be incomplete, judged by what the server itself declares; names and counts only.
    It is written to the manifest, and the delivery is held for the steward.
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
        """Every delivery of the interval, in name order. An empty list means that nothing has arrived yet.

        Raises SourceError when the source cannot be read at all, and SomeUnreadable (ingestion.isolation), which
        carries the readable deliveries, when only some cannot. Callers use `ingestion.connectors.fetch_each`.
        """
        ...


def content_as_of(contract: Contract, interval: Interval, *, modified: datetime, fetched: datetime) -> datetime:
    """The moment (UTC) whose state the delivery describes, chosen by the contract's `content_as_of`.

    `modified` is the source's own time stamp and may be wrong: it is limited to the range from 1970 to `fetched`,
    because a delivery dated in the future would supersede every later one.
    """
    moments = {"modified": min(max(modified, _EPOCH), fetched), "interval_end": interval.end, "fetched": fetched}
    return moments[contract.citylake.content_as_of].astimezone(UTC)
