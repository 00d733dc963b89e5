"""Columns de-identified on some rows only: which column decides, which of its values keep a value, and their checks.

A value is kept where the deciding column has a declared value (`enum`) that the condition does not name, and nowhere
else, so that whatever was not foreseen is de-identified (docs/adr/0029). Applying it is left to `ingestion.conform`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.contract.extension import Condition
from ingestion.contract.model import Column, Table
from ingestion.contract.problem import KeyPath, Report, choices


def condition_column(column: Column) -> str:
    """Name of the column that decides whether this one is de-identified; the column must have a condition."""
    return _condition(column).column


def kept_words(table: Table, column: Column) -> tuple[str, ...]:
    """Values of the deciding column, as the contract spells them, with which rows keep the value of this one."""
    condition = _condition(column)
    named = {str(word) for word in condition.values}
    return tuple(word for word in table.column(condition.column).allowed if word not in named)


def check(table: Table, path: KeyPath, report: Report) -> None:
    """Report all problems of a table's conditions. `path` leads to its entry in the citylake tables."""
    for column in table.columns:
        rule = column.spec.deidentify
        if rule is not None and rule.when is not None:
            here = (*path, "columns", column.name, "deidentify", "when")
            for key, message in _problems(table, column, rule.when):
                report.add((*here, *key), message)


def _problems(table: Table, column: Column, condition: Condition) -> Iterator[tuple[KeyPath, str]]:
    decides = next((other for other in table.columns if other.name == condition.column), None)
    if decides is None or decides is column:
        names = [other.name for other in table.columns if other is not column]
        yield ("column",), f"no such other column; {choices(condition.column, names)}"
        return
    if decides.source is None:
        yield ("column",), f"{decides.name} is derived by transformLogic: a column that is sent decides"
    if decides.spec.deidentify is not None:
        yield (
            ("column",),
            f"{decides.name} is de-identified itself, so no reader could tell on which rows {column.name} is",
        )
    if not decides.allowed:
        yield ("column",), f"{decides.name} has no `enum`: every value that is not listed must count as personal"
        return
    for index, word in enumerate(condition.values):
        if str(word) not in decides.allowed:
            yield ("in", index), f"{word!r} is no value of {decides.name}; {choices(word, decides.allowed)}"
    if not kept_words(table, column):
        yield ("in",), f"names every value of {decides.name}: leave `when` out"


def _condition(column: Column) -> Condition:
    rule = column.spec.deidentify
    if rule is None or rule.when is None:
        raise ValueError(f"column {column.name} is de-identified on all rows or on none")
    return rule.when
