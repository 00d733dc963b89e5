"""Sending what an incident still has to say, each notice once.

Owns recipients and the order send → record. One process sends for a subject at a time, and the state is read
again under its lock, so two processes tell once. A process killed between sending and recording sends that
notice again at the next sweep: twice is possible, never is not. A channel that fails is tried again
by the next sweep, after some failures at most once an hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingestion.contract.model import Contract
from ingestion.errors import ConfigurationError
from ingestion.lake import Lake
from warehouse.incidents.book import Book
from warehouse.incidents.channels import Channel, channels
from warehouse.incidents.model import ChannelName, Incident, Notice, Said
from warehouse.incidents.notice import compose

_EAGER_ATTEMPTS = 3
_PATIENCE = timedelta(hours=1)


@dataclass
class Notified:
    """What was sent: (incident id, opened or resolved, channel); and what failed, with why."""

    sent: list[tuple[str, str, str]] = field(default_factory=list)
    failed: list[tuple[str, str, str]] = field(default_factory=list)


def contracts_of(lake: Lake, subject: str) -> list[Contract]:
    """The contract of a feed; for a product, those of the feeds its models read, else those that name the product."""
    if subject in lake.contracts:
        return [lake.contracts[subject]]
    from warehouse.build.runner import last_report

    report = last_report(lake.settings)
    feeds = {feed for model in report.models if model.product == subject for feed in model.feeds} if report else set()
    named = [contract for feed, contract in lake.contracts.items() if feed in feeds]
    return named or [contract for contract in lake.contracts.values() if contract.product == subject]


def wanted(lake: Lake, subject: str, said: Said) -> list[Notice]:
    """A notice for every recipient on every channel that is configured, none of them sent.

    What belongs to no contract (the warehouse's own tasks) is told to the operator of the settings.
    """
    stewards = sorted({contract.citylake.steward.email for contract in contracts_of(lake, subject)})
    if not stewards and lake.settings.operator_email:
        stewards = [lake.settings.operator_email]
    found = [Notice(said=said, channel="smtp", recipient=email) for email in stewards if lake.settings.smtp_host]
    return found + ([Notice(said=said, channel="webhook")] if lake.settings.webhook_url else [])


def is_synthetic(lake: Lake, subject: str) -> bool:
    """Does any contract behind the subject say its source is simulated?"""
    return any(contract.citylake.synthetic for contract in contracts_of(lake, subject))


def notify(lake: Lake, incident: Incident, notified: Notified) -> None:
    """Send what is pending, adding to `notified`. Failing channels are recorded; only the store can raise."""
    if not incident.pending():
        return
    book = Book(lake)
    with book.sending(incident.kind, incident.subject) as mine:
        if not mine:
            return
        ways, broken = _ways(lake)
        for notice in incident.pending():
            _send_one(book, incident, notice, ways.get(notice.channel), broken, notified)


def _ways(lake: Lake) -> tuple[Mapping[ChannelName, Channel], str | None]:
    try:
        return {channel.name: channel for channel in channels(lake.settings)}, None
    except ConfigurationError as error:
        return {}, error.message


def _send_one(
    book: Book, incident: Incident, notice: Notice, way: Channel | None, broken: str | None, notified: Notified
) -> None:
    """Send one notice if it is still due, and record what came of it."""
    current = book.load(incident.kind, incident.subject, incident.id)
    due = next((n for n in current.pending() if n.key == notice.key), None) if current else None
    if current is None or due is None or not _is_due(due, book.lake.clock()):
        return
    if way is None and not current.is_open and broken is None:
        _record(book, current, [n for n in current.notices if n.key != due.key], "not_told")
        return
    contract = book.lake.contracts.get(current.subject)
    timezone = contract.calendar.timezone if contract else book.lake.settings.timezone
    text = compose(current, due.said, title=contract.title if contract else None, timezone=timezone)
    error = way.send(text, due.recipient) if way else broken or "the channel is not configured"
    book.lake.on_step("notice_sent")
    _record_attempt(book, current, due, error)
    (notified.failed if error else notified.sent).append((current.id, due.said, error or due.channel))


def _is_due(notice: Notice, now: datetime) -> bool:
    eager = notice.attempts < _EAGER_ATTEMPTS or notice.tried_at is None
    return eager or (notice.tried_at is not None and notice.tried_at + _PATIENCE <= now)


def _record_attempt(book: Book, incident: Incident, notice: Notice, error: str | None) -> None:
    """The notice with its outcome; only the first failure and the success are worth a line of history."""
    now = book.lake.clock()
    with book.changing(incident.kind, incident.subject):
        current = book.load(incident.kind, incident.subject, incident.id)
        if current is None:
            return
        outcome = {"attempts": notice.attempts + 1, "tried_at": now, "error": error}
        after = notice.model_copy(update=outcome if error else {**outcome, "sent_at": now})
        notices = [after if n.key == notice.key else n for n in current.notices]
        changed = current.model_copy(update={"notices": notices})
        if error and notice.attempts:
            book.touch(changed)
        else:
            book.write(changed, "not_told" if error else "told")


def _record(book: Book, incident: Incident, notices: Sequence[Notice], event: str) -> None:
    with book.changing(incident.kind, incident.subject):
        current = book.load(incident.kind, incident.subject, incident.id)
        if current is not None:
            book.write(current.model_copy(update={"notices": list(notices)}), event)
