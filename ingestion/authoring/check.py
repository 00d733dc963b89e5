"""The checks a contract must pass before it is used: `citylake contracts check` (docs/adr/0021).

A contract must load (strictly), keep to the standard (ingestion.authoring.odcs), conform must be able to run it
(ingestion.conform.bind), and it must follow the house rules: status active, a key, Chinese titles and English
descriptions, a classification for every column, no `decide:` mark left. A contract that only loads can still be tried
on a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import yaml

from ingestion.authoring.odcs import standard_problems
from ingestion.conform import bind
from ingestion.conform.engine import conform_session
from ingestion.contract.load import Feeds, read_feeds
from ingestion.contract.model import ACTIVE, Column, Contract, Table, not_active
from ingestion.contract.problem import KeyPath, Problem, Report
from ingestion.contract.schedule import cycle_problem
from ingestion.contract.yaml_text import read_yaml
from ingestion.values.check_digits import is_uscc

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_PLACEHOLDER = re.compile(r"as delivered\.$|^Records of |^to be decided$", re.IGNORECASE)
_DECIDE = re.compile(r"#.*?\bdecide\s*:\s*(.*)", re.IGNORECASE)
_DRAFT_HEADER = "# Drafted from "
"""Beginning of a draft's first line, which explains the marks and is not a mark itself."""

Finding = tuple[KeyPath, str]


def check(folder: Path) -> list[Problem]:
    """All problems of the contracts in a folder, in file order; empty where all can be used.

    Raises ContractError where the folder is missing.
    """
    return check_feeds(read_feeds(folder))


def check_feeds(feeds: Feeds) -> list[Problem]:
    """As `check`, for contracts that were loaded before."""
    found = feeds.problems
    found += [problem for file in sorted({p.file for p in found}) for problem in _marks(Path(file))]
    for contract in feeds.contracts.values():
        found.extend(check_contract(contract))
    return sorted(found, key=lambda p: (p.file, p.line or 0))


def check_contract(contract: Contract) -> list[Problem]:
    """The problems of one loaded contract."""
    raw, found = read_yaml(contract.path)
    report = Report(contract.path, found.lines)
    for path, message in standard_problems(raw):
        report.add(path, message)
    for path, message in _feed(contract, bind.EXTENSION):
        report.add(path, message)
    if raw["status"] != ACTIVE:
        report.add(("status",), not_active(raw["status"]))
    for index, table in enumerate(contract.tables):
        for path, message in _table(table, ("schema", index)):
            report.add(path, message)
    for path, message in _runs(contract):
        report.add(path, message)
    return report.problems + _marks(contract.path)


def _marks(path: Path) -> list[Problem]:
    """The `decide:` marks left in a file, even if it does not load; none where its text cannot be read."""
    try:
        found = list(_undecided(path.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError, yaml.YAMLError):
        return []
    said = "left to decide: {}; decide it, then remove the mark"
    return [Problem(str(path), "", said.format(mark), number) for number, mark in found]


def _undecided(text: str) -> Iterator[tuple[int, str]]:
    """Lines whose comment has a `decide:` mark (the word in a value does not count)."""
    lines = text.splitlines()
    for token in yaml.scan(text, Loader=yaml.CSafeLoader):
        if isinstance(token, yaml.ScalarToken):
            for number in range(token.start_mark.line, token.end_mark.line + 1):
                first = token.start_mark.column if number == token.start_mark.line else 0
                last = token.end_mark.column if number == token.end_mark.line else None
                line = lines[number] if number < len(lines) else ""
                kept = line[last:] if last is not None else ""
                if number < len(lines):
                    lines[number] = line[:first] + " " * (len(line) - first - len(kept)) + kept
    for number, line in enumerate(lines, start=1):
        mark = _DECIDE.search(line)
        if mark and not (number == 1 and line.startswith(_DRAFT_HEADER)):
            yield number, mark[1]


def _runs(contract: Contract) -> Iterator[Finding]:
    """Findings of `bind`, and expressions whose result has another type than declared."""
    try:
        with conform_session(contract.calendar.timezone) as connection:
            found = bind.findings(contract, connection)
            yield from found or _types(contract, connection)
    except duckdb.Error as error:
        yield (*bind.EXTENSION, "calendar", "timezone"), bind.duckdb_message(error)


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
    for place, rule in enumerate(table.rules):
        if rule.expression and rule.severity == "refuse" and not _CHINESE.search(rule.title or ""):
            yield (
                (*bind.EXTENSION, "tables", table.name, "rules", place),
                "needs a Chinese `title`: the steward of a refused row reads it",
            )
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


def _types(contract: Contract, connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    """Expressions whose own type is not the declared one: an implicit cast would hide a mistake."""
    for index, table in enumerate(contract.tables):
        sources = list(table.source_columns)
        for position, column in enumerate(table.columns):
            if column.transform is not None:
                where: KeyPath = ("schema", index, "properties", position, "transformLogic")
                yield from _gives(connection, column.transform, sources, column.type, where)
        for place, rule in enumerate(table.rules):
            if rule.expression is not None:
                where = (*bind.EXTENSION, "tables", table.name, "rules", place, "expression")
                yield from _gives(connection, rule.expression, list(table.columns), "BOOLEAN", where)


def _gives(
    connection: duckdb.DuckDBPyConnection, expression: str, columns: list[Column], kind: str, where: KeyPath
) -> Iterator[Finding]:
    found = bind.bound_type(connection, expression, columns)
    spelled = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}.get(kind, kind)
    if found != spelled and not (spelled.startswith("DECIMAL") and str(found).startswith("DECIMAL")):
        yield where, f"gives {found}, not {kind}; cast it"
