"""The sweep: incidents brought in line with receipts and verdicts, and unsent notices tried again.

Run it after ingest, after the gate and on a timer; it may run at any time and as often as one likes, since what
has not changed writes nothing. Every incident that follows from data (refused, held, late, blocked) is
found here even where no task reported it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ingestion.intervals import Interval
from ingestion.lake import Lake
from warehouse.gate.record import latest
from warehouse.incidents.book import Book
from warehouse.incidents.conditions import LOOK_BACK, Condition, conditions
from warehouse.incidents.model import BY_INTERVAL, Incident
from warehouse.incidents.notify import Notified, notify, wanted
from warehouse.incidents.report import Done, end, report, resolve
from warehouse.verdict import Verdict


@dataclass
class Swept:
    """Incident ids by what happened to them, and what was sent. `open` counts those open afterwards."""

    opened: list[str] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    notified: Notified = field(default_factory=Notified)
    open: int = 0


def sweep(lake: Lake, now: datetime | None = None) -> Swept:
    """Open, count, resolve and tell. `now` is what lateness is judged for, default the time in the city.

    Raises StoreError, LakeBusy, IntegrityError; what was done before stays, the next sweep does the rest.
    """
    now = now or lake.city_time()
    book, swept = Book(lake), Swept()
    active = book.active()
    found = conditions(lake, now, _since(active))
    for condition in found:
        _note(swept, _noted(lake, condition, active))
    _end_runs(book, found, active, swept)
    for verdict in _verdicts(lake):
        _note_verdict(lake, verdict, swept)
    _notify_rest(book, now, swept)
    swept.open = sum(incident.is_open for incident in book.active())
    return swept


def _since(active: Iterable[Incident]) -> dict[tuple[str, str], datetime]:
    """The earliest interval start that open runs still wait for, by kind and feed."""
    begun: dict[tuple[str, str], datetime] = {}
    for incident in active:
        if incident.is_open and incident.kind in BY_INTERVAL and incident.first is not None:
            key = incident.kind, incident.subject
            begun[key] = min(incident.first.start, begun.get(key, incident.first.start))
    return begun


def _noted(lake: Lake, condition: Condition, active: Iterable[Incident]) -> Done | None:
    """Reported, unless an incident holds this very interval already: a standing condition is not a new occurrence."""
    for incident in active:
        if (incident.kind, incident.subject) == (condition.kind, condition.feed) and _holds(
            incident, condition.interval
        ):
            return None
    occurrence = condition.receipt or condition.interval.id
    return report(
        lake, condition.kind, condition.feed, condition.message, interval=condition.interval, occurrence=occurrence
    )


def _holds(incident: Incident, interval: Interval) -> bool:
    if incident.first is None or incident.last is None or not (incident.is_open or incident.closed_by):
        return False
    return incident.first.start <= interval.start and interval.end <= incident.last.end


def _end_runs(book: Book, found: Iterable[Condition], active: Iterable[Incident], swept: Swept) -> None:
    """Runs none of whose intervals is in trouble any more."""
    standing = list(found)
    for seen in active:
        if not seen.is_open or seen.kind not in BY_INTERVAL:
            continue
        lasting = any((t.kind, t.feed) == (seen.kind, seen.subject) and _holds(seen, t.interval) for t in standing)
        if lasting:
            continue
        with book.changing(seen.kind, seen.subject):
            current = book.load(seen.kind, seen.subject, seen.id)
            # Grown meanwhile: another process saw a newer interval than this sweep did.
            if current is not None and current.is_open and current.last == seen.last:
                end(book, current, _how(current))
                swept.resolved.append(current.id)


def _how(incident: Incident) -> str:
    said = {"delivery_held": "decided, or replaced by a later delivery"}
    return said.get(incident.kind, "a delivery that counts has arrived for every interval")


def _verdicts(lake: Lake) -> list[Verdict]:
    recorded = latest(lake.store)
    return recorded.verdicts if recorded else []


def _note_verdict(lake: Lake, verdict: Verdict, swept: Swept) -> None:
    if verdict.decision == "passed":
        for done in resolve(lake, "product_blocked", verdict.product, "the product passed its gate"):
            _note(swept, done)
        return
    # Names and counts of checks only: their messages may quote values.
    failed = [f"{c.kind} {c.name}: {c.status}" for c in verdict.checks if not c.good]
    message = f"{len(failed)} checks refuse, judged for {verdict.as_of}: {'; '.join(failed[:3])}"
    _note(swept, report(lake, "product_blocked", verdict.product, message, occurrence=verdict.build_id))


def _note(swept: Swept, done: Done | None) -> None:
    if done is None or done.action == "known":
        return
    {"opened": swept.opened, "counted": swept.counted, "resolved": swept.resolved}[done.action].append(done.incident.id)
    swept.notified.sent += done.notified.sent
    swept.notified.failed += done.notified.failed


def _notify_rest(book: Book, now: datetime, swept: Swept) -> None:
    """Unsent notices again; recipients and channels that came after the opening; states of what is over and told."""
    for incident in book.active():
        if incident.id in swept.opened:
            # Notified, or tried, a moment ago.
            continue
        current = _with_new_recipients(book, incident) if incident.is_open else incident
        notify(book.lake, current, swept.notified)
        remembered = current.closed_by and current.last and current.last.end > now - 2 * LOOK_BACK
        after = book.load(current.kind, current.subject, current.id)
        if after is not None and not after.is_open and not after.pending() and not remembered:
            book.retire(after)


def _with_new_recipients(book: Book, incident: Incident) -> Incident:
    known = {notice.key for notice in incident.notices}
    if all(notice.key in known for notice in wanted(book.lake, incident.subject, "opened")):
        return incident
    with book.changing(incident.kind, incident.subject):
        current = book.load(incident.kind, incident.subject, incident.id)
        if current is None or not current.is_open:
            return incident
        known = {notice.key for notice in current.notices}
        added = [n for n in wanted(book.lake, incident.subject, "opened") if n.key not in known]
        changed = current.model_copy(update={"notices": [*current.notices, *added]})
        book.touch(changed)
        return changed
