"""A lake of the fixture project for builds: deliveries of any rows, and what counts of them.

Each delivery goes through ingest. A build then gets the effective files as Arrow tables, so that a test may take one
away or let a receipt say what is not so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contract.model import Contract
from ingestion.delivery.ingest import ingest_file
from ingestion.lake import Lake
from ingestion.sql import literal
from tests.support import office
from tests.support.office import CALL, FEEDS, LOCAL, READING, REGISTER
from warehouse.build.builder import Builder
from warehouse.build.inputs import read_effective
from warehouse.build.report import BuildReport
from warehouse.build.state import Effective

BUILT_AS_OF = date(2026, 3, 3)
"""The day of the lake that is built once for many tests."""


def open_lake(home: Path, changes: Mapping[str, Mapping[str, Any]] | None = None) -> Lake:
    """A lake in which no correction is held; `changes` replace more of a feed's settings."""
    lake = office.lake(home)
    changed = {name: {"max_key_loss": 1.0, **(changes or {}).get(name, {})} for name in FEEDS}
    return replace(lake, contracts={name: extended(lake.contracts[name], changed[name]) for name in FEEDS})


def extended(contract: Contract, changes: Mapping[str, Any]) -> Contract:
    return replace(contract, citylake=contract.citylake.model_copy(update=dict(changes)))


@dataclass
class SmallLake:
    """Deliveries of March 2026 by day; `withdrawn` are batches that count no more."""

    lake: Lake
    project: Path = office.DBT_PROJECT
    withdrawn: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.lake.settings.root

    def deliver(self, feed: str, day: date, query: str, *, as_of: datetime | None = None) -> str:
        """One delivery of the day with these rows; the batch. `as_of` orders those of one day; default its end."""
        contract = self.lake.contracts[feed]
        (interval,) = contract.calendar.meeting(day)
        path = office.write(self.home / "sent", feed, feed, query, as_of or interval.end)
        delivery = ingest_file(self.lake, contract, path, interval)
        assert delivery.outcome in ("accepted", "unchanged", "duplicate"), delivery
        return delivery.batch

    def readings(
        self,
        day: date,
        *,
        hours: tuple[int, ...] = (1, 9, 21),
        more: float = 0,
        moved: timedelta = timedelta(),
        as_of: datetime | None = None,
    ) -> str:
        """Readings of three offices, `more` kilowatt hours in each, their time `moved`."""
        midnight = datetime.combine(day, datetime.min.time()) + moved
        query = f"""
            select 'OF0' || i as office_code, i * 2.5 + {more} as energy_kwh,
                strftime({literal(midnight)} + to_hours(hour), '%Y-%m-%dT%H:%M:%S+08:00') as read_at
            from range(1, 4) as offices (i), (select unnest({list(hours)}) as hour)
        """
        return self.deliver(READING, day, query, as_of=as_of)

    def register(self, day: date, *, offices: int, as_of: datetime | None = None) -> str:
        query = f"""
            select 'OF0' || i as office_code, '办公点' || i as office_name, ['东区', '西区'][1 + i % 2] as district,
                '负责人' || i as manager, '2020-01-01' as opened_date
            from range(1, {offices + 1}) as offices (i)
        """
        return self.deliver(REGISTER, day, query, as_of=as_of)

    def calls(
        self,
        day: date,
        numbers: range,
        *,
        repeated: range = range(0),
        minutes: int = 5,
        moved: timedelta = timedelta(),
        as_of: datetime | None = None,
    ) -> str:
        """Calls `numbers` of the day, and `repeated` ones of the day before; `moved` shifts their time."""

        def one(on: date, some: range) -> str:
            moment = datetime.combine(on, datetime.min.time(), tzinfo=LOCAL) + timedelta(hours=11) + moved
            return f"""
                select 'C{on:%m%d}-' || n as call_id, 'OF0' || n as office_code, '{moment.isoformat()}' as called_at,
                    '咨询' as topic, {minutes} as minutes
                from range({some.start}, {some.stop}) as numbers (n)
            """

        query = f"{one(day, numbers)} union all {one(day - timedelta(days=1), repeated)}"
        return self.deliver(CALL, day, query, as_of=as_of)

    def fill(self, day: date) -> None:
        """One ordinary day of every feed."""
        self.readings(day)
        self.register(day, offices=4 + day.day % 5)
        self.calls(day, range(1, 4), repeated=range(1, 3))

    def effective(self) -> Effective:
        found = read_effective(self.lake)
        counts = pc.invert(pc.is_in(found.files["batch"], pa.array(sorted(self.withdrawn), pa.string())))
        files = found.files.filter(counts)
        return replace(found, files=files, days=found.days.filter(pc.is_in(found.days["key"], files["key"])))

    def builder(self) -> Builder:
        settings = self.lake.settings.model_copy(update={"dbt_project": self.project})
        return Builder(settings, self.lake.contracts, self.lake.store.url, self.said.append)

    def build(self, as_of: date, **options: Any) -> BuildReport:
        return self.builder().build(self.effective(), as_of, **options)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.lake.settings.build_path) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()

    def public_tables(self, report: BuildReport) -> dict[str, list[str]]:
        """Every public table as its sorted rows."""
        return {
            model.name: sorted(str(row) for row in self.query(f"from {model.relation}"))
            for model in report.models
            if model.public
        }


def march(day: int, hour: int = 0) -> datetime:
    """An hour of a day of March 2026, local time."""
    return datetime(2026, 3, day, hour, tzinfo=LOCAL)
