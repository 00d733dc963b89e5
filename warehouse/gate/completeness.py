"""Intervals that were due and have no delivery: a warning on every product that reads the feed.

An interval is due when its end plus the contract's deadline lies within the day judged. The intervals of the feed's
recapture before that day are considered, from its first delivery on; a feed that sends when something changes
(`on_change` in its contract) has no due intervals. A refused delivery counts as a delivery here: whether it blocks a
product is decided in warehouse.gate.deliveries, and whether content is too old by freshness checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

import duckdb

from ingestion.clocks import begins
from ingestion.contract.model import Contract
from ingestion.intervals import Interval
from warehouse.verdict import CheckResult

_DELIVERED = """
select distinct department || '.' || feed as feed, interval_start
from delivered
where interval_start >= $since
union
select department || '.' || feed, min(interval_start)
from delivered
group by all
"""


def judge_completeness(
    log: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract], as_of: date
) -> dict[str, CheckResult]:
    """One result for each feed with due intervals; the message names the first missing interval and how many."""
    feeds = {name: c for name, c in contracts.items() if not c.citylake.on_change}
    since = datetime.combine(as_of, datetime.min.time(), UTC) - timedelta(days=400)
    delivered: dict[str, set[datetime]] = {}
    for feed, start in log.execute(_DELIVERED, {"since": since}).fetchall():
        delivered.setdefault(feed, set()).add(start.astimezone(UTC))
    return {
        name: _result(name, due(c, as_of, delivered.get(name, set())), delivered.get(name, set()))
        for name, c in feeds.items()
    }


def due(contract: Contract, as_of: date, delivered: Iterable[datetime]) -> list[Interval]:
    """Intervals due on the local day `as_of`, oldest first; none before the first of the starts in `delivered`."""
    first_seen = min(delivered, default=None)
    if first_seen is None:
        return []
    zone = contract.calendar.zone
    end = begins(zone, as_of + timedelta(days=1))
    begin = max(begins(zone, as_of) - contract.citylake.recapture, first_seen)
    return [i for i in contract.calendar.between(begin, end) if i.end + contract.citylake.deadline <= end]


def _result(feed: str, due_intervals: list[Interval], delivered: set[datetime]) -> CheckResult:
    missing = [interval for interval in due_intervals if interval.start not in delivered]
    message = (
        f"{len(missing)} of {len(due_intervals)} due intervals have no delivery, the first {missing[0]}"
        if missing
        else None
    )
    return CheckResult(
        name=f"completeness:{feed}",
        kind="completeness",
        status="warned" if missing else "passed",
        failures=len(missing),
        message=message,
    )
