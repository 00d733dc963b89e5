"""Compaction of an hourly feed: files opened and seconds to read, full build and one day, before and after.

Bronze is written as conform writes it, one small file an hour. Both sides of a ratio are measured in one run,
interleaved: the same build file's source view with merged copies and without.
usage: python -m bench.compaction [--days 60] [--rows 200] [--repeat 5]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from bench.hours import FEED, add_hours, hourly_lake
from ingestion.lake import Lake
from ingestion.upkeep.collect import collect
from ingestion.upkeep.compaction.compact import compact
from warehouse.build import state
from warehouse.build.inputs import read_effective
from warehouse.build.sources import create_sources, dated_tables


def measure(lake: Lake, *, merged: bool, day: date | None) -> tuple[int, float]:
    """Files the view names, and seconds to make it and read every row of it, as a build would."""
    effective = read_effective(lake)
    if not merged:
        effective = replace(effective, merged=state.MERGED_SCHEMA.empty_table())
    with duckdb.connect(config={"threads": 2}) as db:
        db.execute("set TimeZone = 'UTC'")
        run = state.Run("bench", date(2026, 1, 1), datetime.now(UTC), full_refresh=day is None)
        started = time.monotonic()
        state.begin(db, effective, run, dated_tables=dated_tables(lake.contracts.values()))
        if day is not None:
            db.execute("delete from _citylake.affected_day where day <> $day", {"day": day})
            db.execute(state._LISTED)
        create_sources(db, lake.contracts, lake.store.url)
        db.execute("create table built as from bronze_bench.gps")
        seconds = time.monotonic() - started
        (text,) = db.execute("select sql from duckdb_views() where schema_name = 'bronze_bench'").fetchall()[0]
    return str(text).count(".parquet'"), seconds


def merged_at(lake: Lake, day: date) -> Lake:
    """The lake as seen on a day, compacted; tells what that took."""
    seen = replace(lake, clock=lambda: datetime.combine(day, datetime.min.time(), UTC))
    started = time.monotonic()
    done = compact(seen, seen.contracts[FEED])
    seconds = time.monotonic() - started
    sys.stdout.write(f"{done.files:,} files, {done.rows:,} rows merged into {len(done.merged)} in {seconds:.1f} s\n")
    return seen


def compared(lake: Lake, day: date | None) -> tuple[tuple[int, float], tuple[int, float]]:
    """Without merged copies, and with them."""
    return measure(lake, merged=False, day=day), measure(lake, merged=True, day=day)


def show(name: str, pairs: list[tuple[tuple[int, float], tuple[int, float]]]) -> None:
    before, after = (statistics.median(pair[side][1] for pair in pairs) for side in (0, 1))
    (files, _), (merged, _) = pairs[0]
    sys.stdout.write(
        f"{name}: files {files:,} → {merged:,}; {before:.3f} → {after:.3f} s, ratio {after / before:.2f}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="citylake-bench-"))
    try:
        lake = hourly_lake(home)
        first, last = add_hours(lake, arguments.days, arguments.rows)
        # While a month lasts its settled days are merged; once it is over and settled, the month replaces them.
        during = merged_at(lake, first + timedelta(days=27))
        show("one day", [compared(during, first + timedelta(days=1)) for _ in range(arguments.repeat)])
        after = merged_at(lake, last + timedelta(days=60))
        collect(replace(after, clock=lambda: datetime.now(UTC) + timedelta(minutes=1)), grace=timedelta(0))
        show("everything", [compared(after, None) for _ in range(arguments.repeat)])
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
