"""The sweep: open and resolve incidents by what receipts and verdicts say now, and send unsent notices again.

It runs after ingest, after the gate and on a timer, and may run at any time: where nothing changed, nothing is written.
Every incident that follows from data (refused, held, late, blocked, expired records still public) is found here even
if no task reported it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ingestion.lake import Lake
from warehouse.gate.record import latest
from warehouse.incidents.book import Book
from warehouse.incidents.conditions import LOOK_BACK, Condition, conditions, starts_of
from warehouse.incidents.model import BY_INTERVAL, Incident
from warehouse.incidents.notify import Notified, new_notices, notify
from warehouse.incidents.report import IncidentChange, end, report, resolve
from warehouse.release import layout
from warehouse.release.retained import overdue
from warehouse.verdict import Verdict

UNPUBLISHED_WITHIN = timedelta(hours=2)
"""After midnight, in which records of the day before may still be public: the hourly task had two tries."""


@dataclass
class Swept:
    """Incident ids by what happened to them, and what was sent. `open` counts those open afterwards."""

    opened: list[str] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    notified: Notified = field(default_factory=Notified)
    open: int = 0


def sweep(lake: Lake, now: datetime | None = None) -> Swept:
    """Open, count and resolve incidents and send notices. Lateness is judged at `now`, by default the time in the city.

    Raises StoreError, LakeBusy, IntegrityError; what was done before stays, the next sweep does the rest.
    """
    now = now or lake.city_time()
    book, swept = Book(lake), Swept()
    active = book.active()
    conditions_now = conditions(lake, now, starts_of(active))
    for condition in conditions_now:
        _add(swept, _report_condition(lake, condition, active))
    _end_runs(book, conditions_now, active, swept)
    for verdict in _verdicts(lake):
        _report_verdict(lake, verdict, swept)
    for edition in filter(layout.is_public, layout.EDITIONS):
        _report_expired(lake, edition, now, swept)
    _notify_pending(book, now, swept)
    swept.open = sum(incident.is_open for incident in book.active())
    return swept


def _report_condition(lake: Lake, condition: Condition, active: Iterable[Incident]) -> IncidentChange | None:
    """Report a condition, unless an incident includes its interval already: that is no new occurrence."""
    for incident in active:
        if (incident.kind, incident.subject) == (condition.kind, condition.feed) and incident.includes(
            condition.interval
        ):
            return None
    occurrence = condition.receipt or condition.interval.id
    return report(
        lake, condition.kind, condition.feed, condition.message, interval=condition.interval, occurrence=occurrence
    )


def _end_runs(book: Book, conditions_now: Iterable[Condition], active: Iterable[Incident], swept: Swept) -> None:
    """Resolve incidents none of whose intervals is in a condition any more."""
    standing = list(conditions_now)
    for listed in active:
        if not listed.is_open or listed.kind not in BY_INTERVAL:
            continue
        is_lasting = any(
            (t.kind, t.feed) == (listed.kind, listed.subject) and listed.includes(t.interval) for t in standing
        )
        if is_lasting:
            continue
        with book.changing(listed.kind, listed.subject):
            current = book.load(listed.kind, listed.subject, listed.id)
            # Grown meanwhile: another process saw a newer interval than this sweep did.
            if current is not None and current.is_open and current.last == listed.last:
                end(book, current, _resolution(current))
                swept.resolved.append(current.id)


def _resolution(incident: Incident) -> str:
    by_kind = {"delivery_held": "decided, or replaced by a later delivery"}
    return by_kind.get(incident.kind, "a delivery that counts has arrived for every interval")


def _verdicts(lake: Lake) -> list[Verdict]:
    recorded = latest(lake.store)
    return recorded.verdicts if recorded else []


def _report_verdict(lake: Lake, verdict: Verdict, swept: Swept) -> None:
    if verdict.decision == "passed":
        for change in resolve(lake, "product_blocked", verdict.product, "the product passed its gate"):
            _add(swept, change)
        return
    # Names and counts of checks only: their messages may quote values.
    failed = [f"{c.kind} {c.name}: {c.status}" for c in verdict.checks if not c.good]
    message = f"{len(failed)} checks refuse, judged for {verdict.as_of}: {'; '.join(failed[:3])}"
    _add(swept, report(lake, "product_blocked", verdict.product, message, occurrence=verdict.build_id))


def _report_expired(lake: Lake, edition: str, now: datetime, swept: Swept) -> None:
    today = (now - UNPUBLISHED_WITHIN).astimezone(ZoneInfo(lake.settings.timezone)).date()
    found = overdue(lake, edition, today)
    if not found:
        for change in resolve(lake, "records_expired", edition, "they left"):
            _add(swept, change)
        return
    message = f"{len(found)} releases: {'; '.join(f'{release} {problem}' for release, problem in found[:3])}"
    _add(swept, report(lake, "records_expired", edition, message, occurrence=f"{edition} {today}"))


def _add(swept: Swept, change: IncidentChange | None) -> None:
    if change is None or change.action == "known":
        return
    {"opened": swept.opened, "counted": swept.counted, "resolved": swept.resolved}[change.action].append(
        change.incident.id
    )
    swept.notified.sent += change.notified.sent
    swept.notified.failed += change.notified.failed


def _notify_pending(book: Book, now: datetime, swept: Swept) -> None:
    """Send unsent notices, add those for recipients and channels that are new, and retire what needs no notice
    any more."""
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
    existing = {notice.key for notice in incident.notices}
    if all(notice.key in existing for notice in new_notices(book.lake, incident.kind, incident.subject, "opened")):
        return incident
    with book.changing(incident.kind, incident.subject):
        current = book.load(incident.kind, incident.subject, incident.id)
        if current is None or not current.is_open:
            return incident
        existing = {notice.key for notice in current.notices}
        added = [n for n in new_notices(book.lake, incident.kind, incident.subject, "opened") if n.key not in existing]
        changed = current.model_copy(update={"notices": [*current.notices, *added]})
        book.touch(changed)
        return changed
