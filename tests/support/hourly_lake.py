"""A lake of the fixture project whose readings come by the hour, and what a source view of it holds.

Many small files of one feed are what merged copies are for.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from ingestion.delivery.ingest import ingest_interval
from ingestion.lake import Lake
from ingestion.sql import identifier
from ingestion.upkeep.compaction.catalogue import listed, members
from tests.support import office
from tests.support.office import CALL, FIRST, LOCAL, READING, REGISTER
from warehouse.build import state
from warehouse.build.inputs import read_effective
from warehouse.build.sources import create_sources, dated_tables, source_name

DAYS = 3
CORRECTED = datetime(2026, 3, 2, 9, tzinfo=LOCAL)
"""An hour of which two files are taken in."""
IN_MARCH = office.NOW
IN_MAY = datetime(2026, 5, 1, tzinfo=UTC)


def hourly_lake(home: Path, *, now: datetime = IN_MARCH, **changes: Any) -> Lake:
    """The lake of `home` as seen at `now`; `changes` replace settings in the contract of the readings."""
    made = office.lake(home, now=now)
    contract = made.contracts[READING]
    hourly = {
        "calendar": contract.citylake.calendar.model_copy(update={"every": "hour"}),
        "source": contract.citylake.source.model_copy(update={"path": "office/reading/hour_{interval:%Y%m%d%H}*.csv"}),
    }
    changed = replace(contract, citylake=contract.citylake.model_copy(update=hourly | changes))
    return replace(made, contracts={**made.contracts, READING: changed})


def take_in(made: Lake) -> None:
    """The first days of every feed, and one hour's readings again with other values."""
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        office.deliver(made.settings.drop_root, day, feeds=[REGISTER, CALL])
        for hour in range(24):
            _deliver_hour(made, datetime(day.year, day.month, day.day, hour, tzinfo=LOCAL))
    _deliver_hour(made, CORRECTED, more=1)
    first = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=LOCAL)
    for contract in made.contracts.values():
        for interval in contract.calendar.between(first, first + timedelta(days=DAYS)):
            ingest_interval(made, contract, interval)


def correct(made: Lake, start: datetime) -> str:
    """A corrected file of an hour: one office's reading is gone; the new batch."""
    _deliver_hour(made, start, offices=7)
    contract = made.contracts[READING]
    (delivery,) = ingest_interval(made, contract, contract.calendar.at(start))[-1:]
    assert delivery.outcome == "accepted", delivery
    return delivery.batch


def _deliver_hour(made: Lake, start: datetime, *, offices: int = 8, more: int = 0) -> None:
    """Readings of an hour; those with `more` or of fewer offices are modified later."""
    query = f"""
        select 'OF0' || i as office_code, '{(start + timedelta(minutes=30)).isoformat()}' as read_at,
            i + {start.hour + more} as energy_kwh
        from range(1, {offices + 1}) as offices (i)
    """
    name = f"hour_{start:%Y%m%d%H}{'_r1' if more else ''}{'_r2' if offices < 8 else ''}"
    modified = start + timedelta(hours=1 + more) if offices == 8 else IN_MARCH
    office.write(made.settings.drop_root / "office" / "reading", READING, name, query, modified)


def seen(made: Lake, name: str, *, merged: bool = True, days: list[date] | None = None) -> tuple[list[Any], list[str]]:
    """Rows of a feed's source view and its replaced rows by day, and the objects it opens.

    `days` are those affected in an incremental build, default a full one. `merged` False shows it without copies.
    """
    effective = read_effective(made)
    if not merged:
        effective = replace(effective, merged=state.MERGED_SCHEMA.empty_table())
    contract = made.contracts[name]
    schema, name = f"bronze_{contract.department}", source_name(contract, contract.tables[0])
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        run = state.Run("b", date(2026, 3, 6), IN_MARCH, full_refresh=True)
        state.begin(connection, effective, run, dated_tables=dated_tables(made.contracts.values()))
        if days is not None:
            connection.execute("update _citylake.run set full_refresh = false")
            connection.execute("delete from _citylake.affected_day where not list_contains($days, day)", {"days": days})
            connection.execute(state._LISTED)
        create_sources(connection, made.contracts, made.store.url)
        rows = connection.execute(f"select * from {identifier(schema, name)} order by all").fetchall()
        repeats = connection.execute("from _citylake.repeat_day order by all").fetchall()
        views = connection.execute("select sql from duckdb_views() where schema_name = $1", [schema])
        texts = [sql for (sql,) in views.fetchall() if name in sql]
    opened = {part for text in texts for part in text.split("'") if part.endswith(".parquet") and contract.feed in part}
    return [*rows, *repeats], sorted(opened)


def in_merged(made: Lake) -> set[str]:
    """Batches inside live merged objects."""
    return set(members(made, listed(made))["batch"].to_pylist())
