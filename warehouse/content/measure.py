"""Content hashes of the tables of a build: one per table, and one per day for facts.

A hash is over the multiset of rows, so the order of rows, files and threads do not matter. A table that no build has
made again since it was measured is not read. Days that cannot have changed since the baseline release are not read
either: their hashes are taken from its manifest. If the rows of all days then do not add up to the table's, every day
is counted and those that differ are read.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from pydantic import Field

from ingestion.errors import ConfigurationError, IntegrityError, LakeBusy
from ingestion.isolation import raise_unless_unexpected
from ingestion.sql import identifier, literal
from ingestion.values import row_identity
from ingestion.values.document import Document
from ingestion.values.hashes import sha256_of_bytes
from warehouse.build.report import BuildReport, Kind, ModelBuilt
from warehouse.content.candidates import candidate_days
from warehouse.release.baseline import Baseline
from warehouse.release.manifest import TableEntry

if TYPE_CHECKING:
    from ingestion.lake import Lake

ENGINE = f"duckdb-{duckdb.__version__}-3"
"""Part of every hash. Hashes made by another version are not compared: every row then counts as changed."""

BUILD = "built"
"""Catalogue alias of the build file."""


class DayContent(Document):
    """One day of a fact: its row count and the hash of its rows (32 hex digits)."""

    rows: int
    content: str


class TableContent(Document):
    """One public table of the build.

    `read` are the days whose rows were hashed now; the hashes of all others are the baseline's. `undated` counts rows
    without a day, which cannot be released. `made_by` is the build that made the table, `identity` that of its code.
    """

    name: str
    product: str
    kind: Kind | None
    feeds: list[str]
    columns: dict[str, str]
    day_column: str | None
    rows: int
    content: str
    days: dict[str, DayContent] = Field(default={})
    read: list[str] = Field(default=[])
    undated: int = 0
    made_by: str | None = None
    identity: str = ""


class BuildContent(Document):
    """All public tables of one build, measured against what was released before (its id, None for nothing)."""

    build_id: str
    baseline: str | None
    engine: str
    tables: dict[str, TableContent]

    def of(self, product: str) -> list[TableContent]:
        """The tables of one product."""
        return [table for table in self.tables.values() if table.product == product]


def relation(table: str, catalogue: str = BUILD) -> str:
    """The quoted SQL name of a public table."""
    return identifier(catalogue, "main", table)


def open_build(lake: Lake) -> duckdb.DuckDBPyConnection:
    """An in-memory session with the build file attached read-only as `built`. Raises ConfigurationError, LakeBusy."""
    path = lake.settings.build_path
    if not path.is_file():
        raise ConfigurationError("there is no build yet", left="nothing was changed", next_step="citylake build")
    connection = duckdb.connect(config={"threads": lake.settings.threads, "memory_limit": lake.settings.memory_limit})
    connection.execute("set timezone = 'UTC'")
    connection.execute(f"set temp_directory = {literal(lake.settings.scratch_root / 'duckdb')}")
    try:
        connection.execute(f"attach {literal(path)} as {identifier(BUILD)} (read_only)")
    except duckdb.IOException as error:
        connection.close()
        raise LakeBusy(
            "the build file is open for writing in another process",
            left="nothing was changed",
            next_step="wait for the build to end, then run the same command again",
        ) from error
    lake.store.prepare(connection)
    return connection


def measure(lake: Lake, report: BuildReport, baseline: Baseline, connection: duckdb.DuckDBPyConnection) -> BuildContent:
    """Content of every public table that was built; kept in the state folder for the same build and baseline.

    A table whose reading raises an unexpected exception is left out, so that only its product is refused; the crash
    log says why. Raises IntegrityError when the build file is not the one the report describes, StoreError.
    """
    require_build(connection, report)
    cache = lake.settings.state_root / "content.json"
    cached = _read_cache(cache)
    identity = (report.build_id, baseline.id, ENGINE)
    if cached is not None and (cached.build_id, cached.baseline, cached.engine) == identity:
        return cached
    comparable = baseline.made_by(ENGINE)
    measured = cached.tables if cached is not None and cached.engine == ENGINE else {}
    public = [model for model in report.models if model.public and model.product and model.status == "passed"]
    tables, columns = {}, columns_of_build(connection)
    with closing(lake.log.connect()) as log:
        for model in public:
            try:
                reader = _Reader(connection, model, _columns_of(model, columns))
                tables[model.name] = reader.unchanged(measured.get(model.name)) or reader.table(
                    comparable.table(model),
                    candidate_days(log, report, model, reader.columns, comparable) if model.day_column else None,
                )
            except Exception as error:
                raise_unless_unexpected(error, lake.settings, f"reading table {model.name}")
    content = BuildContent(build_id=identity[0], baseline=identity[1], engine=ENGINE, tables=tables)
    if len(tables) == len(public):
        cache.write_text(content.model_dump_json(), encoding="utf-8")
    return content


def require_build(connection: duckdb.DuckDBPyConnection, report: BuildReport) -> None:
    """Raises IntegrityError unless the report is of the build that began last, since a later one may have
    changed rows."""
    try:
        row = connection.execute(f"select max(build_id) from {identifier(BUILD, '_citylake', 'run')}").fetchone()
    except duckdb.CatalogException:
        row = None
    if not row or row[0] != report.build_id:
        raise IntegrityError(
            f"the build file does not hold build {report.build_id} any more: another has begun since",
            left="nothing was judged or released; the current release is still served",
            next_step="citylake build, then citylake gate and citylake publish",
        )


def _read_cache(path: Path) -> BuildContent | None:
    try:
        return BuildContent.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@dataclass(frozen=True)
class _Reader:
    """Reads one table of the build."""

    connection: duckdb.DuckDBPyConnection
    model: ModelBuilt
    columns: dict[str, str]

    def unchanged(self, measured: TableContent | None) -> TableContent | None:
        """What was measured before, where no build has made the table again since; else None. Its rows are counted."""
        model = self.model
        if measured is None or model.build_id is None or measured.made_by != model.build_id:
            return None
        is_same = (measured.columns, measured.day_column) == (self.columns, model.day_column)
        return (
            measured.model_copy(update=self._facts(measured.rows) | {"read": []})
            if (is_same and measured.rows == self._count())
            else None
        )

    def _facts(self, rows: int) -> dict[str, Any]:
        model = self.model
        return {
            "name": model.name,
            "product": model.product,
            "kind": model.kind,
            "feeds": sorted(model.feeds),
            "columns": self.columns,
            "day_column": model.day_column,
            "rows": rows,
            "made_by": model.build_id,
            "identity": model.identity,
        }

    def table(self, base: TableEntry | None, candidates: set[str] | None) -> TableContent:
        """The table's content; of a fact only the candidate days are read (None: all)."""
        model, rows = self.model, self._count()
        facts = self._facts(rows)
        if model.day_column is None:
            return TableContent(**facts, content=_whole(self.connection, relation(model.name), self.columns))
        days, read = self._days(base, candidates, rows)
        undated = rows - sum(content.rows for content in days.values())
        content = _of_days(self.columns, days)
        return TableContent(**facts, content=content, days=days, read=sorted(read), undated=undated)

    def _days(
        self, base: TableEntry | None, candidates: set[str] | None, rows: int
    ) -> tuple[dict[str, DayContent], set[str]]:
        """Content by day, and the days that were read."""
        if candidates is None or base is None:
            everything = self._read(None)
            return everything, set(everything)
        kept = {f.day: DayContent(rows=f.rows, content=f.content) for f in base.files if f.day not in candidates}
        read = self._read(candidates)
        if sum(day.rows for day in (kept | read).values()) == rows:
            return kept | read, candidates
        # A day nobody named has other rows than the baseline: count all days, read those that differ.
        counted = self._count_days()
        wrong = {day for day in kept | counted if day not in read and _rows(kept, day) != counted.get(day)}
        kept = {day: content for day, content in kept.items() if day not in wrong}
        return kept | read | self._read(wrong), candidates | wrong

    def _read(self, days: set[str] | None) -> dict[str, DayContent]:
        if days is not None and not days:
            return {}
        return _by_day(self.connection, relation(self.model.name), self.columns, self.model.day_column or "", days)

    def _count_days(self) -> dict[str, int]:
        day = day_expression(self.model.day_column or "", self.columns)
        rows = self.connection.execute(
            f"""select strftime({day}, '%Y-%m-%d'), count(*) from {relation(self.model.name)}
                where {day} is not null group by {day}"""
        ).fetchall()
        return dict(rows)

    def _count(self) -> int:
        """Row count of the table. Raises IntegrityError where it is not what the report says."""
        query = f"select count(*) from {relation(self.model.name)}"
        row = self.connection.execute(query).fetchone()
        rows = int(row[0]) if row else 0
        if self.model.rows is not None and self.model.rows != rows:
            raise IntegrityError(
                f"table {self.model.name} has {rows} rows in the build file and {self.model.rows} in the report",
                left="nothing was released",
                next_step="citylake build",
            )
        return rows


