"""Deliveries that wait for the steward (held), and the decisions about them.

A decision is an immutable object in the store; the latest on a batch counts, so a rejection can be
taken back. Nothing of the delivery itself changes: effective files follow from the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from ingestion import keys
from ingestion.errors import NothingToDecide
from ingestion.lake import Lake
from ingestion.receipts.model import Decision

Verb = Literal["accept", "reject"]


@dataclass(frozen=True)
class Held:
    """One delivery that was held; `state` is held, accepted or rejected. Times are UTC."""

    feed: str
    batch: str
    state: str
    message: str | None
    interval_start: datetime
    content_as_of: datetime
    receipt: str


_HELD = """
select
    feed_id, coalesce(bulk, batch) as sent, state, any_value(message), min(interval_start), min(content_as_of) as as_of,
    key
from standing
where outcome = 'held' and state <> 'erased'
group by feed_id, sent, state, key
order by as_of, key
"""


def held(lake: Lake) -> list[Held]:
    """Every delivery that still waits, oldest content first."""
    return [hold for hold in _all(lake) if hold.state == "held"]


def find(lake: Lake, batch: str, *, feed: str | None = None) -> Held:
    """The delivery of that batch that was held, whatever was decided since.

    `feed` (`department.feed`) is needed only where several feeds share a batch id. Raises NothingToDecide.
    """
    found = [hold for hold in _all(lake) if hold.batch == batch and feed in (None, hold.feed)]
    if len(found) != 1:
        named = ", ".join(hold.feed for hold in found)
        raise NothingToDecide(
            f"batch {batch!r} is held in several feeds: {named}" if found else f"no held delivery has batch {batch!r}",
            feed=feed,
            left="nothing was decided",
            next_step="name the feed too" if found else "list what waits with `citylake held`",
        )
    return found[0]


def decide(lake: Lake, batch: str, verb: Verb, reason: str, by: str, *, feed: str | None = None) -> str:
    """Store the steward's decision on a held batch; its object key. Raises as `find`."""
    return put_decision(lake, find(lake, batch, feed=feed).feed, batch, verb, why=(reason, by))


def put_decision(
    lake: Lake, feed: str, batch: str, verb: Literal["accept", "reject", "erase"], *, why: tuple[str, str]
) -> str:
    """Store one decision, timed after every decision folded so far; its key. `why` is (reason, by)."""
    department, name = feed.split(".", 1)
    lake.log.refresh()
    decision = Decision(
        department=department,
        feed=name,
        batch=batch,
        verb=verb,
        reason=why[0],
        decided_by=why[1],
        decided_at=lake.log.next_decision_time(lake.clock()),
    )
    key = keys.decision(decision.decided_at, batch, verb)
    lake.store.put_bytes(key, decision.model_dump_json(indent=1).encode())
    return key


def _all(lake: Lake) -> list[Held]:
    with lake.log.connect() as connection:
        rows = connection.execute(_HELD).fetchall()
    return [
        Held(feed, batch, state, message, start.astimezone(UTC), as_of.astimezone(UTC), key)
        for feed, batch, state, message, start, as_of, key in rows
    ]
