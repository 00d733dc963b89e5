"""The gate's share for small cells of open tables, and what it costs when many weeks were shown before.

A lake of all departments, the cards of so many days behind it, one run. The gate is then timed with what it remembers
and without it, and its part for small cells beside as many earlier versions of the open table as there are weeks. Bar:
at most 0.10 of the gate where nothing was judged before.
usage: python -m bench.small_cells [--history 60] [--versions 52]
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import duckdb

from infra.simulator.city import City
from infra.simulator.deliver import deliver
from infra.simulator.feeds import FEEDS
from infra.simulator.history import hand_over
from ingestion import keys
from ingestion.delivery.load import load, sort_files, span
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from ingestion.sql import literal
from warehouse.build.report import REPORT, BuildReport
from warehouse.gate import decide
from warehouse.gate.open_cells import judge_open_cells
from warehouse.run import run

PRODUCT = "disease_surveillance"


def make(folder: Path, history: int) -> Lake:
    """A lake after one run with the cards of `history` days before it."""
    lake = open_lake(Settings(home=folder / "home", drop=folder / "city" / "drop"))
    city = City(days=1, history=history)
    feeds = [feed for feed in FEEDS if lake.contracts[feed.id].product == PRODUCT]
    for one in hand_over(city, history, folder / "city", feeds=feeds):
        contract = lake.contracts[one.feed]
        files = sort_files(contract, one.files, all_bulk=False)
        list(load(lake, contract, files, span(lake, contract, one.first, one.last) if files.bulk else None))
    deliver(city, 1, folder / "city")
    with contextlib.redirect_stdout(sys.stderr):
        run(lake, city.date_of(1))
    return lake


def earlier_versions(lake: Lake, table: str, versions: int) -> None:
    """Keep the table's counts as if it had been shown with fewer weeks before."""
    folder, week = keys.edition_cells("open", table), '"by:week_start_date"'
    kept = next(info for info in lake.store.list(folder) if info.key.endswith(".parquet"))
    with duckdb.connect() as connection, lake.scratch() as scratch:
        connection.execute(f"create table shown as select * from {literal(lake.store.url(kept.key))}")
        for number in range(versions):
            path = scratch / f"{number}.parquet"
            older = timedelta(days=7 * number)
            connection.execute(
                f"copy (from shown where {week} <= (select max({week}) from shown) - interval ({older.days}) day)"
                f" to {literal(path)} (format parquet)"
            )
            lake.store.put_file(keys.edition_cells("open", table, f"earlier-{number}"), path)


def seconds(lake: Lake, report: BuildReport) -> tuple[float, float]:
    """Of the gate, and of its part for small cells."""
    spent = []

    def timed(*arguments: object) -> object:
        began = time.perf_counter()
        judge: Callable[..., object] = judge_open_cells
        found = judge(*arguments)
        spent.append(time.perf_counter() - began)
        return found

    decide.judge_open_cells = timed  # type: ignore[assignment,attr-defined]
    began = time.perf_counter()
    decide.gate(lake, report)
    return time.perf_counter() - began, sum(spent)


def main() -> None:
    """Print a line for each state of the gate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--history", type=int, default=60)
    parser.add_argument("--versions", type=int, default=52)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        lake = make(Path(name), arguments.history)
        report = BuildReport.load(lake.settings.state_root / REPORT)
        (table,) = [model.name for model in report.models if model.small_cells]
        state = lake.settings.state_root
        sys.stdout.write("case | gate s | small cells s | share\n")
        seconds(lake, report)
        earlier_versions(lake, table, arguments.versions)
        for case, forget in (
            (
                f"nothing remembered, {arguments.versions} versions",
                ("small_cells.json", "content.json", "privacy.json"),
            ),
            (f"a week more, {arguments.versions} versions", ("small_cells.json",)),
            ("nothing new", ()),
        ):
            for file in forget:
                (state / file).unlink(missing_ok=True)
            gate, part = seconds(lake, report)
            sys.stdout.write(f"{case} | {gate:.2f} | {part:.3f} | {part / gate:.2f}\n")


if __name__ == "__main__":
    main()
