"""Which columns of a delivery the rules of a table judge.

A rule's id is `<column>.<what>` for what a column's declaration demands, else the id of a row rule of the contract. The
rules themselves are compiled in `ingestion.conform.compile`; their words are in `warehouse.refused.words`.
"""

from __future__ import annotations

from ingestion.contract.expressions import columns_of
from ingestion.contract.model import Column, Table


def judged_column(table: Table, rule: str) -> Column | None:
    """The column of a rule `<column>.<what>`; None for other rules, and for a column the contract has no more."""
    name, dot, _ = rule.rpartition(".")
    return next((column for column in table.columns if dot and column.name == name), None)


def sent_columns(table: Table, rule: str) -> tuple[str, ...]:
    """The columns of the delivery that a rule judges, in its own order; none for rules about a whole record."""
    column = judged_column(table, rule)
    if column is not None:
        return tuple(dict.fromkeys(_sent(table, column)))
    declared = next((one for one in table.rules if one.id == rule), None)
    if declared is None:
        return ()
    names = columns_of(declared.expression or "", [column.name for column in table.columns])
    used = dict.fromkeys([*([declared.column] if declared.column else []), *names])
    return tuple(dict.fromkeys(name for one in used for name in _sent(table, table.column(one))))


def _sent(table: Table, column: Column) -> tuple[str, ...]:
    """The column itself, or those that it is made from."""
    if column.source is not None:
        return (column.name,)
    others = [one.name for one in table.columns if one.name != column.name]
    used = columns_of(column.transform or "", others)
    return tuple(name for one in used for name in _sent(table, table.column(one)))
