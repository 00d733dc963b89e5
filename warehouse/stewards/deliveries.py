"""Refused deliveries as the receipts describe them: what a steward has to hear of, and what was corrected since.

A delivery that was refused because of a defect of the lake is none of its department's business and left out, and so is
one that was erased.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from ingestion.clocks import begins
from ingestion.contract.model import Contract
from ingestion.errors import NothingToDecide
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.receipts.model import INTERNAL_ERROR

_NEWEST = """
with newest as (
    select * from receipt
    where {where}
    qualify row_number() over (partition by department, feed, batch order by committed_at desc, key desc) = 1
),
counted as (
    select receipt_key, sum(received)::bigint as received, sum(quarantined)::bigint as quarantined
    from table_receipt semi join newest on table_receipt.receipt_key = newest.key
    group by receipt_key
)
select
    department || '.' || feed, batch, key, outcome, coalesce(rule, ''), coalesce(message, ''), interval_start,
    interval_end, raw_key, loaded_at, committed_at, coalesce(received, 0), coalesce(quarantined, 0)
from newest left join counted on newest.key = counted.receipt_key
where (outcome = 'refused' or quarantined > 0)
    and not exists (
        select 1 from decision
        where decision.department = newest.department and decision.feed = newest.feed
            and decision.batch = newest.batch and decision.verb = 'erase'
    )
order by committed_at, key
"""
_CORRECTED = """
select refused.feed, refused.batch, min(receipt.committed_at)
from refused
inner join standing
    on refused.feed = standing.feed_id and standing.key > refused.receipt
        and standing.state in ('accepted', 'no_data', 'unchanged')
        and (standing.supersedes = 'feed' or standing.interval_start = refused.interval_start)
inner join receipt on standing.key = receipt.key
group by all
"""


@dataclass(frozen=True)
class RefusedDelivery:
    """One delivery that its newest receipt refuses, whole or in some rows. `rows` of the `received` broke a rule.

    Both may be 0 where it was refused whole; `rule` is empty where only rows were. `message` may quote the file.
    """

    feed: str
    batch: str
    receipt: str
    outcome: str
    rule: str
    message: str
    interval: Interval
    raw_key: str | None
    loaded_at: datetime
    refused_at: datetime
    received: int
    rows: int


def refused_since(lake: Lake, since: datetime) -> list[RefusedDelivery]:
    """Deliveries whose newest receipt was committed at or after `since` and refuses them, oldest receipt first."""
    with lake.log.refreshed() as log:
        found = log.execute(_NEWEST.format(where="committed_at >= $since"), {"since": since}).fetchall()
    rows = [_delivery(row) for row in found]
    return [one for one in rows if one.outcome == "refused" and one.rule != INTERNAL_ERROR]


def refused_delivery(lake: Lake, feed: str, batch: str) -> RefusedDelivery:
    """One delivery with refused rows, whole or not. Raises NothingToDecide where its newest receipt refuses none, where
    it was erased, and for an unknown batch.
    """
    department, _, name = feed.partition(".")
    where = "department = $department and feed = $feed and batch = $batch"
    with lake.log.refreshed() as log:
        values = {"department": department, "feed": name, "batch": batch}
        found = log.execute(_NEWEST.format(where=where), values).fetchone()
    if found is None:
        raise NothingToDecide(
            f"no delivery of batch {batch!r} has refused rows",
            feed=feed,
            left="nothing was changed",
            next_step=f"citylake deliveries --feed {feed} --outcome refused",
        )
    return _delivery(found)


def is_refused(lake: Lake, feed: str, batch: str) -> bool:
    """Whether the newest receipt of a batch refuses it whole, and it was not erased."""
    try:
        return refused_delivery(lake, feed, batch).outcome == "refused"
    except NothingToDecide:
        return False


def corrected(lake: Lake, refused: Collection[tuple[str, str, str, datetime]]) -> Mapping[tuple[str, str], datetime]:
    """When a delivery that counts came after a refused one, by feed and batch; those without are left out.

    `refused` are (feed, batch, receipt key, interval start). For a snapshot any later one counts.
    """
    if not refused:
        return {}
    feeds, batches, receipts, starts = zip(*refused, strict=True)
    moments = pa.array(starts, pa.timestamp("us", tz="UTC"))
    given = {"feed": list(feeds), "batch": list(batches), "receipt": list(receipts), "interval_start": moments}
    with closing(lake.log.connect()) as log:
        log.register("refused", pa.table(given))
        found = log.execute(_CORRECTED).fetchall()
    return {(feed, batch): at.astimezone(UTC) for feed, batch, at in found}


@dataclass(frozen=True)
class CorrectBy:
    """Until when a correction is in time: `due`, later is late; `taken_until`, later is not looked for any more.

    Both None where a feed sends when something changes.
    """

    due: datetime | None = None
    taken_until: datetime | None = None


def correct_by(contract: Contract, interval: Interval) -> CorrectBy:
    """By the contract: its deadline, and the end of the last local day whose run looks for files of the interval."""
    citylake = contract.citylake
    if citylake.on_change:
        return CorrectBy()
    zone = contract.calendar.zone
    last = (interval.end - timedelta(microseconds=1)).astimezone(zone).date()
    days = math.ceil(citylake.recapture / timedelta(days=1))
    due = interval.end + citylake.deadline
    return CorrectBy(due, max(due, begins(zone, last + timedelta(days=days + 1))))


def _delivery(row: Sequence[Any]) -> RefusedDelivery:
    feed, batch, receipt, outcome, rule, message, start, end, raw_key, loaded_at, refused_at, received, rows = row
    return RefusedDelivery(
        feed=feed,
        batch=batch,
        receipt=receipt,
        outcome=outcome,
        rule=rule,
        message=message,
        interval=Interval(start.astimezone(UTC), end.astimezone(UTC)),
        raw_key=raw_key,
        loaded_at=loaded_at.astimezone(UTC),
        refused_at=refused_at.astimezone(UTC),
        received=received,
        rows=rows,
    )
