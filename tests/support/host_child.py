"""One host of a lake that many work on: a process with a home of its own, on the store and locks of its environment.

Usage: host_child.py [--pause POINT] [--clock SECONDS] ingest FILE… | publish. It prints its steps, one JSON line each.
At POINT it prints `{"paused": …}` and goes on when it is given a line. Points are the steps of a commit (Lake.on_step)
and, while publishing, `composed`: all objects of a release but the manifest are stored.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ingestion.delivery.ingest import ingest_file
from ingestion.errors import CitylakeError
from ingestion.lake import Lake
from ingestion.settings import Settings
from ingestion.store import Store
from tests.support.lakes import contract, day, lake
from tests.support.small_city import open_small_lake
from warehouse.build.report import BuildReport
from warehouse.build.runner import last_report
from warehouse.gate.decide import gate
from warehouse.publish.run import publish


def say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


class PausingStore:
    """The real store, which calls `composed` before a manifest of a release is put."""

    def __init__(self, store: Store, composed: Callable[[], None]) -> None:
        self._store = store
        self._composed = composed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put_bytes(self, key: str, data: bytes) -> object:
        if key.endswith("/manifest.json"):
            self._composed()
        return self._store.put_bytes(key, data)


def ingest(made: Lake, files: list[Path]) -> None:
    for file in files:
        delivery = ingest_file(made, contract(), file, day(0))
        say(file=file.name, outcome=delivery.outcome, batch=delivery.batch)


def publish_last_build(made: Lake) -> None:
    made.on_step("gate")
    report = last_report(made.settings)
    if not isinstance(report, BuildReport):
        raise RuntimeError("nothing was built")
    verdicts = gate(made, report)
    for published in publish(made, report, verdicts, approver="host", editions=["internal"]):
        say(outcome=published.outcome, release=published.release)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pause")
    parser.add_argument("--clock", type=float, default=0.0)
    parser.add_argument("work", choices=["ingest", "publish"])
    parser.add_argument("files", type=Path, nargs="*")
    given = parser.parse_args()
    paused = False

    def at(point: str) -> None:
        nonlocal paused
        say(step=point)
        if point == given.pause and not paused:
            paused = True
            say(paused=point)
            sys.stdin.readline()

    settings = Settings()
    made = lake(settings.home, settings=settings) if given.work == "ingest" else open_small_lake(settings.home)
    made = replace(
        made,
        clock=lambda: datetime.now(UTC) + timedelta(seconds=given.clock),
        on_step=at,
        store=PausingStore(made.store, lambda: at("composed")),  # type: ignore[arg-type]
    )
    try:
        if given.work == "ingest":
            ingest(made, given.files)
        else:
            publish_last_build(made)
    except CitylakeError as error:
        say(error=type(error).__name__, message=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
