"""Test everything of a contract that conform would run, over zero rows: expressions, patterns, formats, limits.

A contract that passes cannot fail a delivery because DuckDB rejects its text, and none of its limits is silently
without effect (docs/adr/0021). `citylake contracts check` lists the findings; conform raises them, checking each
revision once per process. What an expression may contain is decided in `rowwise`; the house rules of shipped contracts
are in `ingestion.authoring.check`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import duckdb
import pyarrow as pa

from ingestion.conform import rowwise
from ingestion.conform.compile import CONTENT_DATE, TablePlan
from ingestion.contract.conditions import condition_column
from ingestion.contract.date_formats import GTFS_TIME, LEGACY
from ingestion.contract.headers import in_variant
from ingestion.contract.model import Column, Contract, Table
from ingestion.contract.problem import InvalidContract, KeyPath, Report
from ingestion.contract.yaml_text import read_yaml
from ingestion.sql import identifier, literal

Finding = tuple[KeyPath, str]

EXTENSION: KeyPath = ("customProperties", 0, "value")
"""Key path of the `citylake` entry; a contract that loads has exactly one."""

_INTEGERS = {"INTEGER": 31, "BIGINT": 63}
_bound: set[str] = set()
# Revisions that this process has tested without a finding.


def findings(contract: Contract, connection: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Everything of the contract that DuckDB cannot run, with its key path. `connection`: a `conform_session`."""
    found = list(_zones(contract, connection))
    for index, table in enumerate(contract.tables):
        here: KeyPath = ("schema", index)
        of_table = [*_columns(table, here, connection), *_rules(table, connection), *_variants(table, connection)]
        # The whole statement would fail for the same reasons as its parts.
        found += of_table or _statements(contract, table, here, connection)
    return found


def require_bound(contract: Contract, connection: duckdb.DuckDBPyConnection) -> None:
    """Raise InvalidContract with all findings. A revision without findings is not tested again in this process."""
    if contract.revision in _bound:
        return
    found = findings(contract, connection)
    if found:
        report = Report(contract.path, _line_numbers(contract))
        for path, message in found:
            report.add(path, message)
        raise InvalidContract(report.problems)
    _bound.add(contract.revision)


def bound_type(connection: duckdb.DuckDBPyConnection, expression: str, columns: list[Column]) -> str:
    """The DuckDB type the expression gives over columns of the declared types. Raises duckdb.Error."""
    typed = [f"null::{column.type} as {identifier(column.name)}" for column in columns if column.in_bronze]
    row = f"select {', '.join([*typed, 'null::DATE as content_date'])}"
    query = f"select try(({expression}\n)) as value from ({row}) limit 0"
    described = connection.execute(f"describe {query}").fetchone()
    return str(described[1]) if described else "nothing"


def _line_numbers(contract: Contract) -> dict[KeyPath, int]:
    try:
        return dict(read_yaml(contract.path)[1].lines)
    except (InvalidContract, OSError):
        return {}


