"""The view `standing`: the current state of every batch, derived from all its receipts and decisions.

- A bulk delivery is a delivery of each of its intervals that have rows: it has one row, and one batch, for each
  (view `delivered`). `bulk` is the batch of the whole, and decisions about that are about all of them.
- The state of a batch is that of its latest receipt. Of receipts with the same contract revision and key version the
  first in commit order counts; later ones come from a process that did the same work at the same time.
- A receipt `unchanged` adds no rows. It **confirms** a batch, which is then valid as of the confirming delivery's
  content time. Bytes that are sent again after a correction confirm their own batch.
- `precedence` orders the deliveries of a feed: by content as-of, then by commit order of the first receipt with that
  as-of (so that conforming again does not reorder), or of the last one that took the batch back after a correction. It
  is absolute: a late delivery does not change the precedence of others.
- `supersedes` follows the feed's newest receipt: `feed` for snapshots, `interval` for full corrections, NULL for deltas
  and events, which all remain effective.
- `state` is the outcome, combined with the steward's decision on a held delivery (`held`, `rejected`, `accepted`);
  `erased` overrides all. `counts`: the outcome is accepted or no_data; `effective`: the batch counts now.

Used by ingestion (duplicates, holds) and by warehouse.effective (files and days).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import duckdb

from ingestion.sql import literal

_TIES = 1_000_000
"""Deliveries of one interval with one content time, to the millisecond, that precedence keeps apart."""

_DELIVERED = """
    select
        whole.* exclude (batch, confirms, interval_start, interval_end, dt, content_as_of),
        coalesce(part.batch, whole.batch) as batch, coalesce(part.confirms, whole.confirms) as confirms,
        coalesce(part.interval_start, whole.interval_start) as interval_start,
        coalesce(part.interval_end, whole.interval_end) as interval_end, coalesce(part.dt, whole.dt) as dt,
        coalesce(part.content_as_of, whole.content_as_of) as content_as_of,
        case when whole.is_bulk then whole.batch end as bulk
    from log.receipt as whole
    left join log.part as part on whole.key = part.receipt_key"""

_STANDING = f"""
with receipt as ({_DELIVERED}{{of_scope}}),
decision as (
    select department, feed, batch, verb, key from log.decision{{of_feed}}
    union all
    select said.department, said.feed, part.batch, said.verb, said.key
    from (select * from log.decision{{of_feed}}) as said
    inner join log.receipt as whole
        on whole.is_bulk and said.department = whole.department and said.feed = whole.feed and said.batch = whole.batch
    inner join log.part on whole.key = part.receipt_key
),
-- A receipt's key begins with its commit time, so the order of keys is the order of commits.
-- Of a bulk delivery that was conformed again only the newest receipt's parts count, whichever intervals they are of.
own as (
    select key, department, feed, batch, revision, key_version
    from (select * from log.receipt{{of_receipts}})
    where is_bulk or outcome <> 'unchanged' or confirms <> batch
),
latest as (
    select department, feed, batch, arg_max(revision, key) as revision, arg_max(key_version, key) as key_version
    from own
    group by department, feed, batch
),
first_of_latest as (
    select min(own.key) as key
    from own
    inner join latest
        on own.department = latest.department and own.feed = latest.feed and own.batch = latest.batch
        and own.revision = latest.revision and own.key_version = latest.key_version
    group by own.department, own.feed, own.batch
),
counted as (
    select receipt.* from receipt inner join first_of_latest on receipt.key = first_of_latest.key
),
-- Under one revision and key version only a return is committed more than once.
again as (
    select *, row_number() over (
        partition by department, feed, batch, revision, key_version order by key
    ) > 1 as is_return
    from receipt
),
claim as (
    select department, feed, batch, content_as_of, key, false as is_return
    from receipt
    union all
    select
        confirming.department, confirming.feed, confirming.confirms, confirming.content_as_of, confirming.key,
        confirming.is_return
    from again as confirming
    left join counted
        on confirming.department = counted.department and confirming.feed = counted.feed
        and confirming.batch = counted.batch
    where confirming.outcome = 'unchanged'
        and (confirming.confirms = confirming.batch
            or (counted.outcome = 'unchanged' and counted.confirms = confirming.confirms))
),
claimed as (
    select
        department, feed, batch, content_as_of as holds_as_of,
        coalesce(max(key) filter (is_return), min(key)) as claim_key
    from claim
    group by department, feed, batch, content_as_of
    qualify content_as_of = max(content_as_of) over (partition by department, feed, batch)
),
semantics as (
    select
        department, feed,
        case arg_max(delivery, key)
            when 'snapshot' then 'feed'
            when 'interval' then case arg_max(coalesce(correction, 'full'), key) when 'full' then 'interval' end
        end as supersedes
    from log.receipt{{of_feed}}
    group by department, feed
),
word as (
    select
        department, feed, batch, bool_or(verb = 'erase') as is_erased,
        arg_max(verb, key) filter (verb <> 'erase') as verb
    from decision
    group by department, feed, batch
),
stated as (
    select
        counted.*, claimed.holds_as_of, claimed.claim_key, semantics.supersedes,
        case
            when coalesce(word.is_erased, false) then 'erased'
            when counted.outcome = 'held' and word.verb = 'accept' then 'accepted'
            when counted.outcome = 'held' and word.verb = 'reject' then 'rejected'
            else counted.outcome
        end as state
    from counted
    left join claimed
        on counted.department = claimed.department and counted.feed = claimed.feed and counted.batch = claimed.batch
    left join semantics on counted.department = semantics.department and counted.feed = semantics.feed
    left join word
        on counted.department = word.department and counted.feed = word.feed and counted.batch = word.batch
),
ordered as (
    select
        * exclude (claim_key),
        state in ('accepted', 'no_data') as counts,
        case supersedes when 'feed' then timestamptz 'epoch' else interval_start end as scope,
        epoch_ms(coalesce(holds_as_of, content_as_of)) * {_TIES} + least(row_number() over (
            partition by department, feed, epoch_ms(coalesce(holds_as_of, content_as_of)),
                case supersedes when 'feed' then timestamptz 'epoch' else interval_start end
            -- A confirmed batch claims with the confirming one's receipt, and comes before it.
            order by coalesce(holds_as_of, content_as_of), coalesce(claim_key, key), outcome = 'unchanged'
        ), {_TIES}) - 1 as precedence
    from stated
)
select
    department || '.' || feed as feed_id, * exclude (scope),
    counts and (supersedes is null or precedence = max(precedence) filter (counts) over (
        partition by department, feed, scope
    )) as effective
