"""What an incident is, as data. How it is kept is warehouse.incidents.book's, who is told warehouse.incidents.notify's.

An incident is one **episode** of one kind on one subject (a feed `department.feed`, or a product). Kinds that
belong to intervals cover a run of consecutive ones: the next interval of the same trouble belongs to the
incident, an interval apart from it is another. The other kinds have one open incident a subject.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from ingestion.intervals import Interval
from ingestion.receipts.model import INTERNAL_ERROR, Span
from ingestion.values.document import Document

Kind = Literal[
    "source_unreachable",
    "delivery_refused",
    "delivery_failed",
    "delivery_held",
    "delivery_late",
    "product_blocked",
    "task_failed",
]
Said = Literal["opened", "resolved"]
ChannelName = Literal["smtp", "webhook"]

BY_INTERVAL: frozenset[str] = frozenset({"delivery_refused", "delivery_failed", "delivery_held", "delivery_late"})
"""Kinds whose incidents cover a run of intervals, and end when each of these is mended."""


def kind_of(state: str, rule: str | None) -> Kind | None:
    """The kind of a delivery in a state that somebody must look at; None for the others.

    One refused because the lake itself failed on it (`delivery_failed`) is the maintainers', not the department's.
    """
    if state == "refused":
        return "delivery_failed" if rule == INTERNAL_ERROR else "delivery_refused"
    return "delivery_held" if state == "held" else None


class Notice(Document):
    """One message to one recipient (None: the webhook). `error` is the last failure; no address or secret in it."""

    said: Said
    channel: ChannelName
    recipient: str | None = None
    sent_at: datetime | None = None
    attempts: int = 0
    tried_at: datetime | None = None
    error: str | None = None

    @property
    def key(self) -> tuple[str, str, str | None]:
        """What makes a notice one: it is sent once."""
        return self.said, self.channel, self.recipient


class Incident(Document):
    """The state of one incident. Times are UTC; `intervals` counts those it met from `first` to `last`.

    `message` is one technical line and holds no row values. `occurrence` names the last occurrence counted, so that a
    retry that reports it again changes nothing. `closed_by` is set where a person ended it.
    """

    schema_version: Literal[1] = 1
    id: str
    kind: Kind
    subject: str
    opened_at: datetime
    last_seen: datetime
    occurrences: int = 1
    first: Span | None = None
    last: Span | None = None
    intervals: int = 0
    message: str
    left: str | None = None
    next_step: str | None = None
    occurrence: str | None = None
    synthetic: bool = False
    resolved_at: datetime | None = None
    resolution: str | None = None
    closed_by: str | None = None
    notices: list[Notice] = Field(default=[])
    sequence: int = 0
    event: str = "opened"

    @property
    def is_open(self) -> bool:
        """Does it last?"""
        return self.resolved_at is None

    def covers(self, interval: Interval | None) -> bool:
        """Does an interval belong to this incident: inside its run, or next to it? Always, for kinds without run."""
        if self.kind not in BY_INTERVAL or interval is None or self.first is None or self.last is None:
            return True
        return interval.end >= self.first.start and interval.start <= self.last.end

    def pending(self) -> list[Notice]:
        """Notices that should still go out: once it is over, only that it is over (which tells the whole of it)."""
        wanted = "opened" if self.is_open else "resolved"
        return [notice for notice in self.notices if notice.said == wanted and notice.sent_at is None]
