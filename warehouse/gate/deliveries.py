"""What the gate asks of the receipt log (its view `standing`): did an interval's latest delivery reach the build?

An interval inside the window blocks its feed's products when its latest delivery was refused
or held and nothing effective stands for it. Where something effective stands, it is a warning.
For snapshots a later effective snapshot stands for every earlier interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from ingestion.delivery.outcome import open_reason
from warehouse.verdict import CheckResult

WINDOW = timedelta(days=92)
"""How far back a refused delivery still blocks: a quarter, the longest correction cycle of the shipped feeds."""

_NEWEST = """
create or replace temp table newest as
select feed_id, dt, batch, state, rule, message, delivery, interval_start, committed_at
from standing
where dt > $since and dt <= $as_of
qualify row_number() over (partition by feed_id, interval_start order by committed_at desc, batch desc) = 1
"""

_PROBLEMS = """
with covered as (
    select distinct r.interval_start
    from (select unnest($keys::varchar[]) as key) as effective
    inner join bronze_file as b on effective.key = b.key
    inner join receipt as r on b.receipt_key = r.key
)
select
    n.dt, n.batch, n.state, n.rule, n.message,
    case when n.delivery = 'snapshot'
        then exists (select 1 from covered as c where c.interval_start >= n.interval_start)
        else exists (select 1 from covered as c where c.interval_start = n.interval_start)
    end as stands
from newest as n
where n.feed_id = $feed and n.state in ('refused', 'held')
order by n.interval_start
"""

_NO_DATA = "select feed_id from newest group by feed_id having arg_max(state, interval_start) = 'no_data'"

_TROUBLED = "select distinct feed_id from newest where state in ('refused', 'held')"


@dataclass(frozen=True)
class Problem:
    """A refused or held delivery that is the latest of its interval."""

    dt: date
    batch: str
    state: str
    rule: str | None
    message: str | None
    stands: bool


@dataclass(frozen=True)
class Deliveries:
    """One result per feed; `no_data` are feeds whose newest receipt in the window says so."""

    results: dict[str, CheckResult]
    no_data: frozenset[str]


def judge_deliveries(log: duckdb.DuckDBPyConnection, effective: Mapping[str, Sequence[str]], as_of: date) -> Deliveries:
    """Judge every feed, given its effective bronze keys, over the window that ends with the local day `as_of`."""
    # The standing of all batches is worked out once; every question below reads its newest rows.
    log.execute(_NEWEST, {"since": as_of - WINDOW, "as_of": as_of})
    troubled = {row[0] for row in log.execute(_TROUBLED).fetchall()}
    no_data = frozenset(row[0] for row in log.execute(_NO_DATA).fetchall())
    results = {}
    for feed, keys in effective.items():
        found = log.execute(_PROBLEMS, {"keys": list(keys), "feed": feed}).fetchall() if feed in troubled else []
        results[feed] = _result(feed, [Problem(*row) for row in found])
    return Deliveries(results, no_data)


def _result(feed: str, problems: list[Problem]) -> CheckResult:
    """The message tells of the oldest problem what may be told: it goes into verdicts and manifests of releases."""
    open_problems = [p for p in problems if not p.stands]
    shown = open_problems or problems
    return CheckResult(
        name=f"delivery:{feed}",
        kind="delivery",
        status="failed" if open_problems else "warned" if problems else "passed",
        failures=len(open_problems),
        message=_message(feed, shown) if shown else None,
    )


def _message(feed: str, problems: list[Problem]) -> str:
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    standing = ", an earlier delivery stands" if first.stands else ""
    reason = open_reason(feed, first.rule, first.message) or "no message in the receipt"
    return f"delivery {first.batch} of {first.dt.isoformat()} is {first.state}{standing}: {reason}{more}"
