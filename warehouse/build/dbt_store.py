"""A dbt-duckdb plugin that lets dbt's DuckDB connections read the object store.

The profile names this module, so that no credential is written into dbt's profile or logs. The store is that of the
build that called dbt in this process or, where dbt is called by hand, that of the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

from ingestion.settings import Settings
from ingestion.store import open_store

Prepare = Callable[[duckdb.DuckDBPyConnection], None]

_building: list[Prepare] = []
# Not a context variable: dbt opens its engine in threads of its own.


@contextmanager
def preparing(prepare: Prepare) -> Iterator[None]:
    """Within the block, call `prepare` for every connection that dbt opens.

    The build lock allows one build at a time.
    """
    _building.append(prepare)
    try:
        yield
    finally:
        _building.remove(prepare)


class Plugin(BasePlugin):
    """dbt-duckdb loads the class of this name from the module."""

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Called by dbt-duckdb for each connection it opens."""
        prepare = _building[-1] if _building else open_store(Settings()).prepare
        prepare(conn)
