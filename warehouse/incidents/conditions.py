"""Find from the receipts which intervals are refused, held or late now, by feed. Changes nothing.

- **refused, held**: the newest delivery of the interval that was judged is refused, or held for the steward. A later
  accepted delivery ends it; for snapshots one of any interval does, since it holds the whole state.
- **late**: the interval's end plus the contract's deadline has passed without an accepted delivery. An interval that is
  refused or held is not late as well, so that the steward gets one notice. Nothing is late before the feed's first
  delivery (of a feed that never delivered only the latest due interval is), before the look-back, or for feeds that
  send when something changes. A later snapshot makes up for an earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from ingestion.contract.model import Contract
from ingestion.intervals import Interval
from ingestion.lake import Lake
from warehouse.incidents.model import BY_INTERVAL, Incident, Kind, kind_of

LOOK_BACK = timedelta(days=30)
"""Intervals that fell due earlier are ignored, unless an open incident covers them."""

_LOOK_AHEAD = timedelta(days=800)
"""Enough for the next interval of a yearly feed."""

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
    coalesce(arg_max(counted.quarantined, open_conditions.key), 0), arg_max(message, open_conditions.key),
    arg_max(committed_at, open_conditions.key)
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
_FIRST = """
select receipt.department || '.' || receipt.feed, min(coalesce(part.interval_start, receipt.interval_start))
from receipt left join part on receipt.key = part.receipt_key
group by all
"""


Since = Mapping[tuple[str, str], datetime]
"""Earliest interval start by kind and feed."""


@dataclass(frozen=True)
class Condition:
    """One interval of a feed in one condition. `receipt` is the key of the receipt behind it; None for a late one.

    `since` is when that receipt was committed, or when the interval became late.
    """

    kind: Kind
    feed: str
    interval: Interval
    message: str
    since: datetime
    receipt: str | None = None


@dataclass(frozen=True)
class Observed:
    """What the receipts say at one moment. `delivered` are the starts (UTC) of intervals with a delivery that counts,
    by feed, within the time that is looked at."""

    conditions: list[Condition]
    delivered: Mapping[str, set[datetime]]

    def of(self, feed: str) -> set[datetime]:
        """The starts of the intervals of a feed with a delivery that counts."""
        return self.delivered.get(feed, set())


def starts_of(active: Iterable[Incident]) -> Since:
    """The earliest interval start of open incidents, by kind and feed."""
    starts: dict[tuple[str, str], datetime] = {}
    for incident in active:
        if incident.is_open and incident.kind in BY_INTERVAL and incident.first is not None:
            key = incident.kind, incident.subject
            starts[key] = min(incident.first.start, starts.get(key, incident.first.start))
    return starts


def conditions(lake: Lake, now: datetime, since: Since) -> list[Condition]:
    """Every condition of every feed with a contract: first refused and held, then late, each oldest interval first.

    `since` gives the earliest interval start of open incidents, which may lie before the look-back.
    """
    return observe(lake, now, since).conditions


def observe(lake: Lake, now: datetime, since: Since) -> Observed:
    """As `conditions`, with what was delivered. The cost follows the look-back, not the receipts before it."""
    with closing(lake.log.connect(since=_scope(lake, now, since))) as log:
        # Planned and run once: the view is the expensive part.
        log.execute("create temp table scoped_standing as from standing")
        log.execute("create or replace temp view standing as from scoped_standing")
        open_conditions = [condition for condition in _refused_or_held(log) if _is_watched(lake, condition, now, since)]
        delivered: dict[str, set[datetime]] = {}
        for feed, start in log.execute(_DELIVERED).fetchall():
            delivered.setdefault(feed, set()).add(start.astimezone(UTC))
    with lake.log.reading() as log:
        first = {feed: start.astimezone(UTC) for feed, start in log.execute(_FIRST).fetchall()}
    reported = {(condition.feed, condition.interval.start) for condition in open_conditions}
    late = [
        _late(feed, contract, interval)
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
    return Observed([*open_conditions, *late], delivered)


def _scope(lake: Lake, now: datetime, since: Since) -> dict[str, datetime]:
    """From when on the intervals of each feed are looked at."""
    scope = {}
    for feed, contract in lake.contracts.items():
        begin = now - LOOK_BACK - contract.citylake.deadline
        scope[feed] = min([begin, *(start for (_, subject), start in since.items() if subject == feed)])
    return scope


def _late(feed: str, contract: Contract, interval: Interval) -> Condition:
    due = interval.end + contract.citylake.deadline
    return Condition("delivery_late", feed, interval, f"due {_moment(due)}", due)


def next_due(contract: Contract, now: datetime, delivered: set[datetime]) -> Interval | None:
    """The first interval that is neither late at `now` nor delivered; None for a feed that sends when something
    changes. `delivered` as for `missing`."""
    if contract.citylake.on_change:
        return None
    deadline = contract.citylake.deadline
    newest = max(delivered) if delivered and contract.citylake.delivery == "snapshot" else None
    for interval in contract.calendar.between(now - deadline, now + _LOOK_AHEAD):
        is_here = interval.start in delivered or (newest is not None and interval.start <= newest)
        if interval.end + deadline > now and not is_here:
            return interval
    return None


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
    for feed, start, end, state, rule, key, received, quarantined, why, at in log.execute(_REFUSED_OR_HELD).fetchall():
        kind = kind_of(state, rule)
        if kind is None:
            continue
        # The message of a refusal may quote the file, so it is not put into an incident.
        message = f"rule {rule}; {quarantined} of {received} rows refused" if state == "refused" else held_message(why)
        interval = Interval(start.astimezone(UTC), end.astimezone(UTC))
        current.append(Condition(kind, feed, interval, message, at.astimezone(UTC), key))
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
