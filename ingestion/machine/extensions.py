"""DuckDB extensions from locked wheels: loaded by path, never installed from the internet.

The wheels `duckdb-extension-*` carry the signed binaries of exactly one DuckDB version. What an
extension is used for is left to the caller.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import duckdb

from ingestion.errors import ConfigurationError
from ingestion.sql import literal


def load(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load an extension into the engine of a connection; loading it again does nothing. Raises ConfigurationError."""
    connection.execute(f"load {literal(path(name))}")


def path(name: str) -> Path:
    """The file of an extension in its wheel. Raises ConfigurationError where it is missing or of another version."""
    spec = find_spec(f"duckdb_extension_{name.replace('-', '_')}")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        found = Path(folder) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        if found.is_file():
            return found
    raise ConfigurationError(
        f"DuckDB {duckdb.__version__} has no extension {name!r} in this environment",
        left="nothing was done",
        next_step="make setup (it installs duckdb and its extensions in one version)",
    )
