"""Write the files of a release: `warehouse.duckdb` (tables, views over fact files, comments, macros) and `open.sql`.

The file of a public edition holds no view, because the text of a view names the store (ADR 0022). The macros are the
checks of identifiers under the names that the dbt project has for them: `is_uscc(code)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ingestion.errors import CitylakeError, IntegrityError
from ingestion.sql import identifier, literal
from ingestion.store.base import Store
from ingestion.store.reading import store_errors
from ingestion.values.check_digit_sql import is_valid
from ingestion.values.check_digits import CHECKS
from warehouse.publish.comments import Comment, write
from warehouse.release import layout
from warehouse.release.manifest import Manifest, TableEntry

NEW = "release_file"


class TableFailed(Exception):
    """An unexpected exception, its `__cause__`, ended the making of one table of a release."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(f"table {table} cannot be made")


@contextmanager
def making(table: str, store: Store) -> Iterator[None]:
    """Raise TableFailed for an unexpected exception in the block.

    CitylakeError, StoreError among them, passes through.
    """
    try:
        with store_errors(store, f"make table {table}"):
            yield
    except CitylakeError:
        raise
    except Exception as error:
        raise TableFailed(table) from error


def write_warehouse(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    tables: dict[str, TableEntry],
    queries: dict[str, str],
    comments: dict[str, Comment],
    store: Store,
) -> None:
    """Make the file at `path`. `queries` maps each table to SQL for its rows; a fact with files becomes a view.

    Raises IntegrityError, StoreError, TableFailed.
    """
    connection.execute(f"attach {literal(path)} as {NEW}")
    connection.begin()  # one commit for all tables: one for each costs more than most of them
    try:
        for name, entry in sorted(tables.items()):
            target = identifier(NEW, "main", name)
            kind = "view" if entry.is_view else "table"
            with making(name, store):
                connection.execute(f"create {kind} {target} as {queries[name]}")
                if not entry.is_view:
                    _require_rows(connection, name, target, entry.rows)
                write(connection, target, kind, entry.columns, comments[name])
        for check in CHECKS:
            macro = identifier(NEW, "main", f"is_{check}")
            connection.execute(f"create macro {macro}(code) as {is_valid(check, 'code')}")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.execute(f"detach {NEW}")


def _require_rows(connection: duckdb.DuckDBPyConnection, name: str, target: str, rows: int) -> None:
    row = connection.execute(f"select count(*) from {target}").fetchone()
    if row is None or row[0] != rows:
        raise IntegrityError(
            f"table {name} has {row[0] if row else 0} rows in the new release and {rows} in its source",
            left="the current release is unchanged",
            next_step="citylake build, then citylake publish",
        )


def open_sql(manifest: Manifest) -> str:
    """SQL that opens a restored or copied store: run it with the store's root as working directory."""
    alias = identifier(layout.file_name(manifest.edition))
    lines = [
        f"-- Release {manifest.id} of edition {manifest.edition}. Start DuckDB in the folder that holds `published/`:",
        f"--   duckdb -init {layout.open_sql(manifest.edition, manifest.id)}",
        *(
            ["-- Views inside warehouse.duckdb hold absolute paths; these replace them with relative ones."]
            if any(entry.is_view for entry in manifest.tables.values())
            else []
        ),
        *(["-- Synthetic data: made by the simulated city."] if manifest.synthetic else []),
        f"attach {literal(manifest.warehouse.key)} as {alias} (read_only);",
        f"use {alias};",
    ]
    for name, entry in sorted(manifest.tables.items()):
        if entry.files:
            files = ",\n    ".join(literal(file.key) for file in entry.files)
            lines.append(
                f"create or replace temp view {identifier(name)} as\n"
                f"select * from read_parquet([\n    {files}\n], hive_partitioning = false);"
            )
    return "\n".join(lines) + "\n"
