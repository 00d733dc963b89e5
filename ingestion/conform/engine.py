"""The DuckDB session in which a contract's expressions run, the same for conform and for `citylake contracts check`.

It is restricted (ingestion.machine.engines): an expression cannot read files, environment variables or change settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ingestion.conform import checks, legacy_dates, local_time
from ingestion.machine import engines


@contextmanager
def conform_session(
    zone: str, *, threads: int = 1, memory_limit: str | None = None, spill: Path | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A private session in the calendar's time zone; its temporary files, in the folder `spill`, go away with it."""
    with engines.session(_set_up, threads=threads, memory_limit=memory_limit, zone=zone, spill=spill) as connection:
        yield connection


def _set_up(engine: duckdb.DuckDBPyConnection) -> None:
    # This optimizer moves a failing subexpression out of the try() that should catch it.
    engine.execute("set disabled_optimizers = 'common_subexpressions'")
    checks.install(engine)
    legacy_dates.install(engine)
    local_time.install(engine)
