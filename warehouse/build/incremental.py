"""Refuse a project in which a `table` model reads a feed of which a build lists only the affected days.

Such a table would be complete after the first build and hold only the affected days after the next, so it must be
incremental, or read an incremental model. Which files a build lists is decided in warehouse.build.state.
"""

from __future__ import annotations

from collections.abc import Iterable

from ingestion.contract.model import Contract
from warehouse.build.errors import BuildFailed
from warehouse.build.lineage import Lineage
from warehouse.build.sources import dated_tables

_READ_THROUGH = ("view", "ephemeral")


def require_incremental(lineage: Lineage, contracts: Iterable[Contract]) -> None:
    """Raises BuildFailed naming every table that would lose days, and the feeds it reads."""
    dated = set(dated_tables(contract for contract in contracts if contract.citylake.delivery != "snapshot"))
    tables = [name for name in lineage.models() if lineage.node(name)["config"]["materialized"] == "table"]
    wrong = {name: feeds for name in tables if (feeds := _feeds_read(lineage, name, dated))}
    if wrong:
        readers = [f"{lineage.node(name)['name']} reads {', '.join(sorted(feeds))}" for name, feeds in wrong.items()]
        raise BuildFailed(
            f"made anew in every run from a feed that grows by days: {'; '.join(readers)}",
            left="no model was made; the last release stays",
            next_step="put an incremental model (strategy affected_days) between, as fct_weather_hourly.sql does",
        )


def _feeds_read(lineage: Lineage, unique_id: str, dated: set[tuple[str, str]]) -> set[str]:
    """Feeds with a table in `dated` ((feed, table) pairs) that a model reads itself or through views."""
    feeds: set[str] = set()
    for parent in lineage.upstream(unique_id):
        node = lineage.node(parent)
        if node["resource_type"] == "source":
            meta = (node.get("config") or {}).get("meta") or {}
            feeds |= {feed for feed, table in dated if (feed, table) == (meta.get("feed"), meta.get("table"))}
        elif node["config"]["materialized"] in _READ_THROUGH:
            feeds |= _feeds_read(lineage, parent, dated)
    return feeds
