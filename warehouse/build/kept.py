"""What the build file keeps of nodes and checks from one build to the next, in schema `_citylake`.

| table | rows |
|---|---|
| `node` | models and seeds whose table holds everything its identity says: relation, identity, build that made it |
| `check_result` | the last result of each data test, its identity, whether it was judged over every day |
| `parent_key` | keys that the parent table of a relationship check held before this build made it again |

A node that is to be made from everything is absent from when its build begins until that build completes, so that one
that was killed or failed is made again. What follows from it is decided in warehouse.build.selection.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from ingestion.sql import identifier
from warehouse.build.limits import affected_rows
from warehouse.build.lineage import Lineage
from warehouse.build.report import CheckRun

SCHEMA = """
create table if not exists _citylake.node (
    unique_id varchar, identity varchar, build_id varchar, schema_name varchar, table_name varchar
);
create table if not exists _citylake.check_result (
    unique_id varchar, identity varchar, is_whole boolean, is_dated boolean, result varchar, node varchar
);
create table if not exists _citylake.parent_key (check_id varchar, key varchar);
"""


@dataclass(frozen=True)
class KeptNode:
    """A table or view as it stands; `relation` is its schema and name."""

    identity: str
    build_id: str
    relation: tuple[str, str]


@dataclass(frozen=True)
class KeptCheck:
    """A check's last result. `is_whole`: judged over every day, not over the affected ones of its build. `is_dated`: it
    asks for the city's date. `node` is what of dbt's manifest judging it again needs (`judged_node`)."""

    identity: str
    is_whole: bool
    is_dated: bool
    result: CheckRun
    node: Mapping[str, Any]


@dataclass(frozen=True)
class Kept:
    """What is kept, by node id."""

    nodes: Mapping[str, KeptNode]
    checks: Mapping[str, KeptCheck]


def read(connection: duckdb.DuckDBPyConnection) -> Kept:
    """What is kept; nothing in a new file. Needs the schema `_citylake`."""
    connection.execute(SCHEMA)
    nodes = connection.execute("select unique_id, identity, build_id, schema_name, table_name from _citylake.node")
    kept_nodes = {
        name: KeptNode(identity, build, (schema, table)) for name, identity, build, schema, table in nodes.fetchall()
    }
    checks = connection.execute(
        "select unique_id, identity, is_whole, is_dated, result, node from _citylake.check_result"
    )
    kept_checks = {
        name: KeptCheck(identity, whole, dated, CheckRun.model_validate_json(text), json.loads(node))
        for name, identity, whole, dated, text, node in checks.fetchall()
    }
    return Kept(kept_nodes, kept_checks)


def judged_node(node: Mapping[str, Any]) -> dict[str, Any]:
    """What of a test in dbt's manifest is needed to judge it without dbt."""
    terms = ("fail_calc", "limit", "error_if", "warn_if", "severity")
    return {
        "unique_id": node["unique_id"],
        "config": {name: node["config"].get(name) for name in terms},
        "test_metadata": node.get("test_metadata"),
    }


def begin(connection: duckdb.DuckDBPyConnection, kept: Kept, lineage: Lineage, whole: Collection[str]) -> None:
    """Forget the nodes in `whole`, which are about to be made, and drop tables of models that the project has no more.

    The caller's transaction.
    """
    now = {name: relation_of(lineage, name) for name in lineage.tables()}
    gone = [name for name, node in kept.nodes.items() if now.get(name) != node.relation]
    for name in gone:
        if kept.nodes[name].relation not in now.values():
            _drop(connection, kept.nodes[name].relation)
    _delete(connection, "node", [*whole, *gone])
    _delete(connection, "check_result", set(kept.checks) - set(lineage.tests()))


def keep_parent_keys(connection: duckdb.DuckDBPyConnection, lineage: Lineage, checks: Iterable[str]) -> None:
    """Remember the keys that the parents of these relationship checks hold, before they are made again.

    Keys of a build that did not complete stay. The caller's transaction.
    """
    for check in checks:
        parent, field = lineage.parent_of(check)
        if _exists(connection, relation_of(lineage, parent)):
            connection.execute(
                f"insert into _citylake.parent_key {_keys(connection, lineage, parent, field)}", {"check": check}
            )


