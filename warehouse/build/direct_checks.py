"""Run data tests on the build file without dbt, with the statuses and messages dbt would give.

These are column checks, all of one model in one scan, and keys (warehouse.build.column_checks), and tests whose
compiled SQL is kept from an earlier build and would be compiled to the same text now, but for the city's date in it.
Which tests these are is decided by the caller.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import date
from typing import Any

import duckdb

from warehouse.build.column_checks import ColumnCheck, key_statement, relation
from warehouse.build.limits import affected_rows
from warehouse.build.lineage import Lineage
from warehouse.build.report import NodeResult

_AS_OF = re.compile(r"date '\d{4}-\d{2}-\d{2}' /\* as_of \*/")


def asks_for_date(sql: str) -> bool:
    """Does compiled SQL hold the city's date, as dbt_project/macros/as_of.sql writes it?"""
    return _AS_OF.search(sql) is not None


def on_date(sql: str, as_of: date) -> str:
    """Compiled SQL with another date as the city's."""
    return _AS_OF.sub(f"date '{as_of.isoformat()}' /* as_of */", sql)


def run_statement(connection: duckdb.DuckDBPyConnection, node: Mapping[str, Any], sql: str) -> NodeResult:
    """Run one test from its compiled SQL. `node` is the test in dbt's manifest, or the settings of one."""
    config = node["config"]
    calculated, limit = config["fail_calc"], config.get("limit")
    query = f"select {calculated} from ({sql}\n{'' if limit is None else f'limit {limit}'}) as failing"
    started = time.monotonic()
    try:
        row = connection.execute(query).fetchone()
        result = _judged(connection, node, int(row[0] or 0) if row else 0)
    except duckdb.Error as error:
        result = _error(node, error)
    return result.model_copy(update={"compiled_sql": sql, "seconds": time.monotonic() - started})


def run_column_checks(
    connection: duckdb.DuckDBPyConnection, lineage: Lineage, model: str, checks: list[ColumnCheck], whole: set[str]
) -> list[NodeResult]:
    """Run column checks of one model, with one query for those that read the same rows. `whole` are the ids of models
    and tests that are judged over every day in this run."""
    everything = [check for check in checks if model in whole or check.unique_id in whole]
    affected = [check for check in checks if check not in everything]
    results = _scan(connection, lineage, model, everything, "true") if everything else []
    if affected:
        results += _scan(connection, lineage, model, affected, affected_rows(connection, lineage.node(model)))
    return results


def run_key_check(connection: duckdb.DuckDBPyConnection, lineage: Lineage, check: str, whole: set[str]) -> NodeResult:
    """Look for repeated and missing keys of one model; `whole` as for `run_column_checks`."""
    node = lineage.node(check)
    is_whole = not whole.isdisjoint({check, node["attached_node"]})
    rows = "true" if is_whole else affected_rows(connection, lineage.node(node["attached_node"]))
    return run_statement(connection, node, key_statement(lineage, check, rows))


def _scan(
    connection: duckdb.DuckDBPyConnection, lineage: Lineage, model: str, checks: list[ColumnCheck], rows: str
) -> list[NodeResult]:
    counts = ", ".join(check.aggregate() for check in checks)
    started = time.monotonic()
    try:
        found = connection.execute(f"select {counts} from {relation(lineage, model)} where {rows}").fetchone() or ()
    except duckdb.Error as error:
        if len(checks) == 1:
            return [_error(lineage.node(checks[0].unique_id), error)]
        # One check that cannot be run is no reason for the others not to be.
        return [result for check in checks for result in _scan(connection, lineage, model, [check], rows)]
    seconds = (time.monotonic() - started) / len(checks)
    return [
        _judged(connection, lineage.node(check.unique_id), int(failures)).model_copy(
            update={"compiled_sql": check.statement(relation(lineage, model), rows), "seconds": seconds}
        )
        for check, failures in zip(checks, found, strict=True)
    ]


def _judged(connection: duckdb.DuckDBPyConnection, node: Mapping[str, Any], failures: int) -> NodeResult:
    """The result of a test with so many failures, by its severity and thresholds."""
    config = node["config"]
    error_if, warn_if = config["error_if"], config["warn_if"]
    row = connection.execute(f"select {failures} {warn_if}, {failures} {error_if}").fetchone()
    should_warn, should_error = row or (True, True)
    got = f"Got {failures} {'result' if failures == 1 else 'results'}"
    status, message = "pass", None
    if should_error and str(config["severity"]).lower() == "error":
        status, message = "fail", f"{got}, configured to fail if {error_if}"
    elif should_warn:
        status, message = "warn", f"{got}, configured to warn if {warn_if}"
    counted = 0 if status == "pass" else failures
    return NodeResult(unique_id=node["unique_id"], status=status, message=message, failures=counted)


def _error(node: Mapping[str, Any], error: duckdb.Error) -> NodeResult:
    return NodeResult(unique_id=node["unique_id"], status="error", message=str(error))
