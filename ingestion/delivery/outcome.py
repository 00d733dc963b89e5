"""Delivery: the result of taking in one file once, for the person or task that did it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ingestion.contract.model import Contract
from ingestion.intervals import Interval
from ingestion.receipts.lookup import Standing
from ingestion.receipts.model import INTERNAL_ERROR, Outcome, Receipt

QUOTES_NOTHING = ("refused_share", INTERNAL_ERROR)
"""Rules of refusal whose message holds only words of the contract and counts, so it may be shown anywhere."""


@dataclass(frozen=True)
class Delivery:
    """Outcome and row counts of one delivery.

    `duplicate` stores nothing; `receipt` is then the key of the receipt that already stands. Counts
    are rows as judged: of a refused delivery none is in bronze.
    """

    feed: str
    interval: Interval
    batch: str
    outcome: Outcome | Literal["duplicate"]
    message: str | None = None
    rule: str | None = None
    filename: str | None = None
    received: int = 0
    accepted: int = 0
    quarantined: int = 0
    duplicates: int = 0
    receipt: str | None = None


def from_receipt(receipt: Receipt, key: str, filename: str) -> Delivery:
    """The delivery a receipt commits."""
    return Delivery(
        feed=f"{receipt.department}.{receipt.feed}",
        interval=Interval(receipt.interval.start, receipt.interval.end),
        batch=receipt.batch,
        outcome=receipt.outcome,
        message=receipt.message,
        rule=receipt.rule,
        filename=filename,
        received=receipt.received,
        accepted=receipt.accepted,
        quarantined=receipt.quarantined,
        duplicates=receipt.duplicates,
        receipt=key,
    )


def repeated(contract: Contract, standing: Standing, filename: str | None, message: str | None = None) -> Delivery:
    """The delivery of bytes that came before; nothing was stored.

    `message` defaults to that of the earlier delivery, or to what to do next.
    """
    text = message or standing.message
    if message is None and standing.state == "erased":
        text = "these bytes were erased; they are not taken in again"
    elif (
        message is None
        and standing.state in ("accepted", "unchanged", "no_data")
        and standing.revision != contract.revision
    ):
        text = (
            f"already in under contract revision {standing.revision}, today's is {contract.revision}; "
            f"run `citylake reconform {contract.department}.{contract.feed}`"
        )
    return Delivery(
        feed=f"{contract.department}.{contract.feed}",
        interval=standing.interval,
        batch=standing.batch,
        outcome="duplicate",
        message=text,
        rule=standing.rule,
        filename=filename,
        receipt=standing.key,
    )


def open_reason(feed: str, rule: str | None, message: str | None) -> str | None:
    """A delivery's message as it may be shown outside the receipts: in logs, verdicts and releases.

    The message of a refusal may quote the file (a first row that was taken for a header); then this is the rule's name
    and the command that shows the rest.
    """
    if rule is None or rule in QUOTES_NOTHING:
        return message
    return f"rule {rule}; why: citylake deliveries --feed {feed} --outcome refused"
