"""Locks as files below the home: for a lake that one host works on. The default.

Owns where the files lie and how a lock that is lost is noticed: the state folder may be deleted at any time, and
whoever comes then makes another file of that name.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from ingestion.locks.base import Held, Locks
from ingestion.machine.locks import within


class FileLocks(Locks):
    """One file a lock, `<folder>/<name>.lock`; a `/` in the name is a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def holder(self, name: str) -> str | None:
        """Not known of a file."""
        return None

    def path(self, name: str) -> Path:
        """The file of a lock."""
        return self._folder / f"{name}.lock"

    def _take(self, name: str, timeout: float) -> Held | None:
        path = self.path(name)
        with ExitStack() as stack:
            if stack.enter_context(within(path, timeout)):
                return _HeldFile(path, stack.pop_all())
        return None


class _HeldFile(Held):
    def __init__(self, path: Path, lock: AbstractContextManager[object]) -> None:
        super().__init__()
        self._path = path
        self._lock = lock
        self._file = _identity(path)

    def why_lost(self) -> str | None:
        return None if _identity(self._path) == self._file else f"its file {self._path} was removed or replaced"

    def release(self) -> None:
        self._lock.__exit__(None, None, None)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
