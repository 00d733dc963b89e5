"""The DuckDB engine that text of contracts runs in: for conform, and for `contracts check`, which must see the same.

Closed and locked (ingestion.machine.engines): an expression reads no file, no variable and no other setting.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ingestion.conform import checks, legacy_dates, local_time
from ingestion.machine import engines


@contextmanager
def connected(
    zone: str, *, threads: int = 1, memory_limit: str | None = None, spill: Path | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A private session in the calendar's zone; whatever it spills, below the folder `spill`, goes away with it."""
    with engines.session(_set_up, threads=threads, memory_limit=memory_limit, zone=zone, spill=spill) as connection:
        yield connection


def _set_up(engine: duckdb.DuckDBPyConnection) -> None:
    # Sharing subexpressions moves a failing one out of the try() that should have caught it.
    engine.execute("set disabled_optimizers = 'common_subexpressions'")
    checks.install(engine)
    legacy_dates.install(engine)
    local_time.install(engine)
