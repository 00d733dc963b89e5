"""dbt-duckdb's plugin that lets dbt's engine read the store. It keeps keys out of dbt's profile and logs.

dbt makes the plugin from the profile, by this module's name; the store it prepares for is the one
of the build that called dbt in this process, else (dbt called by hand) the one of the settings.
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
    """Inside, dbt's engines are prepared by this function. One build at a time holds the build lock."""
    _building.append(prepare)
    try:
        yield
    finally:
        _building.remove(prepare)


class Plugin(BasePlugin):
    """The name dbt-duckdb looks for."""

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Called once for each engine dbt opens."""
        prepare = _building[-1] if _building else open_store(Settings()).prepare
        prepare(conn)
