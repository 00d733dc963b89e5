"""What receipts say is wrong now: intervals refused, held, or late, by feed. It reads and changes nothing.

- **refused, held**: the interval's newest delivery with a word is refused, or waits for the steward. A later
  delivery that counts ends it; for snapshots one of any interval does, since it says the whole state anew.
- **late**: its end plus the contract's deadline has passed and no delivery of it counts. One that was refused or is
  held came, and is told as that: the steward has one thing to do and gets one notice. Nothing is late
  before the feed's first delivery (a feed that never delivered owes its latest due interval only), before the
  look-back, or for feeds that send when something changes. A later snapshot makes up for an earlier one.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from ingestion.contract.model import Contract
from ingestion.intervals import Interval
from ingestion.lake import Lake
from warehouse.incidents.model import Kind, kind_of

LOOK_BACK = timedelta(days=30)
"""Intervals that fell due earlier are not looked for any more, unless an open incident covers them."""

_COUNTS = "state in ('accepted', 'no_data', 'unchanged', 'erased')"

_UNSETTLED = f"""
with scoped as (
    select *, case supersedes when 'feed' then timestamptz 'epoch' else interval_start end as scope from standing
),
good as (select feed_id, scope, max(key) as key from scoped where {_COUNTS} group by feed_id, scope),
unsettled as (
    select scoped.*
    from scoped left join good on scoped.feed_id = good.feed_id and scoped.scope = good.scope
    where scoped.state in ('refused', 'held') and (good.key is null or good.key < scoped.key)
)
select
    feed_id, interval_start, interval_end, arg_max(state, unsettled.key), arg_max(rule, unsettled.key),
    max(unsettled.key), coalesce(arg_max(counted.received, unsettled.key), 0),
    coalesce(arg_max(counted.quarantined, unsettled.key), 0), arg_max(message, unsettled.key)
from unsettled
left join (
    select receipt_key, sum(received)::bigint as received, sum(quarantined)::bigint as quarantined
    from table_receipt group by receipt_key
) as counted on unsettled.key = counted.receipt_key
group by feed_id, interval_start, interval_end
order by feed_id, interval_start
"""

_CAME = f"""
select feed_id, interval_start from standing where {_COUNTS}
"""
_FIRST = "select feed_id, min(interval_start) from standing group by feed_id"


Since = Mapping[tuple[str, str], datetime]
"""Earliest interval start by kind and feed."""


@dataclass(frozen=True)
class Condition:
    """One interval of a feed in one condition. `receipt` is the one behind it, where there is one."""

    kind: Kind
    feed: str
    interval: Interval
    message: str
    receipt: str | None = None


def conditions(lake: Lake, now: datetime, since: Since) -> list[Condition]:
    """Every condition of every feed with a contract, oldest interval first.

    `since` gives the start from which open incidents need it, where that is before the look-back.
    """
    with closing(lake.log.connect()) as log:
        unsettled = [condition for condition in _unsettled(log) if _is_watched(lake, condition, now, since)]
        came: dict[str, set[datetime]] = {}
        for feed, start in log.execute(_CAME).fetchall():
            came.setdefault(feed, set()).add(start.astimezone(UTC))
        first = {feed: start.astimezone(UTC) for feed, start in log.execute(_FIRST).fetchall()}
    waiting = {(condition.feed, condition.interval.start) for condition in unsettled}
    late = [
        Condition("delivery_late", feed, interval, f"due {_moment(interval.end + contract.citylake.deadline)}")
        for feed, contract in sorted(lake.active.items())
        for interval in missing(
            contract,
            now,
            came.get(feed, set()),
            first=first.get(feed),
            since=since.get(("delivery_late", feed)),
        )
        if (feed, interval.start) not in waiting
    ]
    return [*unsettled, *late]


def missing(
    contract: Contract, now: datetime, came: set[datetime], *, first: datetime | None, since: datetime | None = None
) -> list[Interval]:
    """Intervals that are late at `now`, oldest first. `came` and `first` are interval starts, UTC."""
    if contract.citylake.on_change:
        return []
    begin = now - LOOK_BACK - contract.citylake.deadline
    # Where it never delivered, what is owed begins with the open incident, if there is one.
    begin = max(min(begin, since or begin), first) if first else since or begin
    due = [i for i in contract.calendar.between(begin, now) if i.end + contract.citylake.deadline <= now]
    due = due if first or since else due[-1:]
    if contract.citylake.delivery == "snapshot" and came:
        due = [i for i in due if i.start > max(came)]
    return [interval for interval in due if interval.start not in came]


def _unsettled(log: duckdb.DuckDBPyConnection) -> list[Condition]:
    found = []
    for feed, start, end, state, rule, key, received, quarantined, why in log.execute(_UNSETTLED).fetchall():
        kind = kind_of(state, rule)
        if kind is None:
            continue
        # A refusal's own message may quote the file, so it stays in the lake.
        message = f"rule {rule}; {quarantined} of {received} rows refused" if state == "refused" else waits(why)
        found.append(Condition(kind, feed, Interval(start.astimezone(UTC), end.astimezone(UTC)), message, key))
    return found


def waits(why: str | None) -> str:
    """The line of an incident for a held delivery; `why` is its receipt's message, made of counts and names only."""
    return f"waits for a word: {why}" if why else "waits for a word"


def _is_watched(lake: Lake, condition: Condition, now: datetime, since: Since) -> bool:
    begin = now - LOOK_BACK
    begin = min(begin, since.get((condition.kind, condition.feed), begin))
    return condition.feed in lake.contracts and begin <= condition.interval.end and condition.interval.start <= now


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%MZ}"
