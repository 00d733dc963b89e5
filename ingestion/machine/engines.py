"""DuckDB engines of this process, opened for one use and kept for the next.

Opening an engine costs about 10 ms of CPU, more than conforming a small delivery. An engine serves one
user at a time, in a session of its own; it is kept only when the use ended well and spilled nothing,
so no state of one use can be met by the next. What is put into an engine once is the caller's.

An engine is closed and locked unless its user says otherwise (docs/adr/0021): SQL in it opens no file, loads no
extension and changes no setting. So whatever a use needs set (zone, limits, folders) is set at opening, before the
lock, and is part of what an engine is kept under.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingestion.sql import literal

Setup = Callable[[duckdb.DuckDBPyConnection], None]
Config = dict[str, str | bool | int | float | list[str]]

MAX_IDLE = 8
"""Engines kept at most; of more the one unused for longest is closed."""


@dataclass(frozen=True)
class _Key:
    """What makes two uses ask for the same engine. A forked child finds none of its parent's, whose threads it does
    not have."""

    process: int
    setup: Setup
    threads: int | None
    memory_limit: str | None
    zone: str | None
    spill: Path | None
    closed: bool


@dataclass(frozen=True)
class _Engine:
    connection: duckdb.DuckDBPyConnection
    spill: Path | None


_idle: dict[_Key, _Engine] = {}
# In the order they came back; one for each kind of use.


@contextmanager
def session(
    setup: Setup,
    *,
    threads: int | None = None,
    memory_limit: str | None = None,
    zone: str | None = None,
    spill: Path | None = None,
    closed: bool = True,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A new session of an in-memory engine that nobody else uses meanwhile.

    `setup` is called once for a new engine, before it is closed. The session begins with the engine's own settings
    (`zone` among them) and no temporary relations. With `spill`, what outgrows the memory goes into a folder of the
    engine's own below that one, and is removed when the use ends. `closed=False` is for SQL of this project alone
    that opens files: never for text from a contract, a delivery or a person.
    """
    key = _Key(os.getpid(), setup, threads, memory_limit, zone, spill, closed)
    engine = _idle.pop(key, None) or _opened(key)
    try:
        with engine.connection.cursor() as cursor:
            yield cursor
        if engine.spill is not None and engine.spill.exists():
            engine.connection.close()
        else:
            _keep(key, engine)
    except BaseException:
        engine.connection.close()
        raise
    finally:
        if engine.spill is not None:
            shutil.rmtree(engine.spill, ignore_errors=True)


def plain(engine: duckdb.DuckDBPyConnection) -> None:
    """The set-up of an engine that needs none."""


def restrict(
    connection: duckdb.DuckDBPyConnection, *, files: Sequence[Path] = (), folders: Sequence[Path] = ()
) -> None:
    """Let SQL of this engine open nothing but these files and what is in these folders, and change no setting, from
    now on."""
    connection.execute("set autoinstall_known_extensions = false")
    connection.execute("set autoload_known_extensions = false")
    if files:
        connection.execute(f"set allowed_paths = {literal([str(path) for path in files])}")
    if folders:
        connection.execute(f"set allowed_directories = {literal([str(path) for path in folders])}")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _keep(key: _Key, engine: _Engine) -> None:
    replaced = _idle.pop(key, None)
    _idle[key] = engine
    surplus = list(_idle)[: max(0, len(_idle) - MAX_IDLE)]
    for old in ([replaced] if replaced else []) + [_idle.pop(one) for one in surplus]:
        old.connection.close()


def _opened(key: _Key) -> _Engine:
    config: Config = {}
    if key.threads is not None:
        config["threads"] = key.threads
    if key.memory_limit is not None:
        config["memory_limit"] = key.memory_limit
    spill = key.spill / f".spill-{uuid.uuid4().hex}" if key.spill is not None else None
    if spill is not None:
        config["temp_directory"] = str(spill)
    connection = duckdb.connect(config=config)
    try:
        key.setup(connection)
        if key.zone is not None:
            connection.execute(f"set global timezone = {literal(key.zone)}")
        if key.closed:
            restrict(connection)
    except BaseException:
        connection.close()
        raise
    return _Engine(connection, spill)
