"""Which bronze files count now, which event days they hold, and which days a build must make again.

Owns the SQL over the receipt log's tables and its view `standing` (ingestion.receipts.standing says
who supersedes whom). Reading the files is the build's business. The rules:

- A file is effective when its batch is: newest revision and key version of the batch, not superseded
  (snapshot: by the feed's latest; interval/full: by the interval's latest), not held or rejected,
  not erased. Deltas and events all stay effective; `precedence` (higher wins) orders them.
- **Affected days = days of files that came and days of files that went.** For interval/delta any change in
  an interval affects all days of every file ever committed for it, because an update may move a
  row from a day only the base file knows.
- **Identity of an event is its key within its event day**: repeats are looked for inside a day only, so a key
  that comes again with another event day is another event. This is what lets a day be rebuilt
  from the files that hold it.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from ingestion.receipts.log import ReceiptLog
from ingestion.sql import identifier

EFFECTIVE_FILE = """
select
    standing.feed_id as feed, standing.department, standing.feed as feed_name, bronze_file.table_name,
    bronze_file.key, bronze_file.rows, bronze_file.row_hash, bronze_file.sha256, standing.batch, standing.revision,
    standing.key_version, standing.interval_start, standing.interval_end, standing.dt,
    coalesce(standing.holds_as_of, standing.content_as_of) as content_as_of, standing.committed_at,
    standing.loaded_at, standing.precedence, standing.delivery, standing.correction, standing.raw_key,
    standing.raw_sha256, standing.key as receipt_key
from standing
inner join bronze_file on standing.key = bronze_file.receipt_key
where standing.effective
"""
"""One row per bronze object that counts; `sha256` is the object's, `raw_sha256` that of the bytes it came from."""

EFFECTIVE_DAY = """
select standing.feed_id as feed, bronze_day.table_name, bronze_day.key, bronze_day.day, bronze_day.rows
from standing
inner join bronze_day on standing.key = bronze_day.receipt_key
where standing.effective
"""
"""Event days and rows of each effective file; none for tables without event time."""

KEY_SET = pa.schema(
    [("feed", pa.string()), ("table_name", pa.string()), ("key", pa.string()), ("precedence", pa.int64())]
)
"""What a build remembers of the effective files it was made from."""

_CHANGE = """
with came as (
    select feed, table_name, key from {now} except select feed, table_name, key from {before}
),
went as (
    select feed, table_name, key from {before} except select feed, table_name, key from {now}
),
changed as (
    select feed, table_name, key from came union select feed, table_name, key from went
),
file as (
    select
        receipt.department || '.' || receipt.feed as feed, bronze_file.table_name, bronze_file.key,
        bronze_file.rows, receipt.interval_start, coalesce(receipt.correction = 'delta', false) as is_delta
    from bronze_file
    inner join receipt on bronze_file.receipt_key = receipt.key
),
reordered as (
    -- Rows of a delta's interval change also when the same files count in another order.
    select feed, key from (
        (select feed, key, precedence from {now} except select feed, key, precedence from {before})
        union
        (select feed, key, precedence from {before} except select feed, key, precedence from {now})
    )
),
touched as (
    select distinct file.feed, file.interval_start
    from file inner join reordered on file.feed = reordered.feed and file.key = reordered.key
    where file.is_delta
)
"""


def affected_days(now: str, before: str) -> str:
    """Query text of (feed, table_name, day): event days whose rows may differ between two key sets.

    `now` and `before` name relations with the columns of KEY_SET; the log's tables must be on the
    search path.
    """
    return (
        _CHANGE.format(now=now, before=before)
        + """
select changed.feed, changed.table_name, bronze_day.day
from changed inner join bronze_day on changed.key = bronze_day.key
union
select touched.feed, file.table_name, bronze_day.day
from touched
inner join file on touched.feed = file.feed and touched.interval_start = file.interval_start
inner join bronze_day on file.key = bronze_day.key
"""
    )


def changed_tables(now: str, before: str) -> str:
    """Query text of (feed, table_name, whole): source tables with any change between two key sets.

    `whole` is true where a changed file has rows and no known event days, so days cannot bound the work.
    """
    return (
        _CHANGE.format(now=now, before=before)
        + """,
named as (
    select feed, table_name, key from changed
    union
    select file.feed, file.table_name, file.key
    from touched inner join file on touched.feed = file.feed and touched.interval_start = file.interval_start
),
dayed as (select distinct key from bronze_day)
select
    named.feed, named.table_name, bool_or(dayed.key is null and coalesce(file.rows, 1) > 0) as whole
from named
left join dayed on named.key = dayed.key
left join file on named.key = file.key
group by named.feed, named.table_name
"""
    )


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `effective_file` and `effective_day` on a connection from `ReceiptLog.connect()`."""
    connection.execute(f"create or replace temp view effective_file as {EFFECTIVE_FILE}")
    connection.execute(f"create or replace temp view effective_day as {EFFECTIVE_DAY}")


def materialise(
    target: duckdb.DuckDBPyConnection, log: ReceiptLog, *, schema: str = "_citylake", before: pa.Table | None = None
) -> None:
    """Write tables `effective_file`, `effective_day`, `affected_day`, `changed_table` into `schema` of `target`.

    `before` has the columns of KEY_SET (None: nothing was built yet, so every day is affected). All
    four tables are of one moment of the refreshed log.
    """
    with log.connect() as source:
        create_views(source)
        source.register("key_set_before", KEY_SET.empty_table() if before is None else before.select(KEY_SET.names))
        queries = {
            "effective_file": "select * from effective_file",
            "effective_day": "select * from effective_day",
            "affected_day": affected_days("effective_file", "key_set_before"),
            "changed_table": changed_tables("effective_file", "key_set_before"),
        }
        target.execute(f"create schema if not exists {identifier(schema)}")
        for name, query in queries.items():
            rows = source.execute(query).to_arrow_table()
            target.register("materialised_rows", rows)
            target.execute(f"create or replace table {identifier(schema, name)} as select * from materialised_rows")
            target.unregister("materialised_rows")
