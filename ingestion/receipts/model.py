"""Models of the immutable JSON objects: manifest, receipt, decision, tombstone. Field order is the order in the file.

A manifest describes bytes that were landed in raw. A receipt describes the result of conforming them and commits it:
objects without a receipt are invisible and may be deleted.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from ingestion.values.document import Document

Outcome = Literal["accepted", "held", "refused", "unchanged", "no_data"]
"""Outcomes of a receipt. The outcome `duplicate` (same bytes again) stores nothing and has no receipt."""

INTERNAL_ERROR = "internal_error"
"""Rule of a delivery refused because of an unexpected error in the lake. `citylake reconform` tries it again."""


def rows_taken_in(state: str, accepted: int) -> int:
    """The good rows of a delivery that count: none of one that is refused, held or rejected, or that is unchanged.

    `state` is its outcome, or what a person decided since.
    """
    return accepted if state == "accepted" else 0


class Span(Document):
    """A half-open interval `[start, end)` in UTC."""

    start: datetime
    end: datetime


class Manifest(Document):
    """Describes landed bytes. `doubt`: why they may be incomplete; such a delivery is held for the steward.

    `bulk`: the bytes are of many intervals of the feed, all within `interval`.
    """

    schema_version: Literal[1] = 1
    department: str
    feed: str
    batch: str
    interval: Span
    dt: date
    payload: str
    filename: str
    source: str
    connector: str
    fetched_at: datetime
    content_as_of: datetime
    bytes: int
    sha256: str
    headers: dict[str, str] = Field(default={})
    pages: list[str] = Field(default=[])
    doubt: str | None = None
    bulk: bool = False


class Decision(Document):
    """A person's decision on one batch: `accept` or `reject` a held delivery, or `erase` a delivery permanently."""

    schema_version: Literal[1] = 1
    department: str
    feed: str
    batch: str
    verb: Literal["accept", "reject", "erase"]
    reason: str
    decided_by: str
    decided_at: datetime


class Tombstone(Document):
    """Replaces the deleted bytes of a delivery. `objects` lists all deleted keys."""

    schema_version: Literal[1] = 1
    department: str
    feed: str
    batch: str
    cause: Literal["erasure", "retention"]
    reason: str
    removed_by: str
    removed_at: datetime
    sha256: str
    bytes: int
    objects: list[str]


class BronzeFile(Document):
    """One committed bronze object. `days`: rows by event day (ISO date); empty for a table without event time."""

    key: str
    bytes: int
    sha256: str
    rows: int
    row_hash: str
    days: dict[str, int] = Field(default={})


class TableReceipt(Document):
    """Counts of one table: received = accepted + quarantined + duplicates.

    `rules` counts every broken rule (a row may break several); `flags` counts rules of
    severity flag, whose rows were accepted.
    """

    received: int
    accepted: int
    quarantined: int
    duplicates: int
    rules: dict[str, int] = Field(default={})
    flags: dict[str, int] = Field(default={})
    bronze: list[BronzeFile] = Field(default=[])
    quarantine: list[str] = Field(default=[])


class Part(Document):
    """One interval of a bulk delivery, in place of what the receipt says of a delivery of one interval.

    `batch` is that of the interval: its start, and the digest of the bulk batch. `bronze` is by table name.
    """

    batch: str
    interval: Span
    dt: date
    content_as_of: datetime
    confirms: str | None = None
    bronze: dict[str, list[BronzeFile]] = Field(default={})


class Receipt(Document):
    """The commit of one conform attempt on one batch.

    `confirms`, for the outcome `unchanged`: the batch whose bronze has the same rows as this delivery, and is valid as
    of this delivery's `content_as_of`. Counts of a refused delivery are those of its judged rows; none is in bronze.
    `parts`, for a bulk delivery that was not refused: its intervals with rows, oldest first. They hold its bronze; each
    supersedes and is superseded as a delivery of its own.
    """

    schema_version: Literal[1] = 1
    department: str
    feed: str
    batch: str
    attempt: str
    outcome: Outcome
    rule: str | None = None
    message: str | None = None
    confirms: str | None = None
    delivery: Literal["snapshot", "interval", "events"]
    correction: Literal["full", "delta"] | None = None
    interval: Span
    dt: date
    contract: str
    revision: str
    key_version: int
    raw_key: str | None
    raw_sha256: str | None
    raw_bytes: int
    content_as_of: datetime
    loaded_at: datetime
    committed_at: datetime
    tables: dict[str, TableReceipt] = Field(default={})
    ignored_members: list[str] = Field(default=[])
    bulk: bool = False
    parts: list[Part] = Field(default=[])

    @property
    def received(self) -> int:
        """Logical records in the raw object, over all tables."""
        return sum(t.received for t in self.tables.values())

    @property
    def accepted(self) -> int:
        """Rows accepted into bronze (for a refused delivery: that would have been)."""
        return sum(t.accepted for t in self.tables.values())

    @property
    def quarantined(self) -> int:
        """Rows that broke a rule."""
        return sum(t.quarantined for t in self.tables.values())

    @property
    def duplicates(self) -> int:
        """Rows equal to an earlier one."""
        return sum(t.duplicates for t in self.tables.values())
