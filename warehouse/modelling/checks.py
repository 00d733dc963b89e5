"""dbt's data tests from what a declaration says: key, freshness, reconciliation, values of columns.

Owns which generic test (dbt_project/tests/generic) stands for what and its arguments; names of tests follow from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from warehouse.modelling.declaration import ColumnSaid, Declaration, Reconciled
from warehouse.modelling.texts import Compact

Test = dict[str, Any]


def key_test(columns: list[str]) -> Test:
    """The columns together are unique and none is null."""
    return _test("primary_key", columns=columns)


def model_tests(said: Declaration) -> list[Any]:
    """Tests of the model as a whole."""
    reconciled = [_reconciled(one, said.day_column) for one in said.reconciled]
    return [key_test(said.key), *_fresh(said), *reconciled, *said.data_tests]


def column_tests(name: str, said: ColumnSaid | None) -> list[Any]:
    """Tests of one column."""
    return [] if said is None else [*_derived(name, said), *said.data_tests]


def _fresh(said: Declaration) -> Iterator[Test]:
    if said.fresh is None:
        return
    within = said.fresh.within_days
    if said.fresh.feed:
        yield _test("content_is_fresh", within_days=within, feed=said.fresh.feed)
    else:
        yield _test("content_is_fresh", within_days=within, day_column=said.fresh.day_column or said.day_column)


def _reconciled(one: Reconciled, day_column: str | None) -> Test:
    if one.rows is not None:
        return _test("row_count_equals", to=_ref(one.rows))
    if one.receipts is None:
        return _test("total_equals", measure=one.total, to=_ref(one.of or ""))
    department, feed, table = [*one.receipts.split("."), *one.receipts.split(".")[1:]][:3]
    day = one.day_column or day_column
    dated = {"day_column": day} if day else {}
    return _test("row_count_equals_receipts", feed=f"{department}.{feed}", table_name=table, **dated)


def _derived(name: str, said: ColumnSaid) -> Iterator[Test]:
    severity = said.severity
    if said.references:
        model, _, column = said.references.partition(".")
        yield _test("relationships", severity, to=_ref(model), field=column or name)
    if said.between:
        low, high = said.between
        yield _test("value_between", severity, low=low, high=high)
    if said.accepted:
        yield _test("accepted_values", severity, values=said.accepted)


def _test(kind: str, severity: str = "error", **arguments: Any) -> Test:
    config = {} if severity == "error" else {"config": {"severity": severity}}
    return {kind: Compact(arguments=arguments, **config)}


def _ref(model: str) -> str:
    return f"ref('{model}')"
