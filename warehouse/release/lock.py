"""One publisher at a time: a lock file in the local state folder (one publisher host, by design)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from ingestion.errors import LakeBusy

if TYPE_CHECKING:
    from ingestion.lake import Lake


@contextmanager
def publisher(lake: Lake) -> Iterator[None]:
    """Hold the publisher lock. Raises LakeBusy."""
    folder = lake.settings.state_root
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "publish.lock", timeout=lake.settings.lock_timeout_seconds, mode=0o600)
    try:
        lock.acquire()
    except Timeout as error:
        raise LakeBusy(
            "another process is publishing",
            left="nothing was changed by this command",
            next_step="wait for it to end, then run the same command again",
        ) from error
    try:
        yield
    finally:
        lock.release()
