"""Titles and descriptions of released tables and columns, from the build's report, else from the parent release."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import duckdb

from ingestion.sql import identifier, literal
from warehouse.build.report import BuildReport
from warehouse.publish.plan import Plan
from warehouse.release import layout


@dataclass(frozen=True)
class Comment:
    """A table's comment and its columns' comments."""

    table: str | None = None
    columns: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Descriptions:
    """Comments of every table of a plan: the build's where its rows are those of the build, else those of the parent
    release. In a public edition a table that is not made anew keeps its comments, which were searched for internal
    facts."""

    plan: Plan
    build: dict[str, Comment]
    parent: dict[str, Comment]

    def of(self, table: str) -> Comment:
        """The comments of a table by the plan as it is now; empty where there are none."""
        product = self.plan.product_of(table)
        is_same = product is not None and product.current and not layout.is_public(self.plan.edition)
        if table in self.build and (self.plan.source(table) == "build" or is_same):
            return self.build[table]
        return self.parent.get(table, Comment())


def from_build(report: BuildReport) -> dict[str, Comment]:
    """Descriptions of the build's models by name."""
    return {model.name: Comment(model.description or None, dict(model.columns)) for model in report.models}


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


def write(
    connection: duckdb.DuckDBPyConnection, target: str, kind: str, columns: Iterable[str], comment: Comment
) -> None:
    """Put the comments on a table or view: `target` is its quoted name, `kind` `table` or `view`, `columns` those it
    has. Comments of columns it lacks are left out."""
    statements = [f"comment on {kind} {target} is {literal(comment.table)}"] if comment.table else []
    statements += [
        f"comment on column {target}.{identifier(column)} is {literal(comment.columns[column])}"
        for column in columns
        if comment.columns.get(column)
    ]
    if statements:
        connection.execute("; ".join(statements))
