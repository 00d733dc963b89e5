"""Open build.duckdb, replacing it by an empty file where it is damaged or a full rebuild starts.

The tables in it are made by warehouse.build.state and by dbt.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingestion.errors import LakeBusy


@dataclass(frozen=True)
class Opened:
    """A writable connection with time zone UTC.

    `recovered` says why the file was created; None where it could be read.
    """

    connection: duckdb.DuckDBPyConnection
    recovered: str | None


def open_build_file(path: Path) -> Opened:
    """Open for writing; a missing or damaged file is created. The caller closes the connection.

    Raises LakeBusy where another program has the file open.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _remove(path)
        return Opened(_connect(path), "there is no build file")
    try:
        return Opened(_connect(path), None)
    except duckdb.Error as error:
        if "could not set lock" in str(error).lower():
            raise LakeBusy(
                f"another program has {path} open",
                left="the build file and the last release are untouched",
                next_step="close it; to look at data while builds run, use `citylake sql` on the release",
            ) from error
        _remove(path)
        return Opened(_connect(path), "the build file was damaged and has been removed")


def empty_build_file(opened: Opened, path: Path) -> Opened:
    """Replace the file by an empty one, so that a full rebuild keeps no table of a removed model and no old column."""
    opened.connection.close()
    _remove(path)
    return Opened(_connect(path), opened.recovered)


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(path)
    try:
        connection.execute("set TimeZone = 'UTC'")
        # Reads the catalogue, so that damage shows here and not half-way through a run.
        connection.execute("select count(*) from duckdb_tables()")
    except duckdb.Error:
        connection.close()
        raise
    return connection


def _remove(path: Path) -> None:
    for part in (path, path.with_name(path.name + ".wal")):
        part.unlink(missing_ok=True)