def lost_parent_keys(connection: duckdb.DuckDBPyConnection, lineage: Lineage) -> set[str]:
    """The relationship checks whose parent lost keys since `keep_parent_keys`."""
    rows = connection.execute("select distinct check_id from _citylake.parent_key").fetchall()
    return {check for (check,) in rows if check in lineage.tests() and _has_lost(connection, lineage, check)}


def _has_lost(connection: duckdb.DuckDBPyConnection, lineage: Lineage, check: str) -> bool:
    parent, field = lineage.parent_of(check)
    relation = relation_of(lineage, parent)
    if not _exists(connection, relation):
        return True
    # Keys that the affected days lost may be on others still; only these few are looked for in the whole table.
    row = connection.execute(
        f"""with lost as (
                select key from _citylake.parent_key where check_id = $check
                except
                select key from ({_keys(connection, lineage, parent, field)}) as now (check_id, key)
            )
            select exists (from lost where key not in
                (select cast({field} as varchar) from {identifier(*relation)} where {field} is not null))""",
        {"check": check},
    ).fetchone()
    return bool(row and row[0])


def _keys(connection: duckdb.DuckDBPyConnection, lineage: Lineage, parent: str, field: str) -> str:
    """SQL: `$check` and the keys of the parent's rows that this run makes again."""
    rows = affected_rows(connection, lineage.node(parent))
    return f"""select distinct $check, cast({field} as varchar) from {identifier(*relation_of(lineage, parent))}
               where {field} is not null and {rows}"""


def complete(
    connection: duckdb.DuckDBPyConnection, nodes: Mapping[str, KeptNode], checks: Mapping[str, KeptCheck]
) -> None:
    """Keep these nodes and check results in place of what was kept of them. The caller's transaction."""
    _delete(connection, "node", nodes)
    columns = ("unique_id", "identity", "build_id", "schema_name", "table_name")
    _insert(connection, "node", columns, [(name, n.identity, n.build_id, *n.relation) for name, n in nodes.items()])
    keep_checks(connection, checks)
    connection.execute("delete from _citylake.parent_key")


def keep_checks(connection: duckdb.DuckDBPyConnection, checks: Mapping[str, KeptCheck]) -> None:
    """Keep these check results in place of what was kept of them. The caller's transaction."""
    _delete(connection, "check_result", checks)
    columns = ("unique_id", "identity", "is_whole", "is_dated", "result", "node")
    rows: list[tuple[object, ...]] = [
        (name, c.identity, c.is_whole, c.is_dated, c.result.model_dump_json(), json.dumps(c.node))
        for name, c in checks.items()
    ]
    _insert(connection, "check_result", columns, rows)


def relation_of(lineage: Lineage, unique_id: str) -> tuple[str, str]:
    """Schema and name of a node's table or view."""
    node = lineage.node(unique_id)
    return node["schema"], node["alias"]


def _exists(connection: duckdb.DuckDBPyConnection, relation: tuple[str, str]) -> bool:
    return _kind(connection, relation) is not None


def _kind(connection: duckdb.DuckDBPyConnection, relation: tuple[str, str]) -> str | None:
    row = connection.execute(
        "select table_type from information_schema.tables where (table_schema, table_name) = ($schema, $name)",
        {"schema": relation[0], "name": relation[1]},
    ).fetchone()
    return str(row[0]) if row else None


def _drop(connection: duckdb.DuckDBPyConnection, relation: tuple[str, str]) -> None:
    kind = _kind(connection, relation)
    if kind is not None:
        connection.execute(f"drop {'view' if kind == 'VIEW' else 'table'} {identifier(*relation)}")


def _delete(connection: duckdb.DuckDBPyConnection, table: str, names: Iterable[str]) -> None:
    connection.execute(
        f"delete from {identifier('_citylake', table)} where unique_id in (select unnest($names::varchar[]))",
        {"names": sorted(names)},
    )


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, columns: tuple[str, ...], rows: list[tuple[object, ...]]
) -> None:
    if rows:
        data = pa.table({column: [row[i] for row in rows] for i, column in enumerate(columns)})
        connection.register("rows_now", data)
        connection.execute(f"insert into {identifier('_citylake', table)} from rows_now")
        connection.unregister("rows_now")
