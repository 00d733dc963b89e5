"""Everything a reader of the open edition can get at, as text; and lakes whose open edition is an earlier version's."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import duckdb

from ingestion.lake import Lake
from ingestion.sql import identifier, literal
from warehouse.release import layout

OPEN = "published/open"


@contextlib.contextmanager
def earlier_version() -> Iterator[None]:
    """Publish as versions before ADR 0022 did: the open edition as the internal one is."""
    with mock.patch.object(layout, "is_public", lambda edition: False):
        yield


def keys(lake: Lake) -> list[str]:
    """Every object of the open edition."""
    return [info.key for info in lake.store.list(f"{OPEN}/")]


def texts(lake: Lake) -> dict[str, str]:
    """Key to everything that is in the object: its bytes, and what they hold once unpacked."""
    return {key: key + "\n" + _text(lake.store.get_bytes(key), Path(key).suffix) for key in keys(lake)}


def _text(data: bytes, suffix: str) -> str:
    parts = [data.decode("utf-8", errors="replace"), data.decode("utf-16-le", errors="replace")]
    if suffix == ".gz":
        parts.append(gzip.decompress(data).decode(errors="replace"))
    if suffix in (".duckdb", ".parquet"):
        with TemporaryDirectory() as folder, contextlib.closing(duckdb.connect()) as connection:
            file = Path(folder) / f"object{suffix}"
            file.write_bytes(data)
            parts += _of_database(connection, file) if suffix == ".duckdb" else _of_parquet(connection, file)
    return "\n".join(parts)


def _of_database(connection: duckdb.DuckDBPyConnection, file: Path) -> Iterator[str]:
    connection.execute(f"attach {literal(file)} as looked (read_only)")
    for function in ("tables", "views", "columns", "schemas", "indexes", "constraints", "functions", "types"):
        # Functions and types are listed for every attached database: only the file's own are its content.
        where = "where database_name = 'looked'"
        yield from _rows(connection, f"select * exclude (database_name) from duckdb_{function}() {where}")
    # Views, which an earlier version had, are looked at as text alone.
    tables = "select schema_name, table_name from duckdb_tables() where database_name = 'looked'"
    for schema, table in connection.execute(tables).fetchall():
        yield from _rows(connection, f"select * from {identifier('looked', schema, table)}")


def _of_parquet(connection: duckdb.DuckDBPyConnection, file: Path) -> Iterator[str]:
    yield from _rows(connection, f"select * from read_parquet({literal(file)}, hive_partitioning = false)")
    for function in ("parquet_kv_metadata", "parquet_schema"):
        yield from _rows(connection, f"select * exclude (file_name) from {function}({literal(file)})")


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[str]:
    for row in connection.execute(query).fetchall():
        yield "\t".join(map(str, row))
