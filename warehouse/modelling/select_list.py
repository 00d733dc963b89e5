"""The columns a dbt model selects and which columns of other models they copy, read from its SQL without dbt.

Relies on the project's form: models are imported as `x as (select * from {{ ref('y') }})`, the last line is
`select * from final` and `final` is the last CTE. Copies are followed through CTEs; what a macro or an expression
gives is nobody's copy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from warehouse.modelling.made_of import MACRO, Origin, made_of

_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_REF = re.compile(r"\{\{\s*ref\(\s*'(\w+)'\s*\)\s*\}\}")
_JINJA = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?")
_ONLY_JINJA = re.compile(r"\(\s*\{\{[^{}]*\}\}\s*\)")
_LAST_LINE = "select * from final"


class NotReadable(ValueError):
    """The SQL has not the project's form; the message says what is missing."""


@dataclass(frozen=True)
class Selected:
    """One column: its name; if it is a copy, the column's name in `model`, or where no model is known its name.

    `made_of` are all columns that its value is made of, copied or not.
    """

    name: str
    copies: str | None = None
    model: str | None = None
    made_of: frozenset[Origin] = field(default=frozenset(), compare=False)


def refs(sql: str) -> list[str]:
    """Models and seeds the SQL reads, in order, each once."""
    return list(dict.fromkeys(_REF.findall(sql)))


def selected(sql: str) -> list[Selected]:
    """The columns of `final`, in order. Raises NotReadable."""
    if not sql.rstrip().endswith(_LAST_LINE):
        raise NotReadable(f"the last line must be `{_LAST_LINE}`")
    # A CTE that is one macro (a spine of days) has columns nobody else describes.
    text = _ONLY_JINJA.sub(f"(select {MACRO}())", _COMMENT.sub("", sql))
    models = refs(text)
    try:
        parsed = sqlglot.parse_one(_JINJA.sub(_macro, _REF.sub(r"\1", text)), dialect="duckdb")
    except SqlglotError as error:
        raise NotReadable(f"cannot be parsed: {str(error).splitlines()[0]}") from error
    ctes = {cte.alias: _first(cte.this) for cte in parsed.find_all(exp.CTE)}
    if ctes.get("final") is None:
        raise NotReadable("the last CTE must be `final`, a select")
    columns = [_column(item, ctes, models) for item in ctes["final"].selects]
    try:
        origins = made_of(parsed, models)
    except SqlglotError as error:  # such as one alias for two tables
        raise NotReadable(f"its columns cannot be followed: {str(error).splitlines()[0]}") from error
    return [replace(column, made_of=found) for column, found in zip(columns, origins, strict=True)]


def _macro(call: re.Match[str]) -> str:
    """A macro as a function of the columns that it is given: every name in its quoted arguments."""
    given = [name for quoted in _QUOTED.findall(call[0]) for name in _NAME.findall("".join(quoted))]
    columns = [exp.column(*reversed(name.split(".")), quoted=True).sql(dialect="duckdb") for name in given]
    return f"{MACRO}({', '.join(columns)})"


def _first(query: exp.Expr) -> exp.Select:
    """The select that names the columns: of a union the first."""
    while isinstance(query, exp.SetOperation):
        query = query.left
    return query if isinstance(query, exp.Select) else exp.Select()


def _column(item: exp.Expr, ctes: Mapping[str, exp.Select], models: list[str]) -> Selected:
    name = item.alias_or_name
    if not name or name == "*":
        raise NotReadable(f"`final` must name each column: {item.sql(dialect='duckdb')}")
    model, copied = _origin(ctes["final"], name, ctes, models)
    inner = item.unalias()
    plain = inner.name if isinstance(inner, exp.Column) else None
    return Selected(name, copied if model else plain, model)


def _origin(
    query: exp.Select, name: str, ctes: Mapping[str, exp.Select], models: list[str]
) -> tuple[str | None, str | None]:
    """Model and column that a column of a CTE copies; (None, None) where it copies none or several may be meant."""
    item = next((item for item in query.selects if item.alias_or_name == name), None)
    inner = item.unalias() if item is not None else exp.column(name)
    if not isinstance(inner, exp.Column) or (item is None and not query.is_star):
        return None, None
    tables = {table.alias_or_name: table.name for table in _read_by(query)}
    read = tables.get(inner.table, "") if inner.table else "".join(tables.values()) if len(tables) == 1 else ""
    if read in ctes:
        return _origin(ctes[read], inner.name, ctes, models)
    return (read, inner.name) if read in models else (None, None)


def _read_by(query: exp.Select) -> list[exp.Table]:
    """Tables of its `from` and joins, not of subqueries."""
    parts = [query.args.get("from_") or query.args.get("from"), *(query.args.get("joins") or [])]
    return [part.this for part in parts if part is not None and isinstance(part.this, exp.Table)]
