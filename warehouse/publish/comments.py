"""Titles and descriptions of released tables and columns, from dbt's manifest, else from the parent release."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb

from ingestion.sql import identifier, literal
from warehouse.publish.plan import Plan

if TYPE_CHECKING:
    from ingestion.lake import Lake


@dataclass(frozen=True)
class Comment:
    """A table's comment and its columns' comments."""

    table: str | None = None
    columns: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Descriptions:
    """Comments of every table of a plan: dbt's where the table comes from the build, else those of the parent
    release."""

    plan: Plan
    build: dict[str, Comment]
    parent: dict[str, Comment]

    def of(self, table: str) -> Comment:
        """The comments of a table by the plan as it is now; empty where there are none."""
        if self.plan.source(table) == "build" and table in self.build:
            return self.build[table]
        return self.parent.get(table, Comment())


def from_dbt(lake: Lake) -> dict[str, Comment]:
    """Descriptions of dbt models by name; empty when dbt left no manifest."""
    try:
        document = json.loads((lake.settings.state_root / "dbt" / "target" / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return {
        node["name"]: Comment(
            node.get("description") or None,
            {c["name"]: c["description"] for c in node.get("columns", {}).values() if c.get("description")},
        )
        for node in document.get("nodes", {}).values()
        if node.get("resource_type") == "model"
    }


def from_catalogue(connection: duckdb.DuckDBPyConnection, catalogue: str) -> dict[str, Comment]:
    """Comments as they stand in an attached release file."""
    tables = connection.execute(
        """select table_name, comment from duckdb_tables() where database_name = $1 union all
           select view_name, comment from duckdb_views() where database_name = $1 and not internal""",
        [catalogue],
    ).fetchall()
    columns = connection.execute(
        """select table_name, map_from_entries(list((column_name, comment))) from duckdb_columns()
           where database_name = $1 and comment is not null group by table_name""",
        [catalogue],
    ).fetchall()
    by_table = dict(columns)
    return {name: Comment(comment, by_table.get(name, {})) for name, comment in tables}


def write(connection: duckdb.DuckDBPyConnection, catalogue: str, name: str, kind: str, comment: Comment) -> None:
    """Put the comments on a table or view (`kind` is `table` or `view`); comments of columns it lacks are left out."""
    target = identifier(catalogue, "main", name)
    if comment.table:
        connection.execute(f"comment on {kind} {target} is {literal(comment.table)}")
    columns = connection.execute(
        "select column_name from duckdb_columns() where database_name = $1 and table_name = $2", [catalogue, name]
    ).fetchall()
    for (column,) in columns:
        if comment.columns.get(column):
            connection.execute(f"comment on column {target}.{identifier(column)} is {literal(comment.columns[column])}")
