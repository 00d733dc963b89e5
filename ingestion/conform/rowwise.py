"""Check that an expression of a contract depends on the values of its row only.

A row must be judged equally today and whenever bronze is regenerated (docs/adr/0021). So an expression may not use
other rows (aggregates, windows, subqueries, `unnest`), the time or the machine (`now()`, `random()`, settings,
sequences), or files. DuckDB parses the expression and tells the kind of each function; anything not known to be safe is
refused. Column types are checked by `bind`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import duckdb

from ingestion.conform.engine import conform_session

_PARTS = frozenset(
    ("COLUMN_REF", "CONSTANT", "COMPARISON", "CONJUNCTION", "OPERATOR", "CAST", "CASE", "BETWEEN", "FUNCTION", "LAMBDA",
     "COLLATE")
)  # fmt: skip
_REFUSED_PARTS = {
    "WINDOW": "a window function looks at other rows",
    "SUBQUERY": "a subquery looks at other rows",
    "STAR": "`*` is no value",
    "PARAMETER": "there is no parameter to give",
    "POSITIONAL_REFERENCE": "a column is named, not counted",
}
_HIDDEN = frozenset(
    ("current_localtime", "current_localtimestamp", "current_setting", "getvariable", "getenv", "version",
     "vector_type", "stats", "json_serialize_plan", "json_deserialize_sql", "parse_duckdb_log_message", "combine",
     "finalize")
)  # fmt: skip
"""Functions that DuckDB 1.5 declares consistent although they depend on the clock, the session or the engine."""

_CLOCK = frozenset(
    ("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "now", "today",
     "get_current_timestamp", "get_current_time", "transaction_timestamp", "current_localtime",
     "current_localtimestamp")
)  # fmt: skip
_KINDS = {
    "aggregate": "looks at other rows (an aggregate)",
    "table": "gives rows, not one value",
    "table_macro": "gives rows, not one value",
    "pragma": "changes the session",
}


@dataclass(frozen=True)
class _Function:
    """What DuckDB knows about a function name. `bodies`: (parameters, text) of each overload of a macro."""

    kinds: frozenset[str]
    is_consistent: bool
    bodies: tuple[tuple[tuple[str, ...], str], ...] = ()


@dataclass
class _Walk:
    """State of checking one expression: allowed columns, enclosing macros (`inside`), and the problems found."""

    columns: frozenset[str]
    functions: dict[str, _Function]
    connection: duckdb.DuckDBPyConnection
    inside: frozenset[str] = frozenset()
    found: list[str] = field(default_factory=list)


def problems(connection: duckdb.DuckDBPyConnection, expression: str, columns: frozenset[str]) -> list[str]:
    """The reasons why the expression is refused; empty where it is allowed.

    `connection` is a `conform_session`. The expression is parsed, not run.
    """
    walk = _Walk(frozenset(name.casefold() for name in columns), _functions(), connection)
    try:
        tree = _parsed(connection, expression)
        if isinstance(tree, str):
            return [tree]
        _visit(tree, walk, frozenset())
    except RecursionError:
        return ["it is nested too deeply to be read; write several rules"]
    return list(dict.fromkeys(walk.found))


def _parsed(connection: duckdb.DuckDBPyConnection, expression: str) -> Any:
    """The syntax tree of an expression; an error text where it is not exactly one expression."""
    query = f"select ({expression}\n) as value"
    try:
        row = connection.execute(
            "select json_serialize_sql($1, skip_null := true, skip_empty := true, skip_default := true)", [query]
        ).fetchone()
    except duckdb.Error as error:
        return f"DuckDB refuses it: {str(error).splitlines()[0]}"
    document = json.loads(row[0]) if row else {"error": True}
    if document.get("error"):
        return f"DuckDB refuses it: {document.get('error_message', 'it is no SQL expression')}"
    statements = document["statements"]
    node = statements[0]["node"] if len(statements) == 1 else {}
    plain = {"type", "select_list", "from_table", "aggregate_handling"}
    chosen = node.get("select_list", [])
    if set(node) - plain or len(chosen) != 1 or node["from_table"] != {"type": "EMPTY"}:
        return "it is not one expression: write a value, without `select`, `from` or a second one"
    return chosen[0]


def _visit(node: Any, walk: _Walk, lambda_names: frozenset[str]) -> None:
    if isinstance(node, list):
        for item in node:
            _visit(item, walk, lambda_names)
        return
    if not isinstance(node, dict):
        return
    part = node.get("class")
    if part is not None and part not in _PARTS:
        walk.found.append(_REFUSED_PARTS.get(part, f"`{part.lower()}` is not allowed in a row's expression"))
        return
    if part == "COLUMN_REF":
        _column(node["column_names"], walk, lambda_names)
        return
    if part == "FUNCTION":
        _function(str(node["function_name"]).casefold(), len(node.get("children", ())), walk)
    if node.get("type") == "GROUPING_FUNCTION":
        walk.found.append("`grouping` looks at other rows")
    if part == "LAMBDA":
        lambda_names = lambda_names | _names(node["lhs"])
        _visit(node["expr"], walk, lambda_names)
        return
    for value in node.values():
        _visit(value, walk, lambda_names)


def _column(names: list[str], walk: _Walk, lambda_names: frozenset[str]) -> None:
    first = names[0].casefold()
    if first in walk.columns or first in lambda_names:
        return
    if first in _CLOCK:
        walk.found.append(f"`{names[0]}` is another at every run; a rule compares with `content_date`")
    else:
        walk.found.append(f"names `{'.'.join(names)}`, which is not a column of the row")


def _function(name: str, arguments: int, walk: _Walk) -> None:
    known = walk.functions.get(name)
    if known is None:
        walk.found.append(f"`{name}` is no function of a row's values")
        return
    for kind, why in _KINDS.items():
        # `range` and `repeat` are tables behind FROM, and values in an expression.
        if kind in known.kinds and (kind == "aggregate" or "scalar" not in known.kinds):
            walk.found.append(f"`{name}` {why}")
            return
    if name in _CLOCK or (name == "age" and arguments == 1):
        walk.found.append(f"`{name}` is another at every run; a rule compares with `content_date`")
    elif not known.is_consistent or name in _HIDDEN or name.startswith("__internal"):
        walk.found.append(f"`{name}` does not depend on the row alone")
    elif name not in walk.inside:
        _macro(name, known, walk)


def _macro(name: str, known: _Function, walk: _Walk) -> None:
    """Check the bodies of a macro; a macro may have the name of a function it calls."""
    for parameters, body in known.bodies:
        tree = _parsed(walk.connection, body)
        inner = _Walk(frozenset(parameters), walk.functions, walk.connection, walk.inside | {name})
        _visit(tree, inner, frozenset())
        if isinstance(tree, str) or inner.found:
            walk.found.append(f"`{name}` does not depend on the row alone")


def _names(node: Any) -> frozenset[str]:
    """The parameter names of a lambda: `x`, or `(x, i)`."""
    if isinstance(node, list):
        return frozenset[str]().union(*map(_names, node))
    if not isinstance(node, dict):
        return frozenset()
    own = frozenset(name.casefold() for name in node.get("column_names", ()))
    return own.union(*map(_names, node.values()))


@cache
def _functions() -> dict[str, _Function]:
    """All functions of a `conform_session`, by name."""
    with conform_session("UTC") as connection:
        rows = connection.execute(_FUNCTIONS).fetchall()
    return {name: _Function(frozenset(kinds), consistent, _bodies(macros)) for name, kinds, consistent, macros in rows}


def _bodies(macros: list[dict[str, Any]] | None) -> tuple[tuple[tuple[str, ...], str], ...]:
    return tuple((tuple(name.casefold() for name in one["parameters"]), one["body"]) for one in macros or ())


_FUNCTIONS = """
select
    lower(function_name) as name,
    list(distinct function_type),
    bool_and(coalesce(stability, 'CONSISTENT') = 'CONSISTENT'),
    list({parameters: parameters, body: macro_definition}) filter (where function_type = 'macro')
from duckdb_functions()
group by name
"""
