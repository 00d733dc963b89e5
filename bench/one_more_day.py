"""One more day with 10, 100 and 1,000 days behind it: seconds, files opened, rows read.

Bar: at 1,000 days at most 1.2 times what it takes at 10, tests included, dbt's start excluded (the
sum of node times dbt reports, plus the time the runner needs around dbt).
usage: python -m bench.one_more_day [--rows 100000] [--days 10 100 1000] [--repeat 5]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from bench.history import History
from ingestion.lake import Lake
from warehouse.build.report import BuildReport
from warehouse.build.runner import build


def measure(history: History, lake: Lake, number: int) -> tuple[float, float, BuildReport]:
    """Wall seconds of the build, and seconds inside dbt nodes, of one more day."""
    day = history.add_days(lake, number, 1)
    started = time.monotonic()
    report = build(lake, day)
    wall = time.monotonic() - started
    return wall, node_seconds(report), report


def node_seconds(report: BuildReport) -> float:
    """Execution time of the models and checks that the build made and ran."""
    return sum(one.seconds or 0.0 for one in [*report.models, *report.checks])


def read_by_view(lake: Lake) -> tuple[int, int]:
    """Files in the source view of the last build, and rows behind them."""
    with duckdb.connect(lake.settings.build_path, read_only=True) as db:
        (text,) = db.execute("select sql from duckdb_views() where schema_name = 'bronze_bench'").fetchall()[0]
        (rows,) = db.execute("select count(*) from bronze_bench.gps").fetchall()[0]
    return str(text).count(".parquet"), int(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--days", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    out = sys.stdout
    base: float | None = None
    out.write(f"{arguments.rows:,} rows a day, median of {arguments.repeat}\n")
    out.write("days behind | node s | wall s | ratio | files in the view | rows read\n")
    for days in arguments.days:
        home = Path(tempfile.mkdtemp(prefix="citylake-bench-"))
        try:
            history = History(home, arguments.rows)
            lake = history.lake()
            build(lake, history.add_days(lake, 0, days))
            runs = [measure(history, lake, days + i) for i in range(arguments.repeat)]
            node = statistics.median(run[1] for run in runs)
            wall = statistics.median(run[0] for run in runs)
            base = base or node
            files, rows = read_by_view(lake)
            out.write(f"{days:>11} | {node:6.2f} | {wall:6.2f} | {node / base:5.2f} | {files:>17} | {rows:,}\n")
            out.flush()
        finally:
            shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
