"""An incident and its notices as data. They are stored by warehouse.incidents.book, sent by warehouse.incidents.notify.

An incident is one **episode** of one kind on one subject (a feed `department.feed`, or a product). Incidents of kinds
that belong to intervals cover a run of consecutive intervals: the next interval with the same problem extends the
incident, one further away opens another. A subject has at most one open incident of each other kind.
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
    "records_expired",
    "task_failed",
]
STEWARDS: frozenset[str] = frozenset({"delivery_late", "delivery_held"})
"""Kinds that stewards are notified of, since only they can end them; of `delivery_refused` they get a mail for many
files (warehouse.stewards.mail)."""
OPERATORS: frozenset[str] = frozenset(
    {"source_unreachable", "delivery_failed", "product_blocked", "records_expired", "task_failed"}
)
"""Kinds that operators are notified of."""
NoticeEvent = Literal["opened", "resolved"]
ChannelName = Literal["smtp", "webhook"]

BY_INTERVAL: frozenset[str] = frozenset({"delivery_refused", "delivery_failed", "delivery_held", "delivery_late"})
"""Kinds whose incidents cover a run of intervals, and end when none of these has the problem any more."""


def kind_of(state: str, rule: str | None) -> Kind | None:
    """The kind of incident for a delivery in this state, refused by this rule; None where it needs nobody's attention.

    `delivery_failed` is a refusal because of a defect of the lake, which maintainers must repair, not the department.
    """
    if state == "refused":
        return "delivery_failed" if rule == INTERNAL_ERROR else "delivery_refused"
    return "delivery_held" if state == "held" else None


class Notice(Document):
    """One message to one recipient (None: the webhook). `said` is the event it announces.

    `error` is the last failure, without addresses or secrets.
    """

    said: NoticeEvent
    channel: ChannelName
    recipient: str | None = None
    sent_at: datetime | None = None
    attempts: int = 0
    tried_at: datetime | None = None
    error: str | None = None

    @property
    def key(self) -> tuple[str, str, str | None]:
        """The identity of a notice in its incident; each is sent once."""
        return self.said, self.channel, self.recipient


class Incident(Document):
    """The state of one incident. Times are UTC; `intervals` counts those with the problem from `first` to `last`.

    `message` is one technical line and holds no row values. `occurrence` names the last occurrence counted, so that a
    retry that reports it again changes nothing. `closed_by` names the person who closed it.
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
        """Whether it is not resolved yet."""
        return self.resolved_at is None

    def covers(self, interval: Interval | None) -> bool:
        """Whether an interval lies inside the incident's run or next to it; always True for kinds without intervals."""
        if self.kind not in BY_INTERVAL or interval is None or self.first is None or self.last is None:
            return True
        return interval.end >= self.first.start and interval.start <= self.last.end

    def includes(self, interval: Interval) -> bool:
        """Whether the interval lies in the run of this incident, and that is open or was closed by a person."""
        if self.first is None or self.last is None or not (self.is_open or self.closed_by):
            return False
        return self.first.start <= interval.start and interval.end <= self.last.end

    def pending(self) -> list[Notice]:
        """Notices that are to be sent: of an open incident that it opened, of a resolved one only that it is
        resolved."""
        event = "opened" if self.is_open else "resolved"
        return [notice for notice in self.notices if notice.said == event and notice.sent_at is None]
