"""The local DuckDB file of the receipt log: locking, opening, and rebuilding it when it is unusable.

The file is attached to a DuckDB session for one use under the lock and detached afterwards, so that commits of other
processes are always seen and none has to wait. `ingestion.receipts.log` decides what is written into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ingestion.errors import LakeBusy, StoreError
from ingestion.machine import engines
from ingestion.machine.locks import exclusive
from ingestion.receipts import fold
from ingestion.sql import identifier, literal

Identity = tuple[tuple[int, int, int], ...]
"""Of the file's present content: inode, modification time (ns) and bytes of it and of its journal."""


class LogFile:
    """One folded file. Everything but `locked` is called while holding the lock."""

    def __init__(self, path: Path, *, lock_seconds: float) -> None:
        self._path = path
        self._lock_seconds = lock_seconds
        self._checked: Identity | None = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock. Raises LakeBusy when it is not free in time, StoreError when the disk fails."""

        def busy() -> LakeBusy:
            return _busy("another process holds the receipt log")

        try:
            with exclusive(self._path.with_suffix(".lock"), busy=busy, timeout=self._lock_seconds):
                yield
        except (OSError, duckdb.IOException, duckdb.TransactionException, duckdb.FatalException) as error:
            raise StoreError(
                f"the receipt log cannot be written or read: {error}",
                left="receipts in the store are whole; the log is a cache and is folded again",
                next_step="free space on the state folder's disk, then run the command again",
            ) from error

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The file as catalogue `log`, open for writing; emptied where it is damaged or of another version."""
        if self._checked is None or self._checked != self.identity():
            self._rebuild_if_unusable()
        with self._attached() as connection:
            yield connection
        self._checked = self.identity()

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The file as catalogue `log`, read-only; created first where it is missing."""
        self._create_if_missing()
        with self._attached(" (read_only)") as connection:
            yield connection

    def private(self, name: str) -> duckdb.DuckDBPyConnection:
        """A separate connection with the file attached read-only as `name`; the caller closes it."""
        self._create_if_missing()
        connection = duckdb.connect()
        _in_utc(connection)
        connection.execute(f"attach {literal(self._path)} as {identifier(name)} (read_only)")
        return connection

    def forget(self) -> None:
        """Delete the file; the objects in the store from which it was built are not touched."""
        for path in self._files():
            path.unlink(missing_ok=True)

    def identity(self) -> Identity:
        """A value that changes with every write to the file by any process."""
        stats = [path.stat() for path in self._files() if path.is_file()]
        return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats)

    def _files(self) -> tuple[Path, Path]:
        """The file, and the journal that a killed process may leave beside it."""
        return self._path, self._path.with_name(self._path.name + ".wal")

    @contextmanager
    def _attached(self, mode: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
        with engines.session(_in_utc, closed=False) as connection:
            connection.execute(f"attach {literal(self._path)} as log{mode}")
            connection.execute("use log")
            yield connection
            connection.execute("use memory")
            connection.execute("detach log")

    def _create_if_missing(self) -> None:
        if not self._path.is_file():
            self._rebuild_if_unusable()

    def _rebuild_if_unusable(self) -> None:
        try:
            with self._attached() as connection:
                if _has_current_shape(connection):
                    return
        except duckdb.Error as error:
            if "could not set lock" in str(error).lower():
                raise _busy("another program has the receipt log file open") from error
            # Any other failure to open means that the file is damaged; it can be rebuilt from the store.
        self.forget()
        with self._attached() as connection:
            connection.execute(fold.SCHEMA)
            connection.execute("insert into shape values ($digest)", {"digest": fold.SHAPE_DIGEST})


def _in_utc(engine: duckdb.DuckDBPyConnection) -> None:
    engine.execute("set global timezone = 'UTC'")


def _has_current_shape(connection: duckdb.DuckDBPyConnection) -> bool:
    try:
        row = connection.execute("select digest from shape").fetchone()
    except duckdb.CatalogException:
        return False
    return row is not None and row[0] == fold.SHAPE_DIGEST


def _busy(what: str) -> LakeBusy:
    return LakeBusy(
        what,
        left="nothing was changed",
        next_step="wait for the other command to end (or close that program), then run this one again",
    )
