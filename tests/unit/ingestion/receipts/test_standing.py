"""The order of deliveries that nothing but their commits tells apart."""

from __future__ import annotations

import duckdb

from ingestion.receipts import fold
from ingestion.receipts.standing import standing

MINUTES = 1440

_RECEIPTS = """
insert into receipt by name
select
    format('receipts/{:06d}', number) as key, 'p' as partition, 'office' as department, 'readings' as feed,
    format('b{:06d}', number) as batch, 'a' as attempt, 'accepted' as outcome, 'events' as delivery,
    timestamptz '2026-03-02 00:00:00+00' as interval_start, timestamptz '2026-03-03 00:00:00+00' as interval_end,
    date '2026-03-02' as dt, 'c' as contract, 'v1' as revision, 1 as key_version,
    timestamptz '2026-03-03 00:00:00+00' + to_microseconds(least(number, 1)) as content_as_of,
    now() as loaded_at, now() as committed_at
from range($minutes) as made(number)
"""


def test_a_delivery_every_minute_is_ordered_by_commits() -> None:
    """All of a day hold as of one moment, but the first, which is a microsecond older."""
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as log; use log")
        connection.execute(fold.SCHEMA)
        connection.execute(_RECEIPTS, {"minutes": MINUTES})
        query = f"select batch from ({standing(('office', 'readings'))}) order by precedence, batch desc"
        assert [batch for (batch,) in connection.execute(query).fetchall()] == [f"b{n:06d}" for n in range(MINUTES)]
