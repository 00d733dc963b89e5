"""Tables over feeds that are read by days are refused, with the way out; facts between, snapshots and views are
fine."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.contract.load import load_contracts
from ingestion.settings import Settings
from warehouse.build.collect import Lineage
from warehouse.build.errors import BuildFailed
from warehouse.build.incremental import require_incremental

WEATHER, LICENCES = ("qxj.wx_station_hourly", "wx_station_hourly"), ("syj.food_licence", "food_licence")


def lineage(source: tuple[str, str], **models: tuple[str, str]) -> Lineage:
    """`models` maps a name to its materialisation and the one thing it reads."""
    nodes: dict[str, Any] = {
        f"model.{name}": {"name": name, "resource_type": "model", "config": {"materialized": kind}}
        for name, (kind, _) in models.items()
    }
    meta = {"feed": source[0], "table": source[1]}
    sources = {"source.it": {"name": "it", "resource_type": "source", "config": {"meta": meta}}}
    parents = {f"model.{name}": [read] for name, (_, read) in models.items()}
    return Lineage({"nodes": nodes, "sources": sources, "parent_map": parents})


def check(source: tuple[str, str], **models: tuple[str, str]) -> None:
    contracts = load_contracts(Settings().contracts)
    assert source[1] in {table.name for table in contracts[source[0]].tables}
    require_incremental(lineage(source, **models), contracts.values())


def test_a_table_that_reads_a_growing_feed_through_views_is_refused() -> None:
    with pytest.raises(BuildFailed) as failed:
        check(WEATHER, stg=("view", "source.it"), mart_hours=("table", "model.stg"))
    assert "mart_hours reads qxj.wx_station_hourly" in str(failed.value)
    assert "incremental model" in str(failed.value)


def test_a_fact_between_is_whole() -> None:
    check(WEATHER, stg=("view", "source.it"), fct=("incremental", "model.stg"), mart_hours=("table", "model.fct"))


def test_a_snapshot_is_listed_whole() -> None:
    check(LICENCES, stg=("view", "source.it"), dim=("table", "model.stg"))
