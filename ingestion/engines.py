"""DuckDB engines of this process, lent for one use and kept for the next.

Opening an engine costs about 10 ms of CPU, more than conforming a small delivery. An engine is lent to one
user at a time, in a session of its own; it is kept only when the use ended well and spilled nothing,
so no state of one use can be met by the next. What is put into an engine once is the caller's.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ingestion.sql import literal

Setup = Callable[[duckdb.DuckDBPyConnection], None]
_Key = tuple[int, Setup, int | None, str | None]

_idle: dict[_Key, duckdb.DuckDBPyConnection] = {}
# One for each kind of use. A forked child finds none of its parent's, whose threads it does not have.


@contextmanager
def lent(
    setup: Setup, *, threads: int | None = None, memory_limit: str | None = None, spill: Path | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A new session of an in-memory engine that nobody else uses meanwhile.

    `setup` is called once for a new engine. The session begins with DuckDB's own session settings and no temporary
    relations. With `spill`, what outgrows the memory goes into that folder and is removed with it.
    """
    key = (os.getpid(), setup, threads, memory_limit)
    engine = _idle.pop(key, None) or _opened(setup, threads, memory_limit)
    try:
        if spill is not None:
            engine.execute(f"set temp_directory = {literal(spill)}")
        with engine.cursor() as session:
            yield session
        if spill is not None and spill.exists():
            # DuckDB cannot leave a folder it has used.
            engine.close()
        else:
            _idle[key] = engine
    except BaseException:
        engine.close()
        raise
    finally:
        if spill is not None:
            shutil.rmtree(spill, ignore_errors=True)


def _opened(setup: Setup, threads: int | None, memory_limit: str | None) -> duckdb.DuckDBPyConnection:
    config: dict[str, str | bool | int | float | list[str]] = {}
    if threads is not None:
        config["threads"] = threads
    if memory_limit is not None:
        config["memory_limit"] = memory_limit
    engine = duckdb.connect(config=config)
    try:
        setup(engine)
    except BaseException:
        engine.close()
        raise
    return engine