from ordered
"""


def standing(
    feed: tuple[str, str] | None = None, starts: Collection[datetime] | None = None, bulk: str | None = None
) -> str:
    """SQL for the state of all batches, or of one (department, feed), or of its intervals that begin at `starts`
    and all parts of the bulk delivery `bulk`.

    The receipts are filtered first, so that the cost depends on the scope. For a snapshot feed the intervals must not
    be given, since the current snapshot may belong to another one.
    """
    of_feed = of_scope = of_receipts = ""
    if feed is not None:
        department, name = literal(feed[0]), literal(feed[1])
        of_feed = of_receipts = f" where department = {department} and feed = {name}"
        of_scope = f" where whole.department = {department} and whole.feed = {name}"
        if starts is not None:
            within = f"in ({', '.join(literal(start) for start in starts)})"
            of_receipts += f" and (is_bulk or interval_start {within})"
            of_scope += f" and (part.interval_start {within} or (part.batch is null and whole.interval_start {within})"
            of_scope += f" or (whole.is_bulk and whole.batch = {literal(bulk)}))" if bulk else ")"
    return _STANDING.format(of_feed=of_feed, of_scope=of_scope, of_receipts=of_receipts)


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `standing` and `delivered` as temporary views over the attached catalogue `log`."""
    connection.execute(f"create or replace temp view delivered as {_DELIVERED}")
    connection.execute(f"create or replace temp view standing as {standing()}")
