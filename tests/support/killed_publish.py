"""Publish in a process that is killed just before its n-th write to the store: `killed_publish.py HOME N`."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from ingestion.settings import Settings
from ingestion.store import Store, open_store
from ingestion.store.base import ObjectInfo
from tests.support.small_city import open_small_lake
from warehouse.build.report import BuildReport
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


def main(home: Path, kill_before: int) -> None:
    lake = open_small_lake(home, KillingStore(open_store(Settings(home=home)), kill_before))  # type: ignore[arg-type]
    report = BuildReport.load(lake.settings.state_root / "report.json")
    verdicts = [Verdict.model_validate(v) for v in json.loads((lake.settings.state_root / "verdicts.json").read_text())]
    publish(lake, report, verdicts, approver="duty officer")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