def _zones(contract: Contract, connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    """Time zones that Python knows and DuckDB does not."""
    declared: dict[KeyPath, str] = {
        (*EXTENSION, "tables", table.name, "columns", column.name, "timezone"): column.spec.timezone
        for table in contract.tables
        for column in table.columns
        if column.spec.timezone
    }
    for path, zone in declared.items():
        problem = _problem(connection, f"select timezone({literal(zone)}, timestamp '2000-01-01')")
        if problem:
            yield path, problem


def _columns(table: Table, here: KeyPath, connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    """Test transforms, patterns, limits, allowed values and formats one by one, so that a finding names its key."""
    sources = frozenset(column.name for column in table.source_columns)
    for position, column in enumerate(table.columns):
        at = (*here, "properties", position)
        if column.transform is not None:
            for problem in _expression(connection, column.transform, sources, list(table.source_columns)):
                yield (*at, "transformLogic"), problem
        for problem in _limits(column, connection):
            yield (*at, "logicalTypeOptions"), problem
        for index, word in enumerate(column.allowed):
            if not _casts(connection, word, column.type):
                yield (*at, "enum", index, "value"), f"{word!r} is no {column.type}"
        spec_path = (*EXTENSION, "tables", table.name, "columns", column.name)
        for key, problem in _formats(column, connection):
            yield (*spec_path, key), problem


def _limits(column: Column, connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Test that RE2 accepts the pattern, and that bounds are in the type's range (else they would have no effect)."""
    if column.pattern is not None:
        problem = _problem(connection, f"select regexp_matches('', {literal(column.pattern)})")
        if problem:
            yield f"`pattern`: {problem}"
    for key, bound in (("minimum", column.minimum), ("maximum", column.maximum)):
        if bound is not None and not _fits(connection, bound, column.type):
            yield f"`{key}`: {bound} is no {column.type}"


def _fits(connection: duckdb.DuckDBPyConnection, bound: Decimal | float, type_name: str) -> bool:
    """Whether a bound lies within the type's range."""
    number, bits = Decimal(str(bound)), _INTEGERS.get(type_name)
    if not number.is_finite():
        return False
    if bits is not None:
        return bool(-(2**bits) <= number < 2**bits)
    return _casts(connection, f"{number:f}", type_name)


def _formats(column: Column, connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str]]:
    for form in column.spec.readings:
        if form is None or form in ("iso", GTFS_TIME, *LEGACY):
            continue
        problem = _problem(connection, f"select try_strptime('', {literal(form)})")
        if problem:
            yield "formats" if column.spec.formats else "format", problem


def _rules(table: Table, connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    names = frozenset(column.name for column in table.columns) | {"content_date"}
    for index, rule in enumerate(table.rules):
        if rule.expression is None:
            continue
        for problem in _expression(connection, rule.expression, names, list(table.columns)):
            yield (*EXTENSION, "tables", table.name, "rules", index, "expression"), problem


def _expression(
    connection: duckdb.DuckDBPyConnection, expression: str, names: frozenset[str], columns: list[Column]
) -> Iterator[str]:
    found = rowwise.problems(connection, expression, names)
    yield from found
    if not found:
        try:
            bound_type(connection, expression, columns)
        except duckdb.Error as error:
            yield duckdb_message(error)


def _variants(table: Table, connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    """Test the formats that header variants declare."""
    for index, variant in enumerate(table.header_variants):
        for column in table.source_columns:
            there = in_variant(column, variant)
            if there.spec.readings != column.spec.readings:
                path = (*EXTENSION, "tables", table.name, "header_variants", index, "columns", column.name, "format")
                yield from ((path, problem) for _, problem in _formats(there, connection))


def _statements(
    contract: Contract, table: Table, here: KeyPath, connection: duckdb.DuckDBPyConnection
) -> Iterator[Finding]:
    """Run all statements that the table compiles to over zero rows, for each of its header variants."""
    headers = [table] + [
        replace(table, columns=tuple(in_variant(column, variant) for column in table.columns))
        for variant in table.header_variants
    ]
    for variant_table in headers:
        plan = TablePlan(contract, variant_table)
        problem = _run(connection, plan)
        if problem:
            yield here, f"the table as a whole: {problem}"
            return


def _run(connection: duckdb.DuckDBPyConnection, plan: TablePlan) -> str | None:
    sources = [column.name for column in plan.table.source_columns]
    text: dict[str, pa.Array] = {f"_raw_{name}": pa.array([], pa.string()) for name in sources}
    if plan.uses_content_date:
        text[CONTENT_DATE] = pa.array([], pa.date32())
    made = {f"_p_{column.name}": pa.array([], pa.uint64()) for column in plan.pseudonyms}
    made |= {f"_kept_{column.name}": pa.array([], pa.bool_()) for column in plan.conditional}
    typed = {f"_raw_{name}": pa.array([], kind) for name, kind in plan.direct.items()}
    trials = [
        (plan.statement(), "segment", text | made),
        (plan.statement(frozenset(plan.direct)), "segment", text | made | typed),
        (plan.mask_statement(), "segment", text | made),
        *(
            (plan.pseudonym_input(column), "distinct_values", {f"_raw_{column.name}": pa.array([], pa.string())})
            for column in plan.pseudonyms
        ),
        *(
            (plan.kept_statement(column), "odd_values", {f"_raw_{condition_column(column)}": pa.array([], pa.string())})
            for column in plan.conditional
        ),
    ]
    for statement, relation, columns in trials:
        connection.register(relation, pa.table(columns))
        try:
            connection.execute(statement).to_arrow_table()
        except duckdb.Error as error:
            return duckdb_message(error)
        finally:
            connection.unregister(relation)
    return None


def _casts(connection: duckdb.DuckDBPyConnection, word: str, type_name: str) -> bool:
    row = connection.execute(f"select try_cast({literal(word)} as {type_name}) is not null").fetchone()
    return bool(row and row[0])


def _problem(connection: duckdb.DuckDBPyConnection, query: str) -> str | None:
    try:
        connection.execute(query).fetchall()
    except duckdb.Error as error:
        return duckdb_message(error)
    return None


def duckdb_message(error: duckdb.Error) -> str:
    """A message with the first line of DuckDB's own."""
    return f"DuckDB refuses it: {str(error).splitlines()[0]}"