def content_of(
    connection: duckdb.DuckDBPyConnection, query: str, columns: dict[str, str], day_column: str | None
) -> tuple[str, dict[str, DayContent]]:
    """The hash of a query's rows as that of a table of these columns, and of a fact the content of each day."""
    if day_column is None:
        return _whole(connection, f"({query}) as hashed", columns), {}
    days = _by_day(connection, f"({query}) as hashed", columns, day_column, None)
    return _of_days(columns, days), days


def _whole(connection: duckdb.DuckDBPyConnection, source: str, columns: dict[str, str]) -> str:
    row = connection.execute(f"select {row_identity.rows(columns)} from {source}").fetchone()
    return _digest(columns, row or ())


def _by_day(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    columns: dict[str, str],
    day_column: str,
    days: Iterable[str] | None,
) -> dict[str, DayContent]:
    day = day_expression(day_column, columns)
    rows = connection.execute(
        f"""select strftime({day}, '%Y-%m-%d') as day, {row_identity.rows(columns)} from {source}
            where {day} is not null and {days_filter(day, days)} group by {day}"""
    ).fetchall()
    return {row[0]: DayContent(rows=row[1], content=_digest(columns, row[1:])) for row in rows}


def _of_days(columns: dict[str, str], days: dict[str, DayContent]) -> str:
    return _digest(columns, [f"{day} {content.content}" for day, content in sorted(days.items())])


