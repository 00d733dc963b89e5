"""One more day of the city with 10 and with 400 days of some products' past behind it: processor seconds.

The departments of the products (default `organisation` and `credit`) hand over so many days, which are loaded; the
first day of the run builds everything and is not counted. Each later day is a whole `citylake run`: ingest, build,
gate, publish of every feed and product. Bar: at 400 days at most 1.2 times what it takes at 10.
usage: python -m bench.credit_history [--history 10 400] [--days 4] [--products health_record health_reference]
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from infra.simulator.city import City
from infra.simulator.deliver import deliver
from infra.simulator.feeds import FEEDS
from infra.simulator.history import hand_over
from ingestion.delivery.load import load, sort_files, span
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from warehouse.run import run

PRODUCTS = ("organisation", "credit")


def load_history(lake: Lake, city: City, days: int, out: Path, products: Collection[str]) -> int:
    """Load what the departments of the products hand over; rows accepted."""
    with_history = {name for name, contract in lake.contracts.items() if contract.product in products}
    accepted = 0
    for one in hand_over(city, days, out, feeds=[feed for feed in FEEDS if feed.id in with_history]):
        contract = lake.contracts[one.feed]
        files = sort_files(contract, one.files, all_bulk=False)
        of = span(lake, contract, one.first, one.last) if files.bulk else None
        accepted += sum(delivery.accepted for delivery in load(lake, contract, files, of))
    return accepted


def measure(history: int, days: int, products: Collection[str]) -> tuple[int, list[float], list[float]]:
    """Rows of the history; processor and wall seconds of each day after the first."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lake = open_lake(Settings(home=folder / "home", drop=folder / "city" / "drop"))
        city = City(days=days)
        rows = load_history(lake, city, history, folder / "city", products)
        processor, wall = [], []
        for number in range(1, days + 1):
            deliver(city, number, folder / "city")
            began, used = time.perf_counter(), time.process_time()
            with contextlib.redirect_stdout(sys.stderr):
                run(lake, city.date_of(number))
            processor.append(time.process_time() - used)
            wall.append(time.perf_counter() - began)
        return rows, processor[1:], wall[1:]


def main() -> None:
    """Print one line for each length of history."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--history", type=int, nargs="+", default=[10, 400])
    parser.add_argument("--days", type=int, default=4)
    parser.add_argument("--products", nargs="+", default=PRODUCTS)
    arguments = parser.parse_args()
    base: float | None = None
    sys.stdout.write("days behind | rows of them | processor s a day | wall s a day | ratio\n")
    for history in arguments.history:
        rows, processor, wall = measure(history, arguments.days, arguments.products)
        typical = statistics.median(processor)
        base = base or typical
        seconds = f"{typical:>17.2f} | {statistics.median(wall):>12.2f}"
        sys.stdout.write(f"{history:>11,} | {rows:>12,} | {seconds} | {typical / base:.2f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
