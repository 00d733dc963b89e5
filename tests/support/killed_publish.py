"""Publish in a process that is killed just before its n-th write to the store: `killed_publish.py HOME N`.

With a third argument `unpublish` it only takes expired records out. A deletion is a write too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from ingestion.settings import Settings
from ingestion.store import Store, open_store
from ingestion.store.base import ObjectInfo
from tests.support.notices import CITY_TIME, settings_of
from tests.support.small_city import open_small_lake
from warehouse.build.report import BuildReport
from warehouse.publish.leave import unpublish
from warehouse.publish.run import publish
from warehouse.verdict import Verdict


class KillingStore:
    """A real store whose process dies at a chosen write, as by a power cut."""

    def __init__(self, store: Store, kill_before: int) -> None:
        self._store = store
        self.left = kill_before

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def _step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def put_file(self, key: str, source: Path) -> ObjectInfo:
        self._step()
        return self._store.put_file(key, source)

    def put_bytes(self, key: str, data: bytes) -> ObjectInfo:
        self._step()
        return self._store.put_bytes(key, data)

    def replace(self, key: str, data: bytes) -> None:
        self._step()
        self._store.replace(key, data)

    def delete(self, key: str) -> None:
        self._step()
        self._store.delete(key)


def main(home: Path, kill_before: int, what: str = "publish") -> None:
    settings = settings_of(home) if (home / CITY_TIME).is_file() else Settings(home=home)
    lake = open_small_lake(home, KillingStore(open_store(settings), kill_before), settings)  # type: ignore[arg-type]
    if what == "unpublish":
        unpublish(lake)
        return
    report = BuildReport.load(lake.settings.state_root / "report.json")
    verdicts = [Verdict.model_validate(v) for v in json.loads((lake.settings.state_root / "verdicts.json").read_text())]
    publish(lake, report, verdicts, approver="duty officer")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
