"""Column checks in one scan: not null, one of some values, within a range, each with its own result.

They are ordinary dbt tests, which `dbt test` runs one by one; here those of one model become the columns of one query,
with the rows they read and the counts they give the same. Which failures are a warning or a failure is decided in
warehouse.build.direct_checks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ingestion.sql import identifier, literal
from warehouse.build.lineage import Lineage, arguments_of

_MACROS = {
    "not_null": "macro.dbt.test_not_null",
    "accepted_values": "macro.dbt.test_accepted_values",
    "value_between": None,
}
_VALUE_BETWEEN = (
    "{% macro test_value_between(model, column_name, low, high) %} select {{ column_name }} from {{ model }} "
    "where {{ column_name }} < {{ low }} or {{ column_name }} > {{ high }} {% endmacro %}"
)
"""The only definition that is known to count what is counted here."""


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
        if _is_column_check(lineage, node):
            found.setdefault(node["attached_node"], []).append(_column_check(name, node))
    return found


def relation(lineage: Lineage, model: str) -> str:
    """The quoted name of a model's table or view."""
    node = lineage.node(model)
    return identifier(node["schema"], node["alias"])


def _is_column_check(lineage: Lineage, node: Mapping[str, Any]) -> bool:
    """Is it a plain test of a known kind? Those that store, limit or sum their failures are left to dbt."""
    test, config = node.get("test_metadata") or {}, node["config"]
    kind = test.get("name")
    if kind not in _MACROS or not node.get("attached_node") or not node.get("column_name"):
        return False
    known_macros = lineage.manifest["macros"]
    macros = [name for name in node["depends_on"]["macros"] if known_macros[name]["name"] == f"test_{kind}"]
    known = [_MACROS[kind]] if _MACROS[kind] else [m for m in macros if _is_value_between(lineage, m)]
    is_plain = config["fail_calc"] == "count(*)" and config.get("limit") is None and not config.get("store_failures")
    return macros == known and bool(macros) and is_plain and not _has_template(arguments_of(node))


def _is_value_between(lineage: Lineage, macro: str) -> bool:
    text = " ".join(lineage.manifest["macros"][macro]["macro_sql"].split())
    return re.sub(r"%\}\s*\{%", "%} {%", text) == _VALUE_BETWEEN


def _has_template(arguments: Mapping[str, Any]) -> bool:
    return any("{{" in str(value) or "{%" in str(value) for name, value in arguments.items() if name != "model")


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
