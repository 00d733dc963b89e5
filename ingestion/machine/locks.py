"""File locks: one process of this machine at a time, and an error that says what to do where another holds it.

Owns how a lock file is made (mode 0600, its folder with it) and how a refusal of the disk is reported. Which lock a
step needs, and what a person is told who meets a taken one, is its caller's. Locks of the whole lake, on however many
hosts, are ingestion.locks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ingestion.errors import CitylakeError, StoreError
from ingestion.machine.disk import as_disk_error

_LEFT = "nothing was changed by this step; what was committed before stays"


@contextmanager
def exclusive(path: Path, *, busy: Callable[[], CitylakeError], timeout: float = 0.0) -> Iterator[None]:
    """Hold the lock file `path` for the time of the block.

    Waits at most `timeout` seconds (0: not at all), then raises what `busy` gives at that moment. Raises StoreError
    where the file cannot be made.
    """
    with within(path, timeout) as is_mine:
        if not is_mine:
            raise busy()
        yield


@contextmanager
def within(path: Path, timeout: float) -> Iterator[bool]:
    """Hold the lock file `path` for the time of the block if it is free within `timeout` seconds; whether it is held.

    Raises StoreError where the file cannot be made.
    """
    lock = FileLock(path, timeout=timeout, mode=0o600)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        yield False
        return
    except OSError as error:
        refusal = as_disk_error(error, f"taking the lock {path.name}", left=_LEFT)
        raise refusal or StoreError(
            f"the lock {path.name} cannot be taken: {error.strerror or error}",
            left=_LEFT,
            next_step="look at the folder of the lake's state, then run the same command again",
        ) from error
    try:
        yield True
    finally:
        lock.release()
