"""Check the `source` of a contract that reads a database table, and the pair of feeds that read one table together.

An increment cannot show what was deleted, so a feed of increments names the feed that reads the whole table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ingestion.contract.column_types import column_type
from ingestion.contract.extension import Citylake
from ingestion.contract.model import Column, Contract, Table
from ingestion.contract.problem import KeyPath, Problem, Report, choices
from ingestion.contract.sources import Database
from ingestion.contract.table_formats import ParquetFormat

Finding = tuple[KeyPath, str]
CURSOR_TYPES = ("DATE", "TIMESTAMP", "TIMESTAMPTZ")


def cursor_column(table: Table, cursor: str) -> Column | None:
    """The column that a source's `cursor` names, by its bronze or its physical name."""
    named = [column for column in table.source_columns if cursor in (column.name, column.source)]
    return named[0] if named else None


def database_problems(citylake: Citylake, tables: Sequence[Table]) -> Iterator[Finding]:
    """Every finding with its key path below the citylake value."""
    source = citylake.source
    if not isinstance(source, Database):
        return
    if not isinstance(citylake.format, ParquetFormat):
        yield ("format", "type"), "a database table is landed as Parquet: {type: parquet}"
    if citylake.delivery == "snapshot":
        for key in ("cursor", "full_snapshot"):
            if getattr(source, key) is not None:
                yield ("source", key), "is for increments; a snapshot reads the whole table"
        return
    if citylake.correction != "delta":
        yield ("correction",), "a database gives the rows changed in an interval (interval, delta), or a snapshot"
    if source.full_snapshot is None:
        yield ("source", "full_snapshot"), "required key is missing: the feed that tells what was deleted"
    if source.cursor is None:
        yield ("source", "cursor"), "required key is missing: the column that says when a row changed"
        return
    for table in tables:
        yield from _cursor(citylake, source.cursor, table)


def _cursor(citylake: Citylake, cursor: str, table: Table) -> Iterator[Finding]:
    column = cursor_column(table, cursor)
    if column is None:
        yield ("source", "cursor"), f"no such column; {choices(cursor, [c.name for c in table.source_columns])}"
        return
    kind = column_type(column.type)
    if isinstance(kind, str) or kind.name not in CURSOR_TYPES:
        yield ("source", "cursor"), f"{column.name} is {column.type}; a cursor is {', '.join(CURSOR_TYPES)}"
    elif kind.name == "DATE" and citylake.calendar.every == "hour":
        yield ("source", "cursor"), f"{column.name} is a date, and the intervals are hours"


def pair_problems(contracts: Mapping[str, Contract], broken: frozenset[str]) -> dict[str, tuple[Problem, ...]]:
    """Problems between feeds, by the feed that names another. `broken`: feeds whose files could not be loaded."""
    found: dict[str, tuple[Problem, ...]] = {}
    for name, contract in contracts.items():
        source = contract.citylake.source
        if not isinstance(source, Database) or source.full_snapshot is None or source.full_snapshot in broken:
            continue
        problem = _pair_problem(source, source.full_snapshot, contracts)
        if problem:
            report = Report(contract.path)
            report.add(("citylake", "source", "full_snapshot"), problem)
            found[name] = tuple(report.problems)
    return found


def _pair_problem(source: Database, named: str, contracts: Mapping[str, Contract]) -> str | None:
    other = contracts.get(named)
    if other is None:
        return f"there is no feed {named}; {choices(named, contracts)}"
    whole = other.citylake.source
    if other.citylake.delivery != "snapshot" or not isinstance(whole, Database):
        return f"{named} is no snapshot of a database table"
    pairs = (
        (source.connection, whole.connection),
        (source.schema_name, whole.schema_name),
        (source.table, whole.table),
    )
    if any(own != its for own, its in pairs):
        return f"{named} reads {whole.connection}: {whole.schema_name}.{whole.table}, another table"
    return None
