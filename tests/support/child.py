"""One ingest in a process of its own, which may kill itself at a named step. Prints its outcomes as JSON.

Usage: child.py HOME FILE [--store URL] [--die STEP] [--at N] [--wait FILE] [--max-file-bytes N]
       [--as file|together|bulk]

`file`: FILE is a delivery of day 0. `together`: FILE is a folder whose files are one delivery each, by their names;
`bulk`: FILE is of days 0 to 9. It dies when the step comes for the N-th time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ingestion.delivery.ingest import ingest_file
from ingestion.delivery.load import load, sort_files
from ingestion.delivery.outcome import Delivery
from ingestion.errors import CitylakeError
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.receipts.log import ReceiptLog
from ingestion.store.local import LocalStore
from tests.support.lakes import contract, day, lake


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingStore(LocalStore):
    """Dies with the bytes written beside, before they get their name."""

    def _into_place(self, *_: object) -> None:
        die()


class DyingLog(ReceiptLog):
    """Dies with everything inserted, before the transaction ends."""

    def _fold(self, connection, receipts, decisions):  # type: ignore[no-untyped-def]
        commit, connection = connection.commit, _Uncommitted(connection)
        super()._fold(connection, receipts, decisions)
        commit()


class _Uncommitted:
    def __init__(self, connection) -> None:  # type: ignore[no-untyped-def]
        self._connection = connection

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def commit(self) -> None:
        die()


class _Dying:
    """Dies when a step comes for the n-th time."""

    def __init__(self, step: str, at: int) -> None:
        self._step = step
        self._left = at

    def __call__(self, name: str) -> None:
        self._left -= name == self._step
        if self._left == 0:
            die()


def taken_in(made: Lake, path: Path, way: str) -> list[Delivery]:
    """Ingest a file or load several, as the usage says."""
    if way == "file":
        return [ingest_file(made, contract(), path, day(0))]
    files = sorted(path.iterdir()) if way == "together" else [path]
    found = sort_files(contract(), files, all_bulk=way == "bulk")
    return list(load(made, contract(), found, Interval(day(0).start, day(9).end)))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--store")
    parser.add_argument("--die")
    parser.add_argument("--wait", type=Path)
    parser.add_argument("--max-file-bytes", type=int)
    parser.add_argument("--at", type=int, default=1)
    parser.add_argument("--as", dest="way", choices=("file", "together", "bulk"), default="file")
    args = parser.parse_args()
    made = lake(args.home)
    if args.store:
        store = LocalStore(Path(args.store))
        made = replace(made, store=store, log=ReceiptLog(store, made.settings.state_root / "receipts.duckdb"))
    if args.die == "put":
        store = DyingStore(made.store.root)
        made = replace(made, store=store)
    elif args.die == "fold":
        made = replace(made, log=DyingLog(made.store, made.settings.state_root / "receipts.duckdb"))
    elif args.die:
        made = replace(made, on_step=_Dying(args.die, args.at))
    if args.max_file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (args.max_file_bytes, args.max_file_bytes))
    while args.wait and not args.wait.exists():
        time.sleep(0.005)
    try:
        outcomes = [delivery.outcome for delivery in taken_in(made, args.file, args.way)]
        if args.die == "fold":
            made.log.refresh()
    except CitylakeError as error:
        sys.stdout.write(json.dumps({"error": type(error).__name__, "message": str(error)}))
        return 1
    sys.stdout.write(json.dumps({"outcome": outcomes[0], "outcomes": outcomes}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
