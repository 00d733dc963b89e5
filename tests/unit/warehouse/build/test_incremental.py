"""Tables over feeds that are read by days are refused, with the way out; facts between, snapshots and views are
fine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.lakes import contract
from warehouse.build.errors import BuildFailed
from warehouse.build.incremental import require_incremental
from warehouse.build.lineage import Lineage


def lineage(**models: tuple[str, str]) -> Lineage:
    """`models` maps a name to its materialisation and the one thing it reads."""
    nodes: dict[str, Any] = {
        f"model.{name}": {"name": name, "resource_type": "model", "config": {"materialized": kind}}
        for name, (kind, _) in models.items()
    }
    meta = {"feed": "office.readings", "table": "reading"}
    sources = {"source.it": {"name": "it", "resource_type": "source", "config": {"meta": meta}}}
    parents = {f"model.{name}": [read] for name, (_, read) in models.items()}
    return Lineage({"nodes": nodes, "sources": sources, "parent_map": parents})


def check(delivery: str, **models: tuple[str, str]) -> None:
    require_incremental(lineage(**models), [replace(contract(delivery), name="office.readings")])


@pytest.mark.parametrize("delivery", ["interval", "events"])
def test_a_table_that_reads_a_growing_feed_through_views_is_refused(delivery: str) -> None:
    with pytest.raises(BuildFailed) as failed:
        check(delivery, stg=("view", "source.it"), mart_hours=("table", "model.stg"))
    assert "mart_hours reads office.readings" in str(failed.value)
    assert "incremental model" in str(failed.value)


def test_a_fact_between_is_whole() -> None:
    check("interval", stg=("view", "source.it"), fct=("incremental", "model.stg"), mart_hours=("table", "model.fct"))


def test_a_snapshot_is_listed_whole() -> None:
    check("snapshot", stg=("view", "source.it"), dim=("table", "model.stg"))
