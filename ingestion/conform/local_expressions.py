"""Make conversions of local times in a contract's expressions strict, as `local_time` does for columns.

DuckDB converts a local time to a moment in a cast to TIMESTAMPTZ, in `timezone` (also written `at time zone`) and in
`make_timestamptz`. In the parsed expression each is replaced by a macro that fails where the local time does not exist
or is ambiguous; a failed expression breaks the rule `<column>.type`. Other expressions are left unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import closing
from functools import lru_cache
from typing import Any

import duckdb

from ingestion.conform.local_time import AS_INSTANT, MADE_INSTANT, STRICT_INSTANT, install, settled_from
from ingestion.sql import identifier, literal

Node = dict[str, Any]
_MENTIONS = re.compile(r"timezone|timestamptz|time\s+zone", re.IGNORECASE)
_MOMENT = "TIMESTAMP WITH TIME ZONE"
_PARTS = ("y", "m", "d", "h", "mi", "s")


def exact_times(expression: str, columns: Mapping[str, str], zone: str, choice: str) -> str:
    """The expression with strict conversions. `columns`: name to DuckDB type; `zone`: the session's time zone.

    `choice` is the contract's `ambiguous_time`.
    """
    if not _MENTIONS.search(expression):
        return expression
    return _rewritten(expression, tuple(columns.items()), zone, choice)


@lru_cache(maxsize=256)
def _rewritten(expression: str, columns: tuple[tuple[str, str], ...], zone: str, choice: str) -> str:
    with closing(duckdb.connect(config={"threads": 1})) as engine:
        install(engine)
        rewriter = _Rewriter(engine, columns, zone, choice)
        tree = rewriter.parsed(expression)
        return expression if tree is None else rewriter.text(rewriter.visit(tree))


class _Rewriter:
    """Rewrites one expression, using DuckDB to parse it, print it and determine types."""

    def __init__(
        self, engine: duckdb.DuckDBPyConnection, columns: tuple[tuple[str, str], ...], zone: str, choice: str
    ) -> None:
        self._engine = engine
        self._row = ", ".join(f"null::{kind} as {identifier(name)}" for name, kind in columns) or "1 as nothing"
        self._zone = zone
        self._choice = literal(choice)

    def parsed(self, expression: str) -> Node | None:
        """The expression's syntax tree; None where it cannot be parsed (running it will report why)."""
        found = json.loads(self._one("select json_serialize_sql($text)", f"select {expression}"))
        return None if found["error"] else _selected(found)

    def text(self, node: Node) -> str:
        """A syntax tree as SQL text."""
        statement = json.loads(self._one("select json_serialize_sql($text)", "select 1"))
        statement["statements"][0]["node"]["select_list"] = [node]
        printed = self._one("select json_deserialize_sql($text::json)", json.dumps(statement))
        return printed.removeprefix("SELECT ")

    def visit(self, node: Any) -> Any:
        """The tree with every conversion of a local time replaced, inner ones first."""
        if isinstance(node, list):
            return [self.visit(item) for item in node]
        if not isinstance(node, dict):
            return node
        node = {key: self.visit(value) for key, value in node.items()}
        if node.get("class") == "CAST" and node["cast_type"]["id"] == _MOMENT:
            return self._cast(node)
        if node.get("class") == "FUNCTION" and node["function_name"] == "timezone" and len(node["children"]) == 2:  # noqa: PLR2004 - zone and time
            return self._timezone(node)
        if node.get("class") == "FUNCTION" and node["function_name"] == "make_timestamptz":
            return self._made(node)
        return node

    def _cast(self, node: Node) -> Node:
        child = node["child"]
        if self._type(child) in (_MOMENT, None):
            return node
        call = f"{AS_INSTANT}(arg_t, {literal(self._zone)}, {self._choice}, {self._settled(self._zone)})"
        return self._filled(f"try({call})" if node["try_cast"] else call, {"t": child})

    def _timezone(self, node: Node) -> Node:
        zone, child = node["children"]
        if self._type(child) in (_MOMENT, "TIME WITH TIME ZONE", None):
            return node
        call = f"{STRICT_INSTANT}(arg_z, cast(arg_t as timestamp), {self._choice}, {self._settled(_constant(zone))})"
        return self._filled(call, {"z": zone, "t": child})

    def _made(self, node: Node) -> Node:
        given = node["children"]
        if len(given) not in (len(_PARTS), len(_PARTS) + 1):
            return node
        zoned = len(given) > len(_PARTS)
        settled = self._settled(_constant(given[-1]) if zoned else self._zone)
        zone = "arg_z" if zoned else literal(self._zone)
        parts = ", ".join(f"arg_{part}" for part in _PARTS)
        names = (*_PARTS, "z") if zoned else _PARTS
        call = f"{MADE_INSTANT}({parts}, {zone}, {self._choice}, {settled})"
        return self._filled(call, dict(zip(names, given, strict=True)))

    def _filled(self, template: str, arguments: dict[str, Node]) -> Node:
        tree = self.parsed(template)
        filled: Node = _with_arguments(tree, {f"arg_{name}": node for name, node in arguments.items()})
        return filled

    def _type(self, node: Node) -> str | None:
        """The DuckDB type of a node; None where it cannot be bound (a lambda's parameter, or an error)."""
        try:
            return str(self._engine.sql(f"select {self.text(node)} from (select {self._row})").types[0])
        except duckdb.Error:
            return None

    def _settled(self, zone: str | None) -> str:
        return literal(settled_from(zone)) if zone else "null"

    def _one(self, query: str, text: str) -> str:
        row = self._engine.execute(query, {"text": text}).fetchone()
        return str(row[0]) if row else ""


def _selected(tree: Node) -> Node:
    selected: Node = tree["statements"][0]["node"]["select_list"][0]
    return selected


def _constant(node: Node) -> str | None:
    """The text of a constant node; None for any other node."""
    value = node.get("value")
    is_text = node.get("class") == "CONSTANT" and isinstance(value, dict) and isinstance(value.get("value"), str)
    return str(value["value"]) if is_text and isinstance(value, dict) else None


def _with_arguments(node: Any, arguments: dict[str, Node]) -> Any:
    if isinstance(node, list):
        return [_with_arguments(item, arguments) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("class") == "COLUMN_REF" and node["column_names"][-1] in arguments:
        return arguments[node["column_names"][-1]]
    return {key: _with_arguments(value, arguments) for key, value in node.items()}
