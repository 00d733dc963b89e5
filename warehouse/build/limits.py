"""Which rows of a model a check reads in this run, as dbt_project/macros/get_where_subquery.sql has it.

On a model that grows by affected days these are the rows of those days, unless the check is judged over every day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from ingestion.sql import identifier, literal
from warehouse.build.lineage import citylake_meta


def affected_rows(connection: duckdb.DuckDBPyConnection, node: Mapping[str, Any]) -> str:
    """SQL condition: the rows of a model on the days that this run makes again; `true` for a model made whole."""
    if node["config"]["materialized"] != "incremental":
        return "true"
    settings = citylake_meta(node)
    found = connection.execute(
        """select distinct cast(affected_day.day + cast(spread.days as integer) as varchar) as day
           from _citylake.affected_day cross join (select unnest($spread::bigint[]) as days) as spread
           where affected_day.feed in (select unnest($feeds::varchar[])) order by day""",
        {"spread": settings.get("spread", [0]), "feeds": settings["feeds"]},
    ).fetchall()
    if not found:
        return "false"
    days = ", ".join(f"date {literal(day)}" for (day,) in found)
    return f"{identifier(settings['day_column'])} in ({days})"


def whole_nodes(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Ids of the models and checks that this run makes or judges over every day."""
    return {name for (name,) in connection.execute("select unique_id from _citylake.whole_node").fetchall()}


def add_whole(connection: duckdb.DuckDBPyConnection, names: set[str]) -> None:
    """Have these models made, or checks judged, over every day in this run."""
    connection.execute("insert into _citylake.whole_node select unnest($names::varchar[])", {"names": sorted(names)})
