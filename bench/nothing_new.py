"""A second run with nothing new: seconds, and objects written (none).

usage: python -m bench.nothing_new [--days 5] [--repeat 5]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from ingestion.lake import open_lake
from ingestion.settings import Settings
from warehouse.run import run

START = date(2026, 3, 2)


def main() -> None:
    """Run the city's days, then the last one again and again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="citylake-bench-"))
    try:
        lake = open_lake(Settings(home=home, pseudonym_key="00" * 32))  # type: ignore[arg-type]
        first: list[float] = []
        day = START
        for offset in range(arguments.days):
            day = START + timedelta(days=offset)
            subprocess.run(
                [sys.executable, "-m", "infra.simulator", "deliver", "--out", str(home / "city"), "--day", str(day)],
                check=True,
                capture_output=True,
            )
            started = time.monotonic()
            run(lake, day)
            first.append(time.monotonic() - started)
        before = {info.key for info in lake.store.list("")}
        again = []
        for _ in range(arguments.repeat):
            started = time.monotonic()
            run(lake, day)
            again.append(time.monotonic() - started)
        written = {info.key for info in lake.store.list("")} - before
        out = sys.stdout
        out.write(f"first run of each day: {', '.join(f'{s:.1f}' for s in first)} s\n")
        out.write(f"same day again, nothing new: median {statistics.median(again):.2f} s of {arguments.repeat}\n")
        out.write(f"objects written by {arguments.repeat} repeats: {len(written)}\n")
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
