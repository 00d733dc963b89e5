"""Which intervals were due and have no delivery: a warning on every product that reads the feed.

An interval is due when its end plus the contract's deadline lies within the day judged. Looked at are the intervals
of the feed's recapture before that day, from its first delivery on; a feed that sends when something changes
(`on_change` of its contract) owes none, whatever the catalogue calls its update cycle. A refused delivery is one that
came; whether it blocks is warehouse.gate.deliveries' business, and whether content is too old that of freshness
checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

import duckdb

from ingestion.clocks import begins
from ingestion.contract.model import Contract
from ingestion.intervals import Interval
from warehouse.verdict import CheckResult

_CAME = """
select distinct department || '.' || feed as feed, interval_start
from receipt
where interval_start >= $since
union
select department || '.' || feed, min(interval_start)
from receipt
group by all
"""


def judge_completeness(
    log: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract], as_of: date
) -> dict[str, CheckResult]:
    """One result per feed that owes deliveries; the message names the first missing interval and how many."""
    owing = {name: c for name, c in contracts.items() if not c.citylake.on_change}
    since = datetime.combine(as_of, datetime.min.time(), UTC) - timedelta(days=400)
    came: dict[str, set[datetime]] = {}
    for feed, start in log.execute(_CAME, {"since": since}).fetchall():
        came.setdefault(feed, set()).add(start.astimezone(UTC))
    return {
        name: _result(name, due(c, as_of, came.get(name, set())), came.get(name, set())) for name, c in owing.items()
    }


def due(contract: Contract, as_of: date, came: Iterable[datetime]) -> list[Interval]:
    """Intervals the feed owes on the local day `as_of`, oldest first; none before its first delivery."""
    first_seen = min(came, default=None)
    if first_seen is None:
        return []
    zone = contract.calendar.zone
    end = begins(zone, as_of + timedelta(days=1))
    begin = max(begins(zone, as_of) - contract.citylake.recapture, first_seen)
    return [i for i in contract.calendar.between(begin, end) if i.end + contract.citylake.deadline <= end]


def _result(feed: str, owed: list[Interval], came: set[datetime]) -> CheckResult:
    missing = [interval for interval in owed if interval.start not in came]
    message = (
        f"{len(missing)} of {len(owed)} due intervals have no delivery, the first {missing[0]}" if missing else None
    )
    return CheckResult(
        name=f"completeness:{feed}",
        kind="completeness",
        status="warned" if missing else "passed",
        failures=len(missing),
        message=message,
    )
