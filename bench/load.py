"""History: 90 days of every feed that hands it over, file by file and in bulk, ingest only, on a folder store.

Two processes share the feeds, as two Airflow tasks would; seconds are wall time from the first process's start to the
last one's end, with the start of Python. The same rows must be accepted either way, and of the same event days.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from infra.simulator.city import City
from infra.simulator.feeds import FEEDS
from infra.simulator.history import hand_over
from infra.simulator.model import Slot
from ingestion.lake import open_lake
from ingestion.settings import Settings
from warehouse.effective import create_views

PROCESSES = 2
CITYLAKE = Path(sys.executable).with_name("citylake")


def main() -> int:
    """Print one line for each way."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bulk = {one.feed: list(one.files) for one in hand_over(City(), args.days, folder / "city")}
        small = {feed: _one_by_one(folder / "small", feed, args.days) for feed in bulk}
        found = {}
        for number in range(args.rounds):
            for way, files in (("file by file", small), ("in bulk", bulk)):
                home = folder / f"home {way} {number}"
                _ = open_lake(Settings(home=home)).keys
                seconds = _load(home, files)
                found[way] = _accepted(home)
                count, rows = sum(map(len, files.values())), sum(rows for _, _, rows in found[way])
                _say(f"{way:<14} {count:>6,} files {rows:>8,} rows in force {seconds:>7.1f} s")
                shutil.rmtree(home)
        if found["file by file"] != found["in bulk"]:
            _say("the two ways do not give the same rows")
            return 1
    return 0


def _one_by_one(folder: Path, feed: str, days: int) -> list[Path]:
    """The same deliveries as the departments made them, before they were joined for the hand-over."""
    city, chosen = City(plan=()), next(one for one in FEEDS if one.id == feed)
    files = []
    for day_no in range(1 - days, 1):
        for hour in range(24) if chosen.every == "hour" else (0,):
            start = city.midnight(day_no) + timedelta(hours=hour)
            made = chosen.deliver(city, Slot(start, 1, start + chosen.arrives))
            path = folder / made.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(made.content)
            files.append(path)
    return files


def _load(home: Path, files: dict[str, list[Path]]) -> float:
    """Load every feed's folder; the feeds with the most files go first, to whichever process is free."""
    waiting = sorted(files, key=lambda feed: len(files[feed]))
    running: list[subprocess.Popen[bytes]] = []
    began = time.perf_counter()
    while waiting or running:
        while waiting and len(running) < PROCESSES:
            feed = waiting.pop()
            command = [str(CITYLAKE), "--home", str(home), "load", feed, str(files[feed][0].parent)]
            running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        for process in [one for one in running if one.poll() is not None]:
            if process.returncode:
                raise SystemExit(f"loading failed: {process.args!r}")
            running.remove(process)
        time.sleep(0.01)
    return time.perf_counter() - began


def _accepted(home: Path) -> list[tuple[str, date, int]]:
    """Rows in force by feed and event day; of feeds without, by the day of the interval."""
    with open_lake(Settings(home=home)).log.connect() as log:
        create_views(log)
        return log.execute(
            """select feed, coalesce(day, dt), sum(coalesce(effective_day.rows, effective_file.rows))::bigint
            from effective_file left join effective_day using (feed, key) group by all order by all"""
        ).fetchall()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
