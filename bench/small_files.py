"""Small files: what taking one in costs against a bare read and write of it, with few and with many receipts.

Both sides in processor time, medians over the runs, taken in turn. Bare: a DuckDB engine is opened, the file read with
explicit types and written as Parquet (zstd). Ours: `capture` of the hourly weather feed, which finds, lands, types,
judges, counts and commits each file with a receipt of its own. `a day`: one run takes in 24 files; `an hour`: one run
for one file.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import duckdb

from ingestion import keys
from ingestion.lake import Lake, open_lake
from ingestion.receipts.model import Receipt, Span
from ingestion.settings import Settings
from ingestion.sql import literal
from warehouse.capture import Captured, capture

FEED = "qxj.wx_station_hourly"
FIRST = date(2026, 3, 2)
DAYS = 6


def main() -> int:
    """Print one line for each number of receipts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--receipts", type=int, nargs="+", default=[10, 10_000])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch, city = Path(folder), Path(folder) / "city"
        command = [sys.executable, "-m", "infra.simulator", "deliver", "--out", str(city), "--all", "--days", str(DAYS)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        arrived = city / "drop" / FEED.replace(".", "/")
        _say(f"{'receipts':>9} {'bare ms':>8} {'a day ms':>9} {'ratio':>6} {'an hour ms':>11} {'ratio':>6}")
        for count in args.receipts:
            lake = _lake(scratch / f"home{count}", count)
            bare, day, hour = _measure(lake, arrived, scratch)
            _say(f"{count:>9,} {bare:>8.1f} {day:>9.1f} {day / bare:>6.2f} {hour:>11.1f} {hour / bare:>6.2f}")
    return 0


def _measure(lake: Lake, arrived: Path, scratch: Path) -> tuple[float, float, float]:
    """Milliseconds of processor time a file: bare, taken in with its day, taken in alone."""
    drop = lake.settings.drop_root / FEED.replace(".", "/")
    drop.mkdir(parents=True)
    bare, together, alone = [], [], []
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        files = sorted(arrived.glob(f"*_{day:%Y%m%d}*.csv"))
        bare.append(_milliseconds(partial(_read_and_write, lake, files, scratch)) / len(files))
        # The last days' files come one by one, the others with their day; the first day warms up.
        is_alone = number >= DAYS - 2
        for some in [[file] for file in files[:8]] if is_alone else [files]:
            for file in some:
                shutil.copy2(file, drop)
            captured = Captured()
            took = _milliseconds(partial(capture, lake, lake.contracts[FEED], day, captured))
            if number and captured.deliveries:
                (alone if is_alone else together).append(took / len(captured.deliveries))
    return statistics.median(bare), statistics.median(together), statistics.median(alone)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _milliseconds(step: Callable[[], object]) -> float:
    began = time.process_time()
    step()
    return (time.process_time() - began) * 1000


def _read_and_write(lake: Lake, files: list[Path], scratch: Path) -> None:
    types = {c.source: c.type for c in lake.contracts[FEED].tables[0].columns if c.source}
    for file in files:
        header = file.open(encoding="utf-8").readline().strip().split(",")
        columns = {name: types.get(name, "VARCHAR") for name in header}
        with duckdb.connect(config={"threads": 1}) as db:
            db.execute(
                f"copy (from read_csv({literal(str(file))}, header = true, columns = {columns}, ignore_errors = true, "
                f"auto_detect = false)) to {literal(str(scratch / 'bare.parquet'))} (format parquet, compression zstd)"
            )


def _lake(home: Path, receipts: int) -> Lake:
    """A lake that committed `receipts` hours before the first day, 24 a day."""
    lake = open_lake(Settings(home=home, threads=1))
    _ = lake.keys  # made while the lake is new
    contract = lake.contracts[FEED]
    calendar = replace(contract.calendar, start=date(2020, 1, 1))
    interval = calendar.meeting(FIRST)[0]
    for _ in range(receipts):
        interval = calendar.at(interval.start - timedelta(minutes=1))
        span = Span(start=interval.start, end=interval.end)
        batch = keys.batch_id(interval, "0" * 64)
        receipt = Receipt(
            department=contract.department, feed=contract.feed, batch=batch, attempt="bench", outcome="no_data",
            delivery="interval", correction="full", interval=span, dt=calendar.local_date(interval),
            contract=contract.id, revision=contract.revision, key_version=1, raw_key=None, raw_sha256=None, raw_bytes=0,
            content_as_of=interval.end, loaded_at=interval.end, committed_at=interval.end,
        )  # fmt: skip
        key = keys.receipt(receipt.committed_at, contract.department, contract.feed, batch, "bench")
        lake.store.put_bytes(key, receipt.model_dump_json().encode())
    lake.log.refresh()
    return lake


if __name__ == "__main__":
    sys.exit(main())
