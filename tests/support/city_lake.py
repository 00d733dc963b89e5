"""A lake of the simulated city's first days, taken in by the real parts, and what a source view of it holds."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from infra.simulator.city import City
from infra.simulator.deliver import deliver
from ingestion.delivery.ingest import ingest_interval
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from ingestion.sql import identifier
from ingestion.upkeep.compaction.catalogue import listed, members
from warehouse.build import state
from warehouse.build.inputs import read_effective
from warehouse.build.sources import create_sources, dated_tables, source_name

WEATHER, COMPLAINTS = "qxj.wx_station_hourly", "syj.complaint"
DAYS = 3
IN_MARCH = datetime(2026, 3, 20, tzinfo=UTC)
IN_MAY = datetime(2026, 5, 1, tzinfo=UTC)


def city_lake(home: Path, *, now: datetime = IN_MARCH, **changes: Any) -> Lake:
    """The lake of `home` as seen at `now`; `changes` replace settings in every contract's extension."""
    made = open_lake(Settings(home=home))
    contracts = {
        name: replace(contract, citylake=contract.citylake.model_copy(update=changes if name == WEATHER else {}))
        for name, contract in made.contracts.items()
    }
    return replace(made, contracts=contracts, clock=lambda: now)


def take_in(made: Lake, days: int = DAYS) -> None:
    """The city's first days of two feeds, delivered and ingested."""
    for number in range(1, days + 1):
        deliver(City(), number, made.settings.root / "city")
    for name in (WEATHER, COMPLAINTS):
        contract = made.contracts[name]
        for interval in contract.calendar.between(
            datetime(2026, 3, 1, 16, tzinfo=UTC), datetime(2026, 3, 6, tzinfo=UTC)
        ):
            ingest_interval(made, contract, interval)


def correct(made: Lake, name: str, hour: str) -> str:
    """A corrected weather file of an hour (`2026030305`, local): one station's row is gone; the new batch."""
    contract = made.contracts[name]
    folder = made.settings.drop_root / "qxj" / "wx_station_hourly"
    path = folder / f"SURF_CHN_MUL_HOR_{hour}.csv"
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], *lines[2:]]))
    moment = IN_MARCH.timestamp()
    os.utime(path, (moment, moment))
    start = datetime.strptime(hour, "%Y%m%d%H").replace(tzinfo=contract.calendar.zone)
    (delivery,) = ingest_interval(made, contract, contract.calendar.at(start))[-1:]
    assert delivery.outcome == "accepted", delivery
    return delivery.batch


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
