"""Real files dropped into a fresh lake and taken to a release: what the tests on public data share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from ingestion.delivery import Delivery
from ingestion.ingest import ingest_interval
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from warehouse.build.runner import build
from warehouse.gate.decide import gate
from warehouse.gate.verdict import Verdict
from warehouse.release.publish import publish

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