def _rows(days: dict[str, DayContent], day: str) -> int | None:
    return days[day].rows if day in days else None


def day_expression(column: str, columns: dict[str, str]) -> str:
    """SQL for the day of a row.

    A DATE column is not cast, so that DuckDB can skip row groups by its minimum and maximum.
    """
    return identifier(column) if columns.get(column) == "DATE" else f"cast({identifier(column)} as date)"


def days_filter(day: str, chosen: Iterable[str] | None) -> str:
    """SQL condition for ISO days (None: all), with bounds by which DuckDB can skip row groups."""
    if chosen is None:
        return "true"
    days = sorted(chosen)
    if not days:
        return "false"
    listed = ", ".join(f"date {literal(d)}" for d in days)
    return f"{day} between date {literal(days[0])} and date {literal(days[-1])} and {day} in ({listed})"


def _digest(columns: dict[str, str], parts: Iterable[object]) -> str:
    text = "\n".join([ENGINE, repr(list(columns.items())), *(str(part) for part in parts)])
    return sha256_of_bytes(text.encode())[:32]


def columns_of_build(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Table or view of the build to its columns, name to type, in order."""
    rows = connection.execute(
        """select table_name, column_name, data_type from duckdb_columns()
           where database_name = $1 and schema_name = 'main' order by column_index""",
        [BUILD],
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        found.setdefault(table, {})[column] = kind
    return found


def _columns_of(model: ModelBuilt, columns: dict[str, dict[str, str]]) -> dict[str, str]:
    if model.name not in columns:
        raise IntegrityError(
            f"table {model.name} is in the report and not in the build file",
            left="nothing was released",
            next_step="citylake build",
        )
    return columns[model.name]
