"""Report that something went wrong, or that it is over: what tasks and callbacks call.

Owns which incident an occurrence belongs to. A second occurrence of an open incident only raises its counts;
nobody is told again. What can be read from receipts and verdicts is found by warehouse.incidents.sweep
without being reported.
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
from warehouse.incidents.model import BY_INTERVAL, Incident, Kind, Said
from warehouse.incidents.notice import one_line
from warehouse.incidents.notify import Notified, is_synthetic, notify, wanted

Action = Literal["opened", "counted", "known", "resolved"]


@dataclass(frozen=True)
class Done:
    """What a call did to one incident. `known`: this very occurrence was counted before, nothing was written."""

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
) -> Done:
    """Record an occurrence and tell the steward if it opens an incident.

    `message` is one technical line without row values. `occurrence` names the occurrence (a receipt, a task run and
    try): reported again, it changes nothing. Raises StoreError, LakeBusy,
    IntegrityError; a channel that fails raises nothing.
    """
    book, now = Book(lake), lake.clock()
    facts: dict[str, Any] = {
        "message": one_line(message),
        "left": left,
        "next_step": next_step,
        "occurrence": occurrence,
    }
    with book.changing(kind, subject):
        known = _belongs(book.active(kind, subject), interval)
        if known is not None:
            return _again(book, known, interval, facts)
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
            notices=wanted(lake, subject, "opened"),
            **facts,
        )
        opened = book.write(opened, "opened")
        lake.on_step("incident_opened")
    notified = Notified()
    notify(lake, opened, notified)
    return Done("opened", opened, notified)


def report_error(
    lake: Lake,
    kind: Kind,
    subject: str,
    error: CitylakeError,
    *,
    interval: Interval | None = None,
    occurrence: str | None = None,
) -> Done:
    """As `report`, with what one of this project's errors says."""
    facts = {"left": error.left, "next_step": error.next_step, "occurrence": occurrence}
    return report(lake, kind, subject, error.message, interval=interval, **facts)


def resolve(lake: Lake, kind: Kind, subject: str, how: str, *, interval: Interval | None = None) -> list[Done]:
    """End the open incidents of a kind on a subject (those that cover the interval, where one is given).

    Nothing open is no error. An incident over several intervals ends with all of them, so of these only one that
    holds nothing but this interval ends here; the sweep ends the others. `how` is one line for the notice.
    """
    book = Book(lake)
    done = []
    with book.changing(kind, subject):
        for incident in book.active(kind, subject):
            if incident.is_open and _ends_with(incident, interval):
                done.append(end(book, incident, how))
    for ended in done:
        notify(lake, ended.incident, ended.notified)
    return done


def close(lake: Lake, incident_id: str, *, reason: str, by: str) -> Done:
    """A person ends an incident: an interval that will never come, a refusal that stays. Its intervals do not open
    another. Raises NothingToDecide: unknown, over, or of a kind that ends by itself when the cause does.
    """
    book = Book(lake)
    found = next((i for i in book.active() if i.id == incident_id and i.is_open), None)
    if found is None or found.kind == "product_blocked":
        raise NothingToDecide(
            f"no open incident is {incident_id!r}" if found is None else "a blocked product ends with its next pass",
            left="nothing was changed",
            next_step="citylake incidents",
        )
    with book.changing(found.kind, found.subject):
        ended = end(book, book.load(found.kind, found.subject, found.id) or found, reason, by=by)
    notify(lake, ended.incident, ended.notified)
    return ended


def end(book: Book, incident: Incident, how: str, *, by: str | None = None) -> Done:
    """Mark it over and queue the notice of that for everyone the opening was meant for. Under its lock."""
    said: Said = "resolved"
    notices = [
        notice.model_copy(update={"said": said, "sent_at": None, "attempts": 0, "tried_at": None, "error": None})
        for notice in incident.notices
        if notice.said == "opened"
    ]
    facts = {"resolved_at": book.lake.clock(), "resolution": one_line(how), "notices": [*incident.notices, *notices]}
    # Only runs of intervals are remembered, so that a closed one is not found again.
    facts["closed_by"] = by if incident.kind in BY_INTERVAL else None
    event = "closed" if by else "resolved"
    return Done("resolved", book.write(incident.model_copy(update=facts), event))


def _belongs(active: Iterable[Incident], interval: Interval | None) -> Incident | None:
    """The open incident of an occurrence, or the one a person closed over this interval."""
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


def _again(book: Book, incident: Incident, interval: Interval | None, facts: dict[str, Any]) -> Done:
    """One more occurrence of an open incident; a closed one stays as it is."""
    is_repeat = facts["occurrence"] is not None and facts["occurrence"] == incident.occurrence
    if not incident.is_open or is_repeat:
        return Done("known", incident)
    wider = _widened(incident, interval)
    changed = {**facts, **wider, "last_seen": book.lake.clock(), "occurrences": incident.occurrences + 1}
    after = incident.model_copy(update=changed)
    if wider:
        return Done("counted", book.write(after, "seen"))
    book.touch(after)
    return Done("counted", after)


def _widened(incident: Incident, interval: Interval | None) -> dict[str, Any]:
    """The run with one more interval in it; nothing where it holds it already."""
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
