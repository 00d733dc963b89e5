"""What locks in a database cost a small delivery: ingest with lock files against ingest with PostgreSQL's locks.

usage: python -m bench.locks [--deliveries 60] [--times 3]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from ingestion.delivery.ingest import ingest_file
from ingestion.errors import LakeBusy
from ingestion.lake import Lake
from ingestion.locks import Locks
from ingestion.settings import Settings
from tests.support.lakes import contract, day, drop, lake, rows
from tests.support.lock_database import lock_database

ROWS = 20


def deliver(made: Lake, number: int) -> tuple[float, float]:
    """Ingest the file of a new day: seconds of the wall clock, of this process."""
    feed = contract()
    file = drop(made, f"readings_{number}.csv", rows(range(ROWS), at=number, value=number), hours=24 * (number + 1))
    wall, own = time.perf_counter(), time.process_time()
    delivery = ingest_file(made, feed, file, day(number))
    if delivery.outcome != "accepted":
        raise RuntimeError(f"{file.name}: {delivery.outcome} {delivery.message}")
    return time.perf_counter() - wall, time.process_time() - own


def lock_seconds(locks: Locks, times: int = 300) -> float:
    """Seconds of the wall clock for taking a lock, asking for it once and freeing it."""
    begun = time.perf_counter()
    for _ in range(times):
        with locks.exclusive("bench", busy=lambda _: LakeBusy("taken")):
            locks.require_held("bench")
    return (time.perf_counter() - begun) / times


def main() -> None:
    """Deliver in turns to a lake of each kind, and print both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=60)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="citylake-bench-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        with lock_database(root / "server") as database:
            for time_number in range(given.times):
                homes = [Settings(home=root / f"{kind}-{time_number}") for kind in ("files", "postgres")]
                homes[1].lock_database = Settings(lock_database=database.dsn).lock_database  # type: ignore[arg-type]
                files, postgres = (lake(settings.home, settings=settings) for settings in homes)
                pairs = [(deliver(files, n), deliver(postgres, n)) for n in range(given.deliveries)]
                medians = [[statistics.median(pair[s][c] for pair in pairs) for c in (0, 1)] for s in (0, 1)]
                taken = [lock_seconds(made.locks) for made in (files, postgres)]
                wall, own = medians[1][0] / medians[0][0], medians[1][1] / medians[0][1]
                sys.stdout.write(
                    f"a delivery of {ROWS} rows: files {medians[0][0] * 1e3:.1f} ms, database "
                    f"{medians[1][0] * 1e3:.1f} ms, {wall:.2f} x; processor time {own:.2f} x; "
                    f"the lock alone {taken[0] * 1e3:.2f} and {taken[1] * 1e3:.2f} ms\n"
                )


if __name__ == "__main__":
    main()
