"""Mail to stewards about refused deliveries: all of an hour in one, and one when corrections have passed.

The sweep calls `send_due`. A steward is written to once the oldest refusal that was not told is as old as the window of
the settings, or the oldest correction. The mail is recorded in the outbox after it was sent: a process killed between
the two sends it again, and none is lost. Without a mail server it is composed and kept, and not sent later either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ingestion import keys
from ingestion.errors import ConfigurationError
from ingestion.lake import Lake
from warehouse.incidents.channels import Attachment, Smtp, mail_channel
from warehouse.incidents.notice import Text
from warehouse.incidents.notify import Notified, is_due
from warehouse.stewards import outbox
from warehouse.stewards.deliveries import corrected
from warehouse.stewards.letter import Letter
from warehouse.stewards.outbox import LOOK_BACK, Named, Open, OutboxItem, OutboxMail
from warehouse.title import Language

STALE = timedelta(days=1)
"""A refusal that was corrected this long ago and never told (by an earlier version's lake) is not told any more."""
MOST_ATTACHED = 20
"""Workbooks that one mail carries where the settings say so; the others are behind its links."""
_LOCK = "outbox/send"


def send_due(lake: Lake, now: datetime | None = None) -> Notified:
    """Prepare the outbox, then send every mail that is due at `now` (UTC, default the lake's clock); what was sent.

    `sent` and `failed` name the mail, `refused` or `corrected`, and the channel or the error. One process at a time
    sends, others do nothing. A mail server that fails is recorded and tried again. Raises StoreError, LakeBusy,
    IntegrityError.
    """
    now, notified = now or lake.clock(), Notified()
    outbox.prepare(lake)
    with lake.locks.if_free(_LOCK) as is_mine:
        if is_mine:
            _Sending(lake, now, notified).run()
    return notified


@dataclass(frozen=True)
class _Batch:
    """What one steward is to hear now. `mended` are refused ones whose correction came before they were told."""

    steward: str
    language: Language
    refused: list[tuple[Open, OutboxItem]]
    corrected: list[tuple[Open, OutboxItem]]
    mended: frozenset[tuple[str, str]]

    @property
    def all(self) -> list[tuple[Open, OutboxItem]]:
        return [*self.refused, *self.corrected]

    @property
    def id(self) -> str:
        """Stays the same when the same deliveries are told again."""
        said = [f"{mark.feed} {mark.batch} {mark.told_at is None}" for mark, _ in self.all]
        return hashlib.sha256("\n".join([self.steward, self.language, *sorted(said)]).encode()).hexdigest()[:24]


@dataclass(frozen=True)
class _Sending:
    lake: Lake
    now: datetime
    notified: Notified

    def run(self) -> None:
        marks = self._current(outbox.opened(self.lake))
        since = corrected(self.lake, [(m.feed, m.batch, m.receipt, m.interval_start) for m in marks])
        by_steward: dict[tuple[str, Language], list[Open]] = {}
        for mark in marks:
            by_steward.setdefault(self._steward(mark), []).append(mark)
        channel, wrong = self._channel()
        for (steward, language), theirs in sorted(by_steward.items()):
            batch = self._due(steward, language, theirs, since)
            if batch.all and all(is_due(item.attempts, item.tried_at, self.now) for _, item in batch.all):
                self._send(batch, channel, wrong)

    def _steward(self, mark: Open) -> tuple[str, Language]:
        """Address and language by the contract as it is now; without one as they were."""
        contract = self.lake.contracts.get(mark.feed)
        named = contract.citylake.steward if contract else None
        return (named.email, named.language) if named else (mark.steward, mark.language)

    def _current(self, marks: Iterable[Open]) -> list[Open]:
        """The marks that are still of interest; the others are removed."""
        kept = []
        for mark in marks:
            if mark.refused_at < self.now - LOOK_BACK:
                outbox.close(self.lake, mark)
            else:
                kept.append(mark)
        return kept

    def _due(
        self, steward: str, language: Language, marks: Sequence[Open], since: Mapping[tuple[str, str], datetime]
    ) -> _Batch:
        """What the steward is to hear now: nothing before the oldest of it is as old as the window."""
        window = timedelta(minutes=self.lake.settings.steward_mail_minutes)
        refused: list[tuple[Open, datetime]] = []
        mended: list[tuple[Open, datetime]] = []
        for mark in marks:
            at = since.get((mark.feed, mark.batch))
            if mark.told_at is None and at is not None and at < self.now - max(STALE, 2 * window):
                outbox.close(self.lake, mark)
            elif mark.told_at is None:
                refused.append((mark, mark.refused_at))
            elif at is not None:
                mended.append((mark, at))
        if not any(at <= self.now - window for _, at in (*refused, *mended)):
            refused, mended = [], []
        return _Batch(
            steward,
            language,
            self._with_items(mark for mark, _ in refused),
            self._with_items(mark for mark, _ in mended),
            frozenset((mark.feed, mark.batch) for mark, _ in refused if (mark.feed, mark.batch) in since),
        )

    def _with_items(self, marks: Iterable[Open]) -> list[tuple[Open, OutboxItem]]:
        """Marks whose item is there: one that is about to be made is told by the next sweep."""
        found = ((mark, outbox.read_item(self.lake, mark.item)) for mark in marks)
        return [(mark, item) for mark, item in found if item is not None]

    def _channel(self) -> tuple[Smtp | None, str | None]:
        """The mail server; None where none is configured, or with what is wrong with its settings."""
        try:
            return mail_channel(self.lake.settings), None
        except ConfigurationError as error:
            return None, error.message

    def _send(self, batch: _Batch, channel: Smtp | None, wrong: str | None) -> None:
        text, names = self._text(batch)
        error = wrong
        if channel is not None:
            with self.lake.scratch() as scratch:
                files = self._attached(batch, scratch) if names else ()
                error = channel.send(text, batch.steward, attachments=files)
            self.lake.on_step("mail_sent")
        event = "refused" if batch.refused else "corrected"
        if error:
            self.notified.failed.append((text.id, event, error))
            self._record_failure(batch, error)
            return
        if channel is not None:
            self.notified.sent.append((text.id, event, channel.name))
        self._record(batch, text, names, sent_at=self.now if channel is not None else None)

    def _text(self, batch: _Batch) -> tuple[Text, list[str]]:
        """The mail, and the names of the workbooks that it carries."""
        settings = self.lake.settings
        letter = Letter(
            batch.steward,
            batch.language,
            self.lake.city_time(),
            ZoneInfo(settings.timezone),
            settings.page_url,
            self.lake.contracts,
        )
        refused, mended = [item for _, item in batch.refused], [item for _, item in batch.corrected]
        text = Text(
            id=f"refused-{batch.id}",
            at=self.now,
            subject=letter.subject(refused, mended),
            body=letter.body(refused, mended, batch.mended),
            document={},
        )
        attached = refused[:MOST_ATTACHED] if settings.smtp_attach_workbook else []
        return text, [item.workbook for item in attached]

    def _attached(self, batch: _Batch, scratch: Path) -> tuple[Attachment, ...]:
        found = []
        for number, (_, item) in enumerate(batch.refused[:MOST_ATTACHED]):
            if self.lake.store.head(item.workbook_key):
                path = self.lake.store.fetch(item.workbook_key, scratch / f"{number}.xlsx")
                found.append(Attachment(item.workbook, path))
        return tuple(found)

    def _record(self, batch: _Batch, text: Text, names: list[str], *, sent_at: datetime | None) -> None:
        """The mail, then items and marks: a process killed in between sends it again."""
        mail = OutboxMail(
            id=text.id,
            at=self.now,
            sent_at=sent_at,
            to=batch.steward,
            language=batch.language,
            subject=text.subject,
            body=text.body,
            refused=[Named(feed=mark.feed, batch=mark.batch) for mark, _ in batch.refused],
            corrected=[Named(feed=mark.feed, batch=mark.batch) for mark, _ in batch.corrected],
            attachments=names,
        )
        until = min(self._kept_until(item) for _, item in batch.all).date()
        key = keys.outbox_mail(until, self.now, text.id)
        self.lake.store.replace(key, mail.model_dump_json(indent=1).encode())
        for mark, item in batch.all:
            told = {"mail": key, "attempts": 0, "tried_at": None, "error": None}
            if mark.told_at is None:
                told["sent_at"] = sent_at
            outbox.write_item(self.lake, item.model_copy(update=told))
            if mark.told_at is not None or (mark.feed, mark.batch) in batch.mended:
                outbox.close(self.lake, mark)
            else:
                outbox.write_open(self.lake, mark.model_copy(update={"told_at": self.now}))

    def _record_failure(self, batch: _Batch, error: str) -> None:
        for _, item in batch.all:
            tried = {"attempts": item.attempts + 1, "tried_at": self.now, "error": error}
            outbox.write_item(self.lake, item.model_copy(update=tried))

    def _kept_until(self, item: OutboxItem) -> datetime:
        """When the quarantine of the item's delivery goes, and so what was told of it."""
        contract = self.lake.contracts.get(item.feed)
        kept = contract.citylake.retention.quarantine if contract else LOOK_BACK
        return (item.loaded_at + kept).astimezone(UTC)
