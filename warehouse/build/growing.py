"""Which models must be incremental: those that read a feed of which a run lists the affected days only.

A table made anew from such a feed is whole in the first build and holds a few days in the next. It is told at the
first build, whatever the data. How sources are listed is warehouse.build.state's.
"""

from __future__ import annotations

from collections.abc import Iterable

from ingestion.contract.model import Contract
from warehouse.build.collect import Lineage
from warehouse.build.errors import BuildFailed
from warehouse.build.sources import dated_tables

_READ_THROUGH = ("view", "ephemeral")


def require_incremental(lineage: Lineage, contracts: Iterable[Contract]) -> None:
    """Raises BuildFailed naming every table that would lose the days that a run does not list."""
    growing = set(dated_tables(contract for contract in contracts if contract.citylake.delivery != "snapshot"))
    tables = [name for name in lineage.models() if lineage.node(name)["config"]["materialized"] == "table"]
    wrong = {name: found for name in tables if (found := _read(lineage, name, growing))}
    if wrong:
        readers = [f"{lineage.node(name)['name']} reads {', '.join(sorted(found))}" for name, found in wrong.items()]
        raise BuildFailed(
            f"made anew in every run from a feed that grows by days: {'; '.join(readers)}",
            left="no model was made; the last release stays",
            next_step="put an incremental model (strategy affected_days) between, as fct_weather_hourly.sql does",
        )


def _read(lineage: Lineage, unique_id: str, growing: set[tuple[str, str]]) -> set[str]:
    """Growing feeds a model reads itself or through views."""
    found: set[str] = set()
    for parent in lineage.upstream(unique_id):
        node = lineage.node(parent)
        if node["resource_type"] == "source":
            meta = (node.get("config") or {}).get("meta") or {}
            found |= {feed for feed, table in growing if (feed, table) == (meta.get("feed"), meta.get("table"))}
        elif node["config"]["materialized"] in _READ_THROUGH:
            found |= _read(lineage, parent, growing)
    return found
