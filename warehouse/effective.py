"""SQL for the effective bronze files (those that count now) and the event days they hold.

It reads the receipt log's tables and its view `standing` (ingestion.receipts.standing decides which delivery supersedes
which). The days that a build makes again are chosen in warehouse.build.state. The rules:

- A file is effective when its batch is: newest revision and key version of the batch, not superseded
  (snapshot: by the feed's latest; interval/full: by the interval's latest), not held or rejected,
  not erased. Deltas and events all stay effective; `precedence` (higher wins) orders them.
- **Identity of an event is its key within its event day**: repeats are looked for inside a day only, so a key
  that comes again with another event day is another event. This is what lets a day be rebuilt
  from the files that hold it.
"""

from __future__ import annotations

import duckdb

EFFECTIVE_FILE = """
select
    standing.feed_id as feed, standing.department, standing.feed as feed_name, bronze_file.table_name,
    bronze_file.key, bronze_file.rows, bronze_file.row_hash, bronze_file.sha256, standing.batch, standing.revision,
    standing.key_version, standing.interval_start, standing.interval_end, standing.dt,
    coalesce(standing.holds_as_of, standing.content_as_of) as content_as_of, standing.committed_at,
    standing.loaded_at, standing.precedence, standing.delivery, standing.correction, standing.raw_key,
    standing.raw_sha256, standing.key as receipt_key
from standing
inner join bronze_file on standing.key = bronze_file.receipt_key and standing.batch = bronze_file.batch
where standing.effective
"""
"""One row per bronze object that counts; `sha256` is the object's, `raw_sha256` that of the bytes it came from."""

EFFECTIVE_DAY = """
select standing.feed_id as feed, bronze_day.table_name, bronze_day.key, bronze_day.day, bronze_day.rows
from standing
inner join bronze_day on standing.key = bronze_day.receipt_key and standing.batch = bronze_day.batch
where standing.effective
"""
"""Event days and rows of each effective file; none for tables without event time."""


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `effective_file` and `effective_day` on a connection from `ReceiptLog.connect()`."""
    connection.execute(f"create or replace temp view effective_file as {EFFECTIVE_FILE}")
    connection.execute(f"create or replace temp view effective_day as {EFFECTIVE_DAY}")
