"""What the gate asks of the receipt log (its view `standing`): did an interval's latest delivery reach the build?

An interval inside the window blocks its feed's products when its latest delivery was refused
or held and nothing effective stands for it. Where something effective stands, it is a warning.
For snapshots a later effective snapshot stands for every earlier interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from warehouse.gate.verdict import CheckResult

WINDOW = timedelta(days=92)
"""How far back a refused delivery still blocks: a quarter, the longest correction cycle of the shipped feeds."""

_PROBLEMS = """
with latest as (
    select *
    from standing
    where feed_id = $feed and dt > $since and dt <= $as_of
    qualify row_number() over (partition by interval_start order by committed_at desc, batch desc) = 1
),
covered as (
    select distinct r.interval_start
    from (select unnest($keys::varchar[]) as key) as effective
    inner join bronze_file as b on effective.key = b.key
    inner join receipt as r on b.receipt_key = r.key
)
select
    l.dt, l.batch, l.state, l.message,
    case when l.delivery = 'snapshot'
        then exists (select 1 from covered as c where c.interval_start >= l.interval_start)
        else exists (select 1 from covered as c where c.interval_start = l.interval_start)
    end as stands
from latest as l
where l.state in ('refused', 'held')
order by l.interval_start
"""

_NO_DATA = """
select feed_id
from standing
where dt > $since and dt <= $as_of
group by feed_id
having arg_max(state, (interval_start, committed_at)) = 'no_data'
"""


@dataclass(frozen=True)
class Problem:
    """A refused or held delivery that is the latest of its interval."""

    dt: date
    batch: str
    state: str
    message: str | None
    stands: bool


def judge_deliveries(log: duckdb.DuckDBPyConnection, feed: str, effective: Sequence[str], as_of: date) -> CheckResult:
    """One result per feed; its message quotes the receipt of the oldest problem."""
    facts = {"keys": list(effective), "feed": feed, "since": as_of - WINDOW, "as_of": as_of}
    problems = [Problem(*row) for row in log.execute(_PROBLEMS, facts).fetchall()]
    open_problems = [p for p in problems if not p.stands]
    shown = open_problems or problems
    return CheckResult(
        name=f"delivery:{feed}",
        kind="delivery",
        status="failed" if open_problems else "warned" if problems else "passed",
        failures=len(open_problems),
        message=_message(shown) if shown else None,
    )


def feeds_without_data(log: duckdb.DuckDBPyConnection, as_of: date) -> set[str]:
    """Feeds whose newest receipt in the window says `no_data`."""
    rows = log.execute(_NO_DATA, {"since": as_of - WINDOW, "as_of": as_of}).fetchall()
    return {row[0] for row in rows}


def _message(problems: list[Problem]) -> str:
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    standing = ", an earlier delivery stands" if first.stands else ""
    reason = first.message or "no message in the receipt"
    return f"delivery {first.batch} of {first.dt.isoformat()} is {first.state}{standing}: {reason}{more}"
