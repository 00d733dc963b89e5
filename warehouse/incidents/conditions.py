"""Find from the receipts which intervals are refused, held or late now, by feed. Changes nothing.

- **refused, held**: the newest delivery of the interval that was judged is refused, or held for the steward. A later
  accepted delivery ends it; for snapshots one of any interval does, since it holds the whole state.
- **late**: the interval's end plus the contract's deadline has passed without an accepted delivery. An interval that is
  refused or held is not late as well, so that the steward gets one notice. Nothing is late before the feed's first
  delivery (of a feed that never delivered only the latest due interval is), before the look-back, or for feeds that
  send when something changes. A later snapshot makes up for an earlier one.
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
"""Intervals that fell due earlier are ignored, unless an open incident covers them."""

_COUNTS = "state in ('accepted', 'no_data', 'unchanged', 'erased')"

_REFUSED_OR_HELD = f"""
with scoped as (
    select *, case supersedes when 'feed' then timestamptz 'epoch' else interval_start end as scope from standing
),
good as (select feed_id, scope, max(key) as key from scoped where {_COUNTS} group by feed_id, scope),
open_conditions as (
    select scoped.*
    from scoped left join good on scoped.feed_id = good.feed_id and scoped.scope = good.scope
    where scoped.state in ('refused', 'held') and (good.key is null or good.key < scoped.key)
)
select
    feed_id, interval_start, interval_end, arg_max(state, open_conditions.key), arg_max(rule, open_conditions.key),
    max(open_conditions.key), coalesce(arg_max(counted.received, open_conditions.key), 0),
    coalesce(arg_max(counted.quarantined, open_conditions.key), 0), arg_max(message, open_conditions.key)
from open_conditions
left join (
    select receipt_key, sum(received)::bigint as received, sum(quarantined)::bigint as quarantined
    from table_receipt group by receipt_key
) as counted on open_conditions.key = counted.receipt_key
group by feed_id, interval_start, interval_end
order by feed_id, interval_start
"""

_DELIVERED = f"""
select feed_id, interval_start from standing where {_COUNTS}
"""
_FIRST = "select feed_id, min(interval_start) from standing group by feed_id"


Since = Mapping[tuple[str, str], datetime]
"""Earliest interval start by kind and feed."""


@dataclass(frozen=True)
class Condition:
    """One interval of a feed in one condition. `receipt` is the key of the receipt behind it; None for a late one."""

    kind: Kind
    feed: str
    interval: Interval
    message: str
    receipt: str | None = None


def conditions(lake: Lake, now: datetime, since: Since) -> list[Condition]:
    """Every condition of every feed with a contract: first refused and held, then late, each oldest interval first.

    `since` gives the earliest interval start of open incidents, which may lie before the look-back.
    """
    with closing(lake.log.connect()) as log:
        open_conditions = [condition for condition in _refused_or_held(log) if _is_watched(lake, condition, now, since)]
        delivered: dict[str, set[datetime]] = {}
        for feed, start in log.execute(_DELIVERED).fetchall():
            delivered.setdefault(feed, set()).add(start.astimezone(UTC))
        first = {feed: start.astimezone(UTC) for feed, start in log.execute(_FIRST).fetchall()}
    reported = {(condition.feed, condition.interval.start) for condition in open_conditions}
    late = [
        Condition("delivery_late", feed, interval, f"due {_moment(interval.end + contract.citylake.deadline)}")
        for feed, contract in sorted(lake.active.items())
        for interval in missing(
            contract,
            now,
            delivered.get(feed, set()),
            first=first.get(feed),
            since=since.get(("delivery_late", feed)),
        )
        if (feed, interval.start) not in reported
    ]
    return [*open_conditions, *late]


def missing(
    contract: Contract,
    now: datetime,
    delivered: set[datetime],
    *,
    first: datetime | None,
    since: datetime | None = None,
) -> list[Interval]:
    """Intervals that are late at `now`, oldest first.

    `delivered` are the starts of intervals with an accepted delivery, `first` is the start of the first interval with
    any delivery; both in UTC.
    """
    if contract.citylake.on_change:
        return []
    begin = now - LOOK_BACK - contract.citylake.deadline
    # A feed that never delivered is late from the start of its open incident on, if it has one.
    begin = max(min(begin, since or begin), first) if first else since or begin
    due = [i for i in contract.calendar.between(begin, now) if i.end + contract.citylake.deadline <= now]
    due = due if first or since else due[-1:]
    if contract.citylake.delivery == "snapshot" and delivered:
        due = [i for i in due if i.start > max(delivered)]
    return [interval for interval in due if interval.start not in delivered]


def _refused_or_held(log: duckdb.DuckDBPyConnection) -> list[Condition]:
    current = []
    for feed, start, end, state, rule, key, received, quarantined, why in log.execute(_REFUSED_OR_HELD).fetchall():
        kind = kind_of(state, rule)
        if kind is None:
            continue
        # The message of a refusal may quote the file, so it is not put into an incident.
        message = f"rule {rule}; {quarantined} of {received} rows refused" if state == "refused" else held_message(why)
        current.append(Condition(kind, feed, Interval(start.astimezone(UTC), end.astimezone(UTC)), message, key))
    return current


def held_message(why: str | None) -> str:
    """The message of an incident for a held delivery; `why` is its receipt's message, made of counts and names only."""
    return f"waits for the steward's decision: {why}" if why else "waits for the steward's decision"


def _is_watched(lake: Lake, condition: Condition, now: datetime, since: Since) -> bool:
    begin = now - LOOK_BACK
    begin = min(begin, since.get((condition.kind, condition.feed), begin))
    return condition.feed in lake.contracts and begin <= condition.interval.end and condition.interval.start <= now


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%MZ}"
