"""DuckDB's excel extension from its wheel: nothing is downloaded."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import duckdb

from ingestion.errors import ConfigurationError
from ingestion.sql import literal


def load_excel(connection: duckdb.DuckDBPyConnection) -> None:
    """Raises ConfigurationError where the wheel is missing or made for another DuckDB."""
    try:
        package = Path(str(files("duckdb_extension_excel")))
        connection.execute(f"load {literal(next(package.rglob('excel.duckdb_extension')))}")
    except (ModuleNotFoundError, StopIteration, duckdb.Error) as error:
        raise ConfigurationError(
            f"DuckDB's excel extension cannot be loaded: {str(error).splitlines()[0]}",
            next_step="make setup (duckdb and duckdb-extension-excel must have the same version)",
        ) from error
