"""Locks of the whole lake, on however many hosts it is worked on. `open_locks(settings)` opens the configured kind."""

from __future__ import annotations

from ingestion.locks.base import Busy, Locks
from ingestion.locks.files import FileLocks
from ingestion.settings import Settings

__all__ = ["Busy", "FileLocks", "Locks", "open_locks"]


def open_locks(settings: Settings) -> Locks:
    """PostgreSQL advisory locks where CITYLAKE_LOCK_DATABASE is set, else lock files below the home of this machine.

    No connection is made before the first lock is taken. Raises ConfigurationError.
    """
    if settings.lock_database is None:
        return FileLocks(settings.state_root / "locks")
    # Imported here: a lake on one host needs no database driver.
    from ingestion.locks.postgres import PostgresLocks

    return PostgresLocks(settings.lock_database)
