"""Report that something went wrong (`report`) or is over (`resolve`, `close`); called by tasks and callbacks.

Owns which incident an occurrence belongs to. A further occurrence of an open incident raises its counts and sends no
notice. Problems that receipts and verdicts show are found by warehouse.incidents.sweep, even if nobody reports them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from ingestion.errors import CitylakeError, NothingToDecide
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.receipts.model import Span
from warehouse.incidents.book import Book, new_id
from warehouse.incidents.model import BY_INTERVAL, Incident, Kind, NoticeEvent
from warehouse.incidents.notice import one_line
from warehouse.incidents.notify import Notified, is_synthetic, new_notices, notify

Action = Literal["opened", "counted", "known", "resolved"]


@dataclass(frozen=True)
class IncidentChange:
    """What a call did to one incident. `known`: this occurrence was counted before and nothing was written."""

    action: Action
    incident: Incident
    notified: Notified = field(default_factory=Notified)


def report(
    lake: Lake,
    kind: Kind,
    subject: str,
    message: str,
    *,
    interval: Interval | None = None,
    left: str | None = None,
    next_step: str | None = None,
    occurrence: str | None = None,
) -> IncidentChange:
    """Record an occurrence, and notify the steward if it opens an incident.

    `message` is one technical line without row values. `occurrence` names the occurrence (a receipt, a task run and
    try): reported again, it changes nothing. Raises StoreError, LakeBusy,
    IntegrityError, but nothing for a channel that fails.
    """
    book, now = Book(lake), lake.clock()
    facts: dict[str, Any] = {
        "message": one_line(message),
        "left": left,
        "next_step": next_step,
        "occurrence": occurrence,
    }
    with book.changing(kind, subject):
        existing = _find_existing(book.active(kind, subject), interval)
        if existing is not None:
            return _count_again(book, existing, interval, facts)
        span = Span(start=interval.start, end=interval.end) if interval else None
        opened = Incident(
            id=new_id(now, kind, subject),
            kind=kind,
            subject=subject,
            opened_at=now,
            last_seen=now,
            first=span,
            last=span,
            intervals=1 if interval else 0,
            synthetic=is_synthetic(lake, subject),
            notices=new_notices(lake, kind, subject, "opened"),
            **facts,
        )
        opened = book.write(opened, "opened")
        lake.on_step("incident_opened")
    notified = Notified()
    notify(lake, opened, notified)
    return IncidentChange("opened", opened, notified)


def report_error(
    lake: Lake,
    kind: Kind,
    subject: str,
    error: CitylakeError,
    *,
    interval: Interval | None = None,
    occurrence: str | None = None,
) -> IncidentChange:
    """As `report`, with message, state left and next step of an error."""
    facts = {"left": error.left, "next_step": error.next_step, "occurrence": occurrence}
    return report(lake, kind, subject, error.message, interval=interval, **facts)


def resolve(
    lake: Lake, kind: Kind, subject: str, how: str, *, interval: Interval | None = None
) -> list[IncidentChange]:
    """Resolve the open incidents of a kind on a subject; without any, do nothing.

    With an `interval`, only an incident of exactly this interval is resolved: one of several intervals ends when all of
    them are good, which the sweep finds. `how` is one line for the notice.
    """
    book = Book(lake)
    changes = []
    with book.changing(kind, subject):
        for incident in book.active(kind, subject):
            if incident.is_open and _ends_with(incident, interval):
                changes.append(end(book, incident, how))
    for change in changes:
        notify(lake, change.incident, change.notified)
    return changes


def close(lake: Lake, incident_id: str, *, reason: str, by: str) -> IncidentChange:
    """End an incident by a person's decision: an interval that will never come, a refusal that stays.

    Its intervals open no other incident. Raises NothingToDecide where no open incident has this id, or it is a blocked
    product, whose incident ends when the product passes.
    """
    book = Book(lake)
    open_incident = next((i for i in book.active() if i.id == incident_id and i.is_open), None)
    if open_incident is None or open_incident.kind == "product_blocked":
        raise NothingToDecide(
            f"no open incident is {incident_id!r}"
            if open_incident is None
            else "a blocked product ends with its next pass",
            left="nothing was changed",
            next_step="citylake incidents",
        )
    with book.changing(open_incident.kind, open_incident.subject):
        ended = end(
            book,
            book.load(open_incident.kind, open_incident.subject, open_incident.id) or open_incident,
            reason,
            by=by,
        )
    notify(lake, ended.incident, ended.notified)
    return ended


def end(book: Book, incident: Incident, how: str, *, by: str | None = None) -> IncidentChange:
    """Mark an incident as resolved and add the notices of that, for every recipient of the opening.

    The caller holds the lock of `Book.changing`.
    """
    event: NoticeEvent = "resolved"
    notices = [
        notice.model_copy(update={"said": event, "sent_at": None, "attempts": 0, "tried_at": None, "error": None})
        for notice in incident.notices
        if notice.said == "opened"
    ]
    facts = {"resolved_at": book.lake.clock(), "resolution": one_line(how), "notices": [*incident.notices, *notices]}
    # Only incidents of intervals keep `closed_by`: it stops the sweep from opening another for the same intervals.
    facts["closed_by"] = by if incident.kind in BY_INTERVAL else None
    history_event = "closed" if by else "resolved"
    return IncidentChange("resolved", book.write(incident.model_copy(update=facts), history_event))


def _find_existing(active: Iterable[Incident], interval: Interval | None) -> Incident | None:
    """The open incident that an occurrence belongs to, or the one over its interval that a person closed."""
    for incident in active:
        if incident.is_open and incident.covers(interval):
            return incident
        if incident.closed_by and interval and incident.first and incident.last:
            inside = incident.first.start <= interval.start and interval.end <= incident.last.end
            if inside:
                return incident
    return None


def _ends_with(incident: Incident, interval: Interval | None) -> bool:
    if interval is None or incident.kind not in BY_INTERVAL:
        return True
    return incident.first == incident.last == Span(start=interval.start, end=interval.end)


def _count_again(book: Book, incident: Incident, interval: Interval | None, facts: dict[str, Any]) -> IncidentChange:
    """Count an occurrence in an open incident; a closed one stays as it is."""
    is_repeat = facts["occurrence"] is not None and facts["occurrence"] == incident.occurrence
    if not incident.is_open or is_repeat:
        return IncidentChange("known", incident)
    wider = _widened(incident, interval)
    changed = {**facts, **wider, "last_seen": book.lake.clock(), "occurrences": incident.occurrences + 1}
    after = incident.model_copy(update=changed)
    if wider:
        return IncidentChange("counted", book.write(after, "seen"))
    book.touch(after)
    return IncidentChange("counted", after)


def _widened(incident: Incident, interval: Interval | None) -> dict[str, Any]:
    """The fields that change when the interval is added to the incident's run; empty where it lies in it already."""
    if interval is None:
        return {}
    span = Span(start=interval.start, end=interval.end)
    if incident.first is None or incident.last is None:
        return {"first": span, "last": span, "intervals": 1}
    if span.start >= incident.first.start and span.end <= incident.last.end:
        return {}
    first = span if span.start < incident.first.start else incident.first
    last = span if span.end > incident.last.end else incident.last
    return {"first": first, "last": last, "intervals": incident.intervals + 1}
