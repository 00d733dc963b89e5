"""Judge by the receipt log (its view `standing`) whether the latest delivery of each interval is in the build.

An interval inside the window blocks the products of its feed when its latest delivery was refused or held and no
effective delivery covers the interval; where one does, it is a warning. A snapshot covers all earlier intervals.
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
    inner join delivered as r on b.receipt_key = r.key and b.batch = r.batch
)
select
    n.dt, n.batch, n.state, n.rule, n.message,
    case when n.delivery = 'snapshot'
        then exists (select 1 from covered as c where c.interval_start >= n.interval_start)
        else exists (select 1 from covered as c where c.interval_start = n.interval_start)
    end as is_covered
from newest as n
where n.feed_id = $feed and n.state in ('refused', 'held')
order by n.interval_start
"""

_NO_DATA = "select feed_id from newest group by feed_id having arg_max(state, interval_start) = 'no_data'"

_FEEDS_WITH_PROBLEMS = "select distinct feed_id from newest where state in ('refused', 'held')"


@dataclass(frozen=True)
class Problem:
    """A refused or held delivery that is the latest of its interval."""

    dt: date
    batch: str
    state: str
    rule: str | None
    message: str | None
    is_covered: bool


@dataclass(frozen=True)
class Deliveries:
    """One result per feed; `no_data` are the feeds whose newest receipt in the window has the outcome `no_data`."""

    results: dict[str, CheckResult]
    no_data: frozenset[str]


def judge_deliveries(log: duckdb.DuckDBPyConnection, effective: Mapping[str, Sequence[str]], as_of: date) -> Deliveries:
    """Judge every feed, given its effective bronze keys, over the window that ends with the local day `as_of`."""
    # The view `standing` covers all batches and is costly: it is read once, into a table of its newest rows.
    log.execute(_NEWEST, {"since": as_of - WINDOW, "as_of": as_of})
    with_problems = {row[0] for row in log.execute(_FEEDS_WITH_PROBLEMS).fetchall()}
    no_data = frozenset(row[0] for row in log.execute(_NO_DATA).fetchall())
    results = {}
    for feed, keys in effective.items():
        problems = (
            log.execute(_PROBLEMS, {"keys": list(keys), "feed": feed}).fetchall() if feed in with_problems else []
        )
        results[feed] = _result(feed, [Problem(*row) for row in problems])
    return Deliveries(results, no_data)


def _result(feed: str, problems: list[Problem]) -> CheckResult:
    """The result of a feed. Its message goes into verdicts and manifests, so it never quotes a delivery's content."""
    open_problems = [p for p in problems if not p.is_covered]
    reported = open_problems or problems
    return CheckResult(
        name=f"delivery:{feed}",
        kind="delivery",
        status="failed" if open_problems else "warned" if problems else "passed",
        failures=len(open_problems),
        message=_message(feed, reported) if reported else None,
    )


def _message(feed: str, problems: list[Problem]) -> str:
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    standing = ", an earlier delivery stands" if first.is_covered else ""
    reason = open_reason(feed, first.rule, first.message) or "no message in the receipt"
    return f"delivery {first.batch} of {first.dt.isoformat()} is {first.state}{standing}: {reason}{more}"
