"""One publisher at a time: a lock file in the local state folder (one publisher host, by design)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ingestion.errors import LakeBusy
from ingestion.machine.locks import exclusive

if TYPE_CHECKING:
    from ingestion.lake import Lake


@contextmanager
def publisher(lake: Lake) -> Iterator[None]:
    """Hold the publisher lock. Raises LakeBusy."""

    def busy() -> LakeBusy:
        return LakeBusy(
            "another process is publishing",
            left="nothing was changed by this command",
            next_step="wait for it to end, then run the same command again",
        )

    settings = lake.settings
    with exclusive(settings.state_root / "publish.lock", busy=busy, timeout=settings.lock_timeout_seconds):
        yield
