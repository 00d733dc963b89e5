"""House rules for contracts that are shipped as feeds: `citylake contracts check`.

Beyond strictness (load): a key, Chinese titles and English descriptions, classification on
every column, nothing left to decide, and expressions that DuckDB really binds. Contracts that
only load may still be tried on a file; these rules are for what runs every day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb

from ingestion.contract.identifiers import is_uscc
from ingestion.contract.load import read_contracts
from ingestion.contract.model import Column, Contract, Table
from ingestion.contract.problem import KeyPath, Problem, Report
from ingestion.contract.schedule import cycle_problem
from ingestion.contract.yaml_text import read_yaml
from ingestion.sql import identifier, literal

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_PLACEHOLDER = re.compile(r"as delivered\.$|^Records of |^to be decided$", re.IGNORECASE)
_DECIDE = re.compile(r"#.*\bdecide:\s*(.*)")

Finding = tuple[KeyPath, str]


def check(folder: Path) -> list[Problem]:
    """Everything wrong with the contracts of a folder, in file order; empty when all may be shipped.

    Raises ContractError where the folder is missing.
    """
    contracts, problems = read_contracts(folder)
    with duckdb.connect(config={"enable_external_access": False}) as connection:
        for contract in contracts.values():
            problems.extend(check_contract(contract, connection))
    return sorted(problems, key=lambda p: (p.file, p.line or 0))


def check_contract(contract: Contract, connection: duckdb.DuckDBPyConnection) -> list[Problem]:
    """The house rules on one contract that loads."""
    raw, found = read_yaml(contract.path)
    report = Report(contract.path, found.lines)
    extension = next(i for i, e in enumerate(raw["customProperties"]) if e["property"] == "citylake")
    base: KeyPath = ("customProperties", extension, "value")
    for path, message in _feed(contract, base):
        report.add(path, message)
    if raw["status"] != "active":
        report.add(("status",), f"`{raw['status']}`: a shipped feed is active")
    for index, table in enumerate(contract.tables):
        here: KeyPath = ("schema", index)
        settings = (*base, "tables", table.name)
        for path, message in (*_table(table, here), *_bindings(table, here, settings, connection)):
            report.add(path, message)
    for number, line in enumerate(contract.path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        mark = _DECIDE.search(line)
        if mark:
            report.add((), f"left to decide: {mark[1]}", line=number)
    return report.problems


def _feed(contract: Contract, base: KeyPath) -> Iterator[Finding]:
    citylake = contract.citylake
    if not _CHINESE.search(contract.title):
        yield ("name",), "needs a Chinese title"
    if not citylake.licence.strip():
        yield (*base, "licence"), "is empty"
    if citylake.retention.quarantine > citylake.retention.raw:
        yield (*base, "retention", "quarantine"), "refused rows are kept longer than the files they came in"
    if not citylake.retention.basis.strip() or _PLACEHOLDER.search(citylake.retention.basis):
        yield (*base, "retention", "basis"), "say which rule the times come from"
    if not citylake.catalogue.provider_code:
        yield (*base, "catalogue", "provider_code"), "required key is missing: 提供方代码, one of the 12 core items"
    elif not is_uscc(citylake.catalogue.provider_code):
        yield (*base, "catalogue", "provider_code"), "is not a unified social credit code (check character)"
    cycle = cycle_problem(citylake.catalogue.update_cycle, citylake.calendar.every, on_change=citylake.on_change)
    if cycle:
        yield (*base, "catalogue", "update_cycle"), cycle
    if "@" not in citylake.steward.email:
        yield (*base, "steward", "email"), "is not an e-mail address"


def _table(table: Table, here: KeyPath) -> Iterator[Finding]:
    if not table.key and not table.keeps_repeats:
        yield (
            (*here, "properties"),
            "no key: mark at least one column primaryKey: true; where equal rows are as many facts, "
            f"set `repeats: keep` under tables.{table.name}",
        )
    yield from _prose(table.title, table.description, here)
    for position, column in enumerate(table.columns):
        at = (*here, "properties", position)
        yield from _prose(column.title, column.description, at)
        if column.classification is None:
            yield (*at, "classification"), "required key is missing"
        if column.name == table.event_time and not (column.required or column.primary_key):
            yield (*at, "required"), "an event time must be required: a row without one belongs to no day"


def _prose(title: str, description: str, here: KeyPath) -> Iterator[Finding]:
    if not _CHINESE.search(title):
        yield (*here, "businessName"), "needs a Chinese title"
    if _PLACEHOLDER.search(description) or not re.search(r"[A-Za-z]", description):
        yield (*here, "description"), "needs an English description of its own"


def _bindings(
    table: Table, here: KeyPath, settings: KeyPath, connection: duckdb.DuckDBPyConnection
) -> Iterator[Finding]:
    """Expressions and patterns as DuckDB binds them, over columns of the declared types."""
    sources = [column for column in table.columns if column.source is not None]
    for position, column in enumerate(table.columns):
        at = (*here, "properties", position)
        if column.pattern is not None:
            problem = _problem(connection, f"select regexp_matches('', {literal(column.pattern)})")
            if problem:
                yield (*at, "logicalTypeOptions"), problem
        if column.transform is not None:
            yield from _binds(connection, column.transform, sources, column.type, (*at, "transformLogic"))
    for index, rule in enumerate(table.rules):
        if rule.expression is not None:
            where = (*settings, "rules", index, "expression")
            yield from _binds(connection, rule.expression, list(table.columns), "BOOLEAN", where)


def _binds(
    connection: duckdb.DuckDBPyConnection, expression: str, columns: list[Column], kind: str, where: KeyPath
) -> Iterator[Finding]:
    """The expression must bind, and give `kind`: a silent cast would hide a mistake."""
    typed = [f"null::{column.type} as {identifier(column.name)}" for column in columns if column.in_bronze]
    row = f"select {', '.join([*typed, 'null::DATE as content_date'])}"
    query = f"select ({expression}) as value from ({row})"
    problem = _problem(connection, query)
    if problem:
        yield where, problem
        return
    found = str(connection.sql(query).types[0])
    spelled = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}.get(kind, kind)
    if found != spelled and not (spelled.startswith("DECIMAL") and found.startswith("DECIMAL")):
        yield where, f"gives {found}, not {kind}; cast it"


def _problem(connection: duckdb.DuckDBPyConnection, query: str) -> str | None:
    try:
        connection.sql(query).fetchall()
    except duckdb.Error as error:
        return f"DuckDB refuses it: {str(error).splitlines()[0]}"
    return None
