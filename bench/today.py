"""A year of receipts behind the status that the page "today" and `citylake status` show: seconds to read it.

usage: python -m bench.today [--days 10 365] [--hourly 6] [--times 5] [--bars]

Receipts of the shipped contracts' feeds are written into the store as ingest writes them, `--hourly` of the feeds with
24 a day (a daily feed by its own deliveries) and the others with one. Each reading looks for new receipts first and
finds none; `first` is the first in a fresh process, with its log folded. The ratio is that of processor time, the
longest history against the shortest, taken in turns.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingestion import keys
from ingestion.contract.model import Contract
from ingestion.intervals import Interval
from ingestion.lake import Lake, open_lake
from ingestion.receipts.log import ReceiptLog
from ingestion.receipts.model import BronzeFile, Receipt, Span, TableReceipt
from ingestion.settings import Settings
from warehouse.status.read import read_status
from warehouse.status.refresh import rewrite

END = datetime(2026, 11, 30, 3, tzinfo=UTC)
MOST_SECONDS = 1.0


def main() -> int:
    """Write the histories, read the status of each in turns; 1 where `--bars` is given and the bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, nargs="+", default=[10, 365])
    parser.add_argument("--hourly", type=int, default=6)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--bars", action="store_true", help="fail where a year takes more than a second")
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="citylake-bench-"))
    say = sys.stdout.write
    try:
        lakes = {days: _lake(home / str(days), days, arguments.hourly) for days in sorted(arguments.days)}
        taken: dict[int, list[tuple[float, float]]] = {days: [] for days in lakes}
        for _ in range(arguments.times + 1):
            for days, (lake, _count) in lakes.items():
                taken[days].append(_timed(lake))
        for days, (_, count) in lakes.items():
            first, *later = [wall for wall, _ in taken[days]]
            cpu = statistics.median(processor for _, processor in taken[days][1:])
            say(
                f"{days} days, {count:,} receipts: first {first:.2f} s, then {statistics.median(later):.2f} s "
                f"({min(later):.2f}-{max(later):.2f}), processor {cpu:.2f} s\n"
            )
        shortest, longest = (statistics.median(p for _, p in taken[days][1:]) for days in (min(lakes), max(lakes)))
        say(f"processor time at {max(lakes)} days {longest / shortest:.2f} x that at {min(lakes)}\n")
        slow = statistics.median(wall for wall, _ in taken[max(lakes)][1:]) > MOST_SECONDS
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return int(arguments.bars and slow)


def _timed(lake: Lake) -> tuple[float, float]:
    """Wall and processor seconds of one reading, with a look for new receipts."""
    wall, processor = time.perf_counter(), time.process_time()
    read_status(lake, END)
    return time.perf_counter() - wall, time.process_time() - processor


def _lake(home: Path, days: int, hourly: int) -> tuple[Lake, int]:
    """A lake with receipts of these days, folded, and their number; opened as a fresh process does."""
    lake = open_lake(Settings(home=home, pseudonym_key="00" * 32))  # type: ignore[arg-type]
    for key, receipt in _receipts(lake, days, hourly):
        path = Path(lake.store.url(key))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(receipt.model_dump_json(), encoding="utf-8")
    count = lake.log.refresh()
    if not rewrite(lake, END):
        raise SystemExit("the status was not written")
    fresh = ReceiptLog(lake.store, lake.settings.state_root / "receipts.duckdb")
    return replace(lake, log=fresh), count


def _receipts(lake: Lake, days: int, hourly: int) -> Iterator[tuple[str, Receipt]]:
    """Object key and receipt of every delivery, no two at one moment."""
    by_pace = sorted(lake.active.values(), key=lambda one: (one.calendar.every != "hour", one.calendar.every, one.id))
    number = 0
    for place, contract in enumerate(by_pace):
        each_day = 24 if place < hourly else 1
        times = 1 if contract.calendar.every == "hour" else each_day
        for interval in contract.calendar.between(END - timedelta(days=days), END - timedelta(hours=3)):
            if interval.end > END:
                continue
            for time_of_day in range(times):
                number += 1
                yield _receipt(contract, interval, time_of_day, number)


def _receipt(contract: Contract, interval: Interval, again: int, number: int) -> tuple[str, Receipt]:
    at = interval.end + timedelta(minutes=20 * (again + 1), microseconds=number)
    digest = hashlib.sha256(f"{contract.id} {interval.id} {again}".encode()).hexdigest()
    batch, dt = keys.batch_id(interval, digest), contract.calendar.local_date(interval)
    table = contract.tables[0].name
    place = (contract.department, contract.feed, table, dt, batch, contract.revision, "a")
    bronze = BronzeFile(
        key=keys.table_object(keys.BRONZE, *place), bytes=9_000, sha256=digest, rows=98, row_hash=digest[:16],
        days={dt.isoformat(): 98},
    )  # fmt: skip
    receipt = Receipt(
        department=contract.department, feed=contract.feed, batch=batch, attempt="a", outcome="accepted",
        delivery=contract.citylake.delivery, correction=contract.citylake.correction,
        interval=Span(start=interval.start, end=interval.end), dt=dt, contract=contract.id, revision=contract.revision,
        key_version=1, raw_key=None, raw_sha256=digest, raw_bytes=9_000, content_as_of=at, loaded_at=at,
        committed_at=at,
        tables={table: TableReceipt(received=100, accepted=98, quarantined=2, duplicates=0, bronze=[bronze])},
    )  # fmt: skip
    return keys.receipt(at, contract.department, contract.feed, batch, "a"), receipt


if __name__ == "__main__":
    sys.exit(main())
