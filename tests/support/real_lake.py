"""Real files dropped into a fresh lake and taken to a release: what the tests on public data share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion.delivery.ingest import ingest_interval
from ingestion.delivery.outcome import Delivery
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from ingestion.store.reading import reading
from warehouse.build.runner import build
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.verdict import Verdict

ACCEPTANCE = Path(__file__).parents[1] / "acceptance"


@dataclass(frozen=True)
class Dropped:
    """One real file in the drop folder: where from, under which name, published when."""

    feed: str
    source: str
    target: str
    published: datetime
    interval_day: date


@dataclass(frozen=True)
class Released:
    """The lake after everything ran."""

    lake: Lake
    deliveries: dict[str, list[Delivery]]
    verdicts: list[Verdict]
    release_id: str


def bronze_rows(released: Released, delivery: Delivery, query: str) -> list[tuple[Any, ...]]:
    """`query` over the view `bronze`: the rows of one delivery, wherever the store is."""
    keys = _column(released, "select key from bronze_file where receipt_key = $1", delivery.receipt)
    return _over(released, "bronze", keys, query)


def refused_rows(released: Released, feed: str, query: str) -> list[tuple[Any, ...]]:
    """`query` over the view `refused`: the rows of a feed's deliveries that were set aside."""
    keys = _column(released, "select unnest(quarantine) from table_receipt where department || '.' || feed = $1", feed)
    return _over(released, "refused", keys, query)


def _column(released: Released, query: str, value: str | None) -> list[str]:
    with released.lake.log.connect() as log:
        return [key for (key,) in log.execute(query, [value]).fetchall()]


def _over(released: Released, name: str, keys: list[str], query: str) -> list[tuple[Any, ...]]:
    store = released.lake.store
    with duckdb.connect() as connection, reading(store, connection, f"read {name}"):
        connection.read_parquet([store.url(key) for key in keys]).create_view(name)  # type: ignore[arg-type]
        return connection.execute(query).fetchall()


def release(home: Path, real_data: Path, files: Iterable[Dropped], as_of: date) -> Released:
    """Drop the files, ingest their intervals, build, gate and publish."""
    files = tuple(files)
    drop = home / "drop"
    settings = Settings(
        home=home, drop=drop, contracts=ACCEPTANCE / "contracts", dbt_project=ACCEPTANCE / "dbt_project"
    )
    lake = open_lake(settings)
    deliveries: dict[str, list[Delivery]] = {}
    for item in files:
        target = drop / item.target
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(real_data / item.source, target)
        os.utime(target, (item.published.timestamp(),) * 2)
    for feed, interval_day in dict.fromkeys((item.feed, item.interval_day) for item in files):
        contract = lake.contracts[feed]
        for interval in contract.calendar.meeting(interval_day):
            deliveries.setdefault(feed, []).extend(ingest_interval(lake, contract, interval))
    report = build(lake, as_of=as_of)
    verdicts = gate(lake, report)
    published = publish(lake, report, verdicts, approver="acceptance")
    internal = next(p for p in published if p.edition == "internal")
    if internal.release is None:
        raise ValueError(f"nothing was released: {internal}")
    return Released(lake, deliveries, verdicts, internal.release)
