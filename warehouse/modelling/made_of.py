"""Which columns of other models a column's value is made of: through expressions, macros, CTEs, unions and subqueries.

Wider than a copy (warehouse.modelling.select_list), and never narrower: where several columns may be meant, all are.
What only counts or compares a column is not made of it, since no value of one row is in a count or a yes and no.
A CTE that a macro writes has columns nobody names: they are sought by name in all that the model reads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, build_scope

Origin = tuple[str | None, str]
"""Model and column; no model where it is not known which of those that are read."""

MACRO = "jinja"
"""Function that stands for a macro in the SQL that is parsed; its arguments are the columns that the macro is given."""

_COUNTS = (exp.Count, exp.CountIf, exp.ApproxDistinct, exp.Predicate)


def made_of(query: exp.Expr, models: Collection[str]) -> list[frozenset[Origin]]:
    """Origins of each column of the CTE `final`, in order; `models` are those the SQL reads."""
    root = build_scope(query)
    final = next((scope for scope in root.traverse() if _is_final(scope)), None) if root else None
    if final is None:
        return []
    seeker = _Seeker(models)
    return [frozenset(seeker.column(final, position, item.alias_or_name)) for position, item in _items(final)]


def _is_final(scope: Scope) -> bool:
    parent = scope.expression.parent
    return isinstance(parent, exp.CTE) and parent.alias == "final"


def _items(scope: Scope) -> list[tuple[int, exp.Expr]]:
    query = scope.expression
    return list(enumerate(query.selects)) if isinstance(query, exp.Query) else []


class _Seeker:
    """Origins of columns in the scopes of one model's SQL."""

    def __init__(self, models: Collection[str]) -> None:
        self.models = models
        self._ahead: set[tuple[int, int | None, str]] = set()

    def column(self, scope: Scope, position: int | None, name: str) -> Iterator[Origin]:
        """Of the column `name` of a query; of a union's column at `position`, in each part of it."""
        mark = (id(scope), position, name)
        if mark in self._ahead:  # a recursive CTE
            return
        self._ahead.add(mark)
        if scope.set_operation_scopes:
            if position is None:
                position = next((at for at, item in _items(scope) if item.alias_or_name == name), None)
            for part in scope.set_operation_scopes:
                yield from self.column(part, position, name)
        else:
            yield from self._of_select(scope, position, name)
        self._ahead.discard(mark)

    def _of_select(self, scope: Scope, position: int | None, name: str) -> Iterator[Origin]:
        items = [item for _, item in _items(scope)]
        stars = [item for item in items if item.is_star]
        if position is None or stars:
            chosen = [item for item in items if item.alias_or_name == name and not item.is_star]
        else:
            chosen = items[position : position + 1]
        for star in stars:  # `* replace (… as name)`, `* rename (… as name)`
            inner = star.this if isinstance(star, exp.Column) else star
            chosen += [a for key in ("replace", "rename") for a in inner.args.get(key) or [] if a.alias == name]
        for item in chosen:
            yield from self._of_value(scope, item.unalias())
        if not chosen:
            yield from self._of_source(scope, "", name)

    def _of_value(self, scope: Scope, value: exp.Expr) -> Iterator[Origin]:
        for part in _carrying(value):
            if isinstance(part, exp.Column):
                yield from self._of_source(scope, part.table, part.name)
            else:
                inner = next((one for one in scope.subquery_scopes if one.expression is part), None)
                for at, item in _items(inner) if inner else []:
                    yield from self.column(inner, at, item.alias_or_name)  # type: ignore[arg-type]

    def _of_source(self, scope: Scope, table: str, name: str) -> Iterator[Origin]:
        """Of a column that a query reads: in the table that is said, else in every one it may be of."""
        sources = scope.sources
        for source in [sources[table]] if table in sources else list(_read(scope)):
            if isinstance(source, Scope):
                yield from self._of_scope(source, name)
            elif source.name in self.models:
                yield source.name, name
            else:
                yield None, name

    def _of_scope(self, source: Scope, name: str) -> Iterator[Origin]:
        if _is_macro(source.expression):
            yield None, name
        elif source.is_udtf:  # an unnested list, a lateral: whatever it is given
            for column in source.expression.find_all(exp.Column):
                yield from self._of_source(source, column.table, column.name)
        else:
            yield from self.column(source, None, name)


def _read(scope: Scope) -> Iterator[exp.Table | Scope]:
    for _, source in scope.selected_sources.values():
        yield source


def _is_macro(query: exp.Expr) -> bool:
    """Is the whole query a macro's?"""
    selects = query.selects if isinstance(query, exp.Select) else []
    return len(selects) == 1 and isinstance(selects[0], exp.Anonymous) and selects[0].name == MACRO


def _carrying(value: exp.Expr) -> Iterator[exp.Expr]:
    """Columns and subqueries whose value is in that of the expression: of a `case` not the conditions, of a window not
    what divides it, nothing of what counts or compares."""
    if isinstance(value, (exp.Column, exp.Query)) and not isinstance(value, exp.Subquery):
        yield value
    elif isinstance(value, _COUNTS):
        return
    elif isinstance(value, exp.Case):
        yield from _of_all([*(one.args["true"] for one in value.args["ifs"]), value.args.get("default")])
    elif isinstance(value, exp.If):
        yield from _of_all([value.args["true"], value.args.get("false")])
    elif isinstance(value, exp.Filter):
        yield from _carrying(value.this)
    elif isinstance(value, exp.Window):
        if not isinstance(value.this, _COUNTS):
            yield from _of_all([value.this, value.args.get("order")])
    else:
        yield from _of_all(value.iter_expressions())


def _of_all(values: object) -> Iterator[exp.Expr]:
    for value in values:  # type: ignore[attr-defined]
        if value is not None:
            yield from _carrying(value)
