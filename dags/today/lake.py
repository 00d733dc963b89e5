"""The lake as the API server's process has it: opened once, its contracts read again when their files change."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from ingestion.settings import Settings

_Signature = tuple[tuple[str, int, int], ...]


class OneLake:
    """Gives every request the same lake; its parts may be used by many threads at once."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._opened: tuple[_Signature, Lake] | None = None

    def __call__(self) -> Lake:
        """The lake, with the contracts that are on disk now. Raises CitylakeError."""
        with self._lock:
            settings = self._opened[1].settings if self._opened else self._settings()
            signature = _signature(settings)
            if self._opened is None:
                from ingestion.lake import open_lake

                self._opened = signature, open_lake(settings)
            elif self._opened[0] != signature:
                from ingestion.contract.load import read_feeds

                feeds = read_feeds(settings.contracts)
                lake = replace(self._opened[1], contracts=feeds.contracts, broken=feeds.broken)
                self._opened = signature, lake
            return self._opened[1]


def _signature(settings: Settings) -> _Signature:
    found = [(path, path.stat()) for path in sorted(settings.contracts.rglob("*.yaml"))]
    return tuple((path.name, stat.st_mtime_ns, stat.st_size) for path, stat in found)
