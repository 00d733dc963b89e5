"""What a manifest and a receipt say. Immutable JSON; field order is the file's order.

A manifest describes bytes that arrived (landing). A receipt describes what conforming made
of them and commits it: what has no receipt is invisible and collectable.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from ingestion.values.document import Document

Outcome = Literal["accepted", "held", "refused", "unchanged", "no_data"]
"""Outcomes that are written. `duplicate` (same bytes again) stores nothing and is only reported."""

INTERNAL_ERROR = "internal_error"
"""Rule of a delivery refused because the lake itself failed on it. `citylake reconform` tries it again."""


class Span(Document):
    """`[start, end)` in UTC."""

    start: datetime
    end: datetime


class Manifest(Document):
    """Beside the raw bytes. `doubt` says why they may not be whole: whatever is made of them is held."""

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


class Decision(Document):
    """A person's word on one batch: `accept` or `reject` a held correction, `erase` a delivery for good."""

    schema_version: Literal[1] = 1
    department: str
    feed: str
    batch: str
    verb: Literal["accept", "reject", "erase"]
    reason: str
    decided_by: str
    decided_at: datetime


class Tombstone(Document):
    """What stays where a delivery's bytes were removed. `objects` lists every key that was deleted."""

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
    """One committed bronze object. `days` maps event day (ISO) to rows; empty without event time."""

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


class Receipt(Document):
    """The commit of one conform attempt on one batch.

    `confirms` belongs to outcome `unchanged`: the batch whose bronze still says what this delivery says,
    as of this delivery's `content_as_of`. Counts of a refused delivery are its rows as they were judged;
    nothing of it is in bronze.
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

    @property
    def received(self) -> int:
        """Logical records in the raw object, over all tables."""
        return sum(t.received for t in self.tables.values())

    @property
    def accepted(self) -> int:
        """Rows that went on (of a refused delivery: that would have)."""
        return sum(t.accepted for t in self.tables.values())

    @property
    def quarantined(self) -> int:
        """Rows that broke a rule."""
        return sum(t.quarantined for t in self.tables.values())

    @property
    def duplicates(self) -> int:
        """Rows equal to an earlier one."""
        return sum(t.duplicates for t in self.tables.values())
