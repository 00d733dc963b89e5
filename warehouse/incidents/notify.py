"""Send the pending notices of an incident to their recipients, each notice once.

One process at a time sends for a subject, and it reads the state again under its lock, so two processes send a notice
once. If a process is killed between sending and recording, the next sweep sends the notice again, so it may arrive
twice but is never lost. A failed channel is tried again by the next sweep, after three failures at most once an hour.
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
from warehouse.incidents.model import OPERATORS, STEWARDS, ChannelName, Incident, Kind, Notice, NoticeEvent
from warehouse.incidents.notice import Text, compose, compose_for_steward

_IMMEDIATE_ATTEMPTS = 3
_RETRY_INTERVAL = timedelta(hours=1)


@dataclass
class Notified:
    """Notices by result.

    `sent`: (incident id, `opened` or `resolved`, channel); `failed`: the same with the error instead.
    """

    sent: list[tuple[str, str, str]] = field(default_factory=list)
    failed: list[tuple[str, str, str]] = field(default_factory=list)


def contracts_of(lake: Lake, subject: str) -> list[Contract]:
    """The contract of a feed; of a product, those of the feeds its models read or, before a build, those that
    name it."""
    if subject in lake.contracts:
        return [lake.contracts[subject]]
    from warehouse.build.report import last_report

    report = last_report(lake.settings)
    feeds = {feed for model in report.models if model.product == subject for feed in model.feeds} if report else set()
    contracts = [contract for feed, contract in lake.contracts.items() if feed in feeds]
    return contracts or [contract for contract in lake.contracts.values() if contract.product == subject]


def recipients(lake: Lake, kind: Kind, subject: str) -> list[str]:
    """Who is notified by mail: the stewards of the subject's contracts, or the operator of the settings, if any.

    Nobody hears the same thing twice: of refused deliveries stewards get the mail of warehouse.stewards.mail instead.
    """
    if kind in STEWARDS:
        return sorted({contract.citylake.steward.email for contract in contracts_of(lake, subject)})
    return [lake.settings.operator_email] if kind in OPERATORS and lake.settings.operator_email else []


def new_notices(lake: Lake, kind: Kind, subject: str, event: NoticeEvent) -> list[Notice]:
    """An unsent notice for every recipient on every configured channel."""
    people = recipients(lake, kind, subject) if lake.settings.smtp_host else []
    mails = [Notice(said=event, channel="smtp", recipient=email) for email in people]
    return mails + ([Notice(said=event, channel="webhook")] if lake.settings.webhook_url else [])


def is_synthetic(lake: Lake, subject: str) -> bool:
    """Whether any contract of the subject says that its source is simulated."""
    return any(contract.citylake.synthetic for contract in contracts_of(lake, subject))


def notify(lake: Lake, incident: Incident, notified: Notified) -> None:
    """Send the pending notices, adding to `notified`. A failing channel is recorded. Raises StoreError, LakeBusy."""
    if not incident.pending():
        return
    book = Book(lake)
    with book.sending(incident.kind, incident.subject) as may_send:
        if not may_send:
            return
        by_name, configuration_error = _channels(lake)
        for notice in incident.pending():
            _send_one(book, incident, notice, by_name.get(notice.channel), configuration_error, notified)


def _channels(lake: Lake) -> tuple[Mapping[ChannelName, Channel], str | None]:
    """The configured channels by name, or none and what is wrong with the settings."""
    try:
        return {channel.name: channel for channel in channels(lake.settings)}, None
    except ConfigurationError as error:
        return {}, error.message


def _send_one(
    book: Book,
    incident: Incident,
    notice: Notice,
    channel: Channel | None,
    configuration_error: str | None,
    notified: Notified,
) -> None:
    """Send one notice if it is still pending and due, and record the result."""
    current = book.load(incident.kind, incident.subject, incident.id)
    due = next((n for n in current.pending() if n.key == notice.key), None) if current else None
    if current is None or due is None or not is_due(due.attempts, due.tried_at, book.lake.clock()):
        return
    if channel is None and not current.is_open and configuration_error is None:
        _record(book, current, [n for n in current.notices if n.key != due.key], "not_told")
        return
    text = _compose(book.lake, current, due)
    error = channel.send(text, due.recipient) if channel else configuration_error or "the channel is not configured"
    book.lake.on_step("notice_sent")
    _record_attempt(book, current, due, error)
    (notified.failed if error else notified.sent).append((current.id, due.said, error or due.channel))


def _compose(lake: Lake, incident: Incident, notice: Notice) -> Text:
    """The notice in its recipient's language: that of a steward is in the contract, others get both."""
    contract, settings = lake.contracts.get(incident.subject), lake.settings
    title = contract.title if contract else None
    if contract and notice.channel == "smtp" and incident.kind in STEWARDS:
        language = contract.citylake.steward.language
        return compose_for_steward(
            incident, notice.said, language, title=title, timezone=settings.timezone, page_url=settings.page_url
        )
    return compose(incident, notice.said, title=title, timezone=settings.timezone)


def is_due(attempts: int, tried_at: datetime | None, now: datetime) -> bool:
    """Whether what failed `attempts` times, the last time at `tried_at`, is to be tried: after three, once an hour."""
    return attempts < _IMMEDIATE_ATTEMPTS or tried_at is None or tried_at + _RETRY_INTERVAL <= now


def _record_attempt(book: Book, incident: Incident, notice: Notice, error: str | None) -> None:
    """Record an attempt in the notice; only the first failure and the success become events of the history."""
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
