"""The outbox: what the steward of a refused delivery is handed, made from receipts, and the mails as they were sent.

`prepare` makes what is missing, so that a killed task loses nothing; its cost follows new receipts. The zone holds
personal data: it is private (0600 on a folder store), goes with the quarantine's retention and by erasure
(ingestion.upkeep), and is in no release. `stewards.mail` sends.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pydantic import Field, ValidationError

from ingestion import keys
from ingestion.contract.model import Contract
from ingestion.errors import ObjectNotFound
from ingestion.isolation import as_known_error
from ingestion.lake import Lake
from ingestion.receipts.model import Span
from ingestion.values.document import Document
from warehouse.refused.model import RuleCount
from warehouse.refused.read import rule_counts
from warehouse.stewards.deliveries import RefusedDelivery, is_refused, refused_since
from warehouse.stewards.workbook import sent_name, workbook, workbook_name
from warehouse.title import Language

LOOK_BACK = timedelta(days=30)
"""Deliveries refused earlier are not prepared any more; a shorter retention of their quarantine counts."""
CLOCKS_APART = timedelta(days=2)
"""Receipts this long before the newest one prepared are looked at again, as clocks of hosts differ."""
_T = TypeVar("_T", bound=Document)
_LOCK = "outbox/prepare"
_LOG = logging.getLogger(__name__)


class OutboxItem(Document):
    """What is handed out of one refused delivery. `filename` is the sent one, made harmless; `workbook` is ours.

    `rows` of the `received` broke a rule. `mail` is the key of the newest mail about it; `sent_at` is None while none
    was sent, and stays so where no mail server is configured. `error` is why the last try failed.
    """

    schema_version: int = 1
    feed: str
    department: str
    batch: str
    receipt: str
    interval: Span
    filename: str
    workbook: str
    workbook_key: str
    received: int
    rows: int
    rule: str
    rules: list[RuleCount] = Field(default=[])
    steward: str
    language: Language
    refused_at: datetime
    loaded_at: datetime
    made_at: datetime
    synthetic: bool = False
    mail: str | None = None
    sent_at: datetime | None = None
    attempts: int = 0
    tried_at: datetime | None = None
    error: str | None = None


class Named(Document):
    """A delivery as a mail or a mark names it."""

    feed: str
    batch: str


class OutboxMail(Document):
    """A mail to one steward as it was sent, or composed: `sent_at` is None where no mail server is configured."""

    schema_version: int = 1
    id: str
    at: datetime
    sent_at: datetime | None
    to: str
    language: Language
    subject: str
    body: str
    refused: list[Named] = Field(default=[])
    corrected: list[Named] = Field(default=[])
    attachments: list[str] = Field(default=[])


class Open(Document):
    """The mark of a refusal that its steward has to hear of, or was told of and has not corrected (`told_at`)."""

    feed: str
    batch: str
    receipt: str
    item: str
    interval_start: datetime
    refused_at: datetime
    steward: str
    language: Language
    told_at: datetime | None = None


class Cursor(Document):
    """The commit time of the newest receipt whose refused delivery is in the outbox."""

    committed_at: datetime


def items(lake: Lake, department: str | None = None, *, limit: int = 200) -> list[OutboxItem]:
    """The newest `limit` items by interval, of all departments or of one. Raises StoreError."""
    folders = [department] if department else _departments(lake)
    found = [info.key for folder in folders for info in lake.store.list(f"{keys.outbox_folder(folder)}/")]
    named = sorted((key for key in found if key.endswith("/item.json")), key=_interval_part, reverse=True)
    return [item for key in named[:limit] if (item := read_item(lake, key))]


def item_of(lake: Lake, feed: str, batch: str) -> OutboxItem | None:
    """The item of one delivery; None where it has none (any more). Raises ContractError, StoreError."""
    contract = lake.contract(feed)
    folder = f"{keys.outbox_folder(contract.department, contract.feed)}/"
    for info in lake.store.list(folder):
        if info.key.endswith(f"/{batch}/item.json"):
            return read_item(lake, info.key)
    return None


def mails(lake: Lake, limit: int) -> list[OutboxMail]:
    """The newest `limit` mails, newest first. Raises StoreError."""
    found = sorted(
        (info.key for info in lake.store.list(f"{keys.outbox_mails()}/")), key=lambda key: key.rsplit("/", 1)[1]
    )
    read = (_read(lake, key, OutboxMail) for key in reversed(found[-limit:] if limit > 0 else []))
    return [mail for mail in read if mail is not None]


def prepare(lake: Lake) -> int:
    """Make the items and workbooks that are missing; their number. One process at a time, others do nothing.

    A delivery whose workbook cannot be made is logged and tried again by the next call. Raises StoreError, LakeBusy.
    """
    with lake.locks.if_free(_LOCK) as is_mine:
        return _prepare(lake) if is_mine else 0


def opened(lake: Lake) -> list[Open]:
    """The marks of refusals that are untold or uncorrected, oldest first."""
    read = (_read(lake, info.key, Open) for info in lake.store.list(f"{keys.outbox_open()}/"))
    return sorted((mark for mark in read if mark is not None), key=lambda mark: (mark.refused_at, mark.batch))


def write_open(lake: Lake, mark: Open) -> None:
    """Write or replace a mark."""
    lake.store.replace(_open_key(mark), _bytes(mark))


def close(lake: Lake, mark: Open) -> None:
    """Remove a mark."""
    lake.store.delete(_open_key(mark))


def read_item(lake: Lake, key: str) -> OutboxItem | None:
    """The item under a key; None where it is gone."""
    return _read(lake, key, OutboxItem)


def write_item(lake: Lake, item: OutboxItem) -> None:
    """Replace an item beside its workbook; one that is gone, with an erased delivery, stays gone."""
    key = keys.outbox_item(item.workbook_key.rsplit("/", 1)[0])
    if lake.store.head(key):
        lake.store.replace(key, _bytes(item))


def _prepare(lake: Lake) -> int:
    now, cursor, made, stuck = lake.clock(), _read(lake, keys.outbox_cursor(), Cursor), 0, list[datetime]()
    since = max(now - LOOK_BACK, cursor.committed_at - CLOCKS_APART) if cursor else now - LOOK_BACK
    found = refused_since(lake, since)
    for delivery in found:
        contract = lake.contracts.get(delivery.feed)
        kept = min(LOOK_BACK, contract.citylake.retention.quarantine) if contract else timedelta()
        if contract is None or delivery.loaded_at <= now - kept:
            continue
        try:
            made += _prepare_one(lake, contract, delivery)
        except Exception as error:
            known = as_known_error(error, lake.settings, "the workbook of a refused delivery", feed=delivery.feed)
            _LOG.warning("no workbook of %s %s: %s", delivery.feed, delivery.batch, known.message)
            stuck.append(delivery.refused_at)
    newest = min(stuck, default=max((one.refused_at for one in found), default=None))
    if newest is not None and (cursor is None or newest != cursor.committed_at):
        lake.store.replace(keys.outbox_cursor(), _bytes(Cursor(committed_at=newest)))
    return made


def _prepare_one(lake: Lake, contract: Contract, delivery: RefusedDelivery) -> int:
    """1 where the item was missing. Order: workbook, mark, item: one that is there has all of them."""
    folder = keys.outbox_folder(
        contract.department, contract.feed, contract.calendar.local_date(delivery.interval), delivery.batch
    )
    key = keys.outbox_item(folder)
    known = read_item(lake, key)
    if known is not None and known.receipt == delivery.receipt:
        return 0
    item = OutboxItem(
        feed=delivery.feed,
        department=contract.department,
        batch=delivery.batch,
        receipt=delivery.receipt,
        interval=Span(start=delivery.interval.start, end=delivery.interval.end),
        filename=sent_name(lake, delivery),
        workbook=workbook_name(contract, delivery.interval),
        workbook_key=keys.outbox_workbook(folder),
        received=delivery.received,
        rows=delivery.rows,
        rule=delivery.rule,
        rules=rule_counts(lake, delivery.feed, delivery.batch),
        steward=contract.citylake.steward.email,
        language=contract.citylake.steward.language,
        refused_at=delivery.refused_at,
        loaded_at=delivery.loaded_at,
        made_at=lake.clock().astimezone(UTC),
        synthetic=contract.citylake.synthetic,
        # Conformed again and refused again: the same bytes are no news.
        mail=known.mail if known else None,
        sent_at=known.sent_at if known else None,
    )
    with lake.scratch() as scratch:
        made = workbook(lake, delivery.feed, delivery.batch, scratch / "workbook.xlsx")
        # One may be there without its item, from a process that was killed, in the words of another contract.
        lake.store.delete(item.workbook_key)
        lake.store.put_file(item.workbook_key, made, consume=True)
    lake.on_step("outbox_workbook")
    if known is None:
        write_open(lake, _mark(item, key))
    lake.store.replace(key, _bytes(item))
    if not is_refused(lake, delivery.feed, delivery.batch):
        # Erased meanwhile: the erasure listed what it deletes before this was written.
        for gone in (item.workbook_key, key, _open_key(_mark(item, key))):
            lake.store.delete(gone)
        return 0
    return 1


def _mark(item: OutboxItem, key: str) -> Open:
    return Open(
        feed=item.feed,
        batch=item.batch,
        receipt=item.receipt,
        item=key,
        interval_start=item.interval.start,
        refused_at=item.refused_at,
        steward=item.steward,
        language=item.language,
    )


def _open_key(mark: Open) -> str:
    department, _, feed = mark.feed.partition(".")
    return keys.outbox_open(department, feed, mark.batch)


def _departments(lake: Lake) -> Iterator[str]:
    return (name for name in lake.store.list_folders(f"{keys.OUTBOX}/") if not name.startswith("@"))


def _interval_part(key: str) -> str:
    """`dt=…/<batch>` of an item's key: a batch begins with its interval."""
    return key.split("/", 3)[3]


def _read(lake: Lake, key: str, kind: type[_T]) -> _T | None:
    """The document under a key; None where it is gone, or of another version, which is as good as none."""
    try:
        return kind.model_validate_json(lake.store.get_bytes(key))
    except ObjectNotFound:
        return None
    except ValidationError:
        _LOG.warning("object %r is not of this version and is left out", key)
        return None


def _bytes(document: Document) -> bytes:
    return document.model_dump_json(indent=1).encode()
