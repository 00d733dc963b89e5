"""One publisher at a time in the whole lake, whichever host it is on.

Owns the lock under which a pointer, a hold or the ledger changes. `warehouse.release.pointer` and `.ledger` ask before
each of their writes whether it is still held.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ingestion.errors import LakeBusy

if TYPE_CHECKING:
    from ingestion.lake import Lake

_NAME = "publish"


@contextmanager
def publisher(lake: Lake) -> Iterator[None]:
    """Hold the publisher lock. Raises LakeBusy."""

    def busy(holder: str | None) -> LakeBusy:
        return LakeBusy(
            f"another process is publishing{f' ({holder})' if holder else ''}",
            left="nothing was changed by this command",
            next_step="wait for it to end, then run the same command again",
        )

    with lake.locks.exclusive(_NAME, busy=busy, timeout=lake.settings.lock_timeout_seconds):
        yield


def require_publisher(lake: Lake) -> None:
    """Call it right before a step that readers see. Raises LockUnavailable where the lock is not held any more."""
    lake.locks.require_held(_NAME)
