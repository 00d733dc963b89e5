"""Tests whose SQL is known without dbt: column checks (not null, one of some values, within a range) and keys.

They are ordinary dbt tests, which `dbt test` runs one by one; here those of one model become the columns of one query,
with the rows they read and the counts they give the same. Which failures are a warning or a failure is decided in
warehouse.build.direct_checks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ingestion.sql import identifier, literal
from warehouse.build.lineage import Lineage, arguments_of

KNOWN = {
    "not_null": "macro.dbt.test_not_null",
    "accepted_values": "macro.dbt.test_accepted_values",
    "value_between": "0baa464f54fb39eb",
    "primary_key": "4d21f702a16d2246",
}
"""Kind of test to dbt's macro or, of the project's own, the digest of its macro (`definition`). A test of that name
with another definition may count otherwise, and is left to dbt."""

_COLUMN_CHECKS = ("not_null", "accepted_values", "value_between")


@dataclass(frozen=True)
class ColumnCheck:
    """One check of one column. `failing` is true for rows that break it; `counted` is what it counts of these."""

    unique_id: str
    column: str
    failing: str
    where: str
    counted: str = "count(*)"

    def aggregate(self) -> str:
        """SQL that counts its failures over the rows the query reads."""
        return f"{self.counted} filter (where ({self.where}) and ({self.failing}))"

    def statement(self, relation: str, rows: str) -> str:
        """SQL that gives the rows that break it, for a person to run."""
        return f"select *\nfrom {relation}\nwhere ({rows}) and ({self.where}) and ({self.failing})"


def column_checks(lineage: Lineage, names: Collection[str]) -> dict[str, list[ColumnCheck]]:
    """The column checks among the tests `names`, by the id of the model they are declared on."""
    found: dict[str, list[ColumnCheck]] = {}
    for name in sorted(names):
        node = lineage.node(name)
        if _kind(lineage, node) in _COLUMN_CHECKS and node.get("column_name"):
            found.setdefault(node["attached_node"], []).append(_column_check(name, node))
    return found


def key_checks(lineage: Lineage, names: Collection[str]) -> list[str]:
    """The tests among `names` that look for repeated and missing keys, by the columns they name."""
    known = (name for name in sorted(names) if _kind(lineage, lineage.node(name)) == "primary_key")
    return [name for name in known if arguments_of(lineage.node(name)).get("columns")]


def key_statement(lineage: Lineage, check: str, rows: str) -> str:
    """SQL that gives the broken keys of a model among `rows` (a condition), as the macro `primary_key` does."""
    node = lineage.node(check)
    columns = [str(column) for column in arguments_of(node)["columns"]]
    listed, where = ", ".join(columns), node["config"].get("where") or "true"
    missing = "".join(f" or {column} is null" for column in columns)
    return (
        f"select {listed}, count(*) as row_count\nfrom {relation(lineage, node['attached_node'])}\n"
        f"where ({rows}) and ({where})\ngroup by {listed}\nhaving count(*) > 1{missing}"
    )


def relation(lineage: Lineage, model: str) -> str:
    """The quoted name of a model's table or view."""
    node = lineage.node(model)
    return identifier(node["schema"], node["alias"])


def definition(macro_sql: str) -> str:
    """Digest of a macro's text; white space does not count."""
    return hashlib.sha256(" ".join(macro_sql.split()).encode()).hexdigest()[:16]


def _kind(lineage: Lineage, node: Mapping[str, Any]) -> str | None:
    """The kind of a plain test in `KNOWN`; None for others, and for those that store, limit or sum their failures."""
    kind = (node.get("test_metadata") or {}).get("name")
    config, macros = node["config"], lineage.manifest["macros"]
    called = [name for name in node["depends_on"]["macros"] if macros[name]["name"] == f"test_{kind}"]
    is_plain = config["fail_calc"] == "count(*)" and config.get("limit") is None and not config.get("store_failures")
    if kind not in KNOWN or len(called) != 1 or not node.get("attached_node") or not is_plain:
        return None
    is_known = KNOWN[kind] in (called[0], definition(macros[called[0]]["macro_sql"]))
    return kind if is_known and not _needs_dbt(arguments_of(node)) else None


def _needs_dbt(arguments: Mapping[str, Any]) -> bool:
    """Do they hold a template, or a quote, which dbt does not escape?"""
    given = [value for name, value in arguments.items() if name != "model"]
    values = [part for value in given for part in (value if isinstance(value, list) else [value])]
    return any(mark in str(value) for value in values for mark in ("{{", "{%", "'"))


def _column_check(unique_id: str, node: Mapping[str, Any]) -> ColumnCheck:
    column, arguments = node["column_name"], arguments_of(node)
    where = node["config"].get("where") or "true"
    kind = node["test_metadata"]["name"]
    if kind == "not_null":
        return ColumnCheck(unique_id, column, f"{column} is null", where)
    if kind == "value_between":
        failing = f"{column} < {arguments['low']} or {column} > {arguments['high']}"
        return ColumnCheck(unique_id, column, failing, where)
    is_text = arguments.get("quote", True)
    values = ", ".join(literal(str(value)) if is_text else str(value) for value in arguments["values"])
    # As dbt counts them: values that are not known, not rows.
    return ColumnCheck(unique_id, column, f"{column} not in ({values})", where, f"count(distinct {column})")
