"""Run the privacy scan over a build and cache its findings, so that content scanned before is not read again.

The cache is a file in the state folder, keyed by table, content hash and rule version; without it everything is scanned
again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb

from ingestion.isolation import raise_unless_unexpected
from warehouse.content.measure import BuildContent, TableContent, day_expression, days_filter, relation
from warehouse.gate.privacy import RULES_VERSION, scan, text_columns
from warehouse.verdict import CheckResult

if TYPE_CHECKING:
    from ingestion.lake import Lake

Findings = dict[str, int]


def judge_leaks(lake: Lake, connection: duckdb.DuckDBPyConnection, content: BuildContent) -> dict[str, CheckResult]:
    """One result per public table; the message names columns and rules, never values.

    A table whose scan raised an unexpected exception has no result, so that the gate refuses its product only.
    """
    path = lake.settings.state_root / "privacy.json"
    try:
        cache: dict[str, Findings] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        cache = {}
    used: dict[str, Findings] = {}
    results = {}
    for table in content.tables.values():
        parts = _parts(table)
        unknown = {part for part, key in parts.items() if key not in cache}
        try:
            findings = _scan(connection, table, unknown) if unknown else {}
        except Exception as error:
            raise_unless_unexpected(error, lake.settings, f"scanning table {table.name}")
            continue
        fresh = {key: findings.get(part, {}) if part in unknown else cache[key] for part, key in parts.items()}
        used |= fresh
        results[table.name] = _result(table.name, list(fresh.values()))
    if used != cache:
        path.write_text(json.dumps(used), encoding="utf-8")
    return results


def _parts(table: TableContent) -> dict[str, str]:
    """Part of the table (a day, or '' for all of it) to its key in the cache."""
    contents = {day: d.content for day, d in table.days.items()} if table.day_column else {"": table.content}
    return {part: f"{RULES_VERSION} {table.name} {content}" for part, content in contents.items()}


def _scan(connection: duckdb.DuckDBPyConnection, table: TableContent, parts: set[str]) -> dict[str, Findings]:
    columns = text_columns(table.columns)
    if table.day_column is None:
        return scan(connection, relation(table.name), columns)
    day = day_expression(table.day_column, table.columns)
    days = None if parts == set(table.days) else parts
    return scan(
        connection,
        relation(table.name),
        columns,
        part=f"strftime({day}, '%Y-%m-%d')",
        where=f"{day} is not null and {days_filter(day, days)}",
    )


def _result(table: str, parts: list[Findings]) -> CheckResult:
    total: Findings = {}
    for part in parts:
        for name, rows in part.items():
            total[name] = total.get(name, 0) + rows
    listed = ", ".join(f"{name.replace(':', ' holds ')} in {rows} rows" for name, rows in sorted(total.items()))
    return CheckResult(
        name=f"privacy:{table}",
        kind="privacy",
        status="failed" if total else "passed",
        failures=sum(total.values()),
        message=listed or None,
        tables=[table],
    )
