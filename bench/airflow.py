"""What Airflow costs: reading the DAGs of 50 contracts, a day through it against the same day in process, forty feeds.

usage: python -m bench.airflow [--days 3] [--feeds 40] [--contracts 50]

- parse: the DAG file of so many contracts, read in a process that has Airflow imported, as its processor has.
- first release: from nothing to a release of the first day through Airflow, packages installed.
- added: per day after the first (which holds dbt's first parse), seconds from the first trigger to the release of
  that day, less the seconds of the same day in process on a lake of its own; divided by the six tasks on the way.
  The release must hold every feed of the day. Until all is quiet: until the runs that asset events triggered
  meanwhile have ended, having found nothing new; given with the number of warehouse runs and of working tasks that
  ran one after the other.
- feeds: so many feeds triggered at once by eight clients; runs that failed, and seconds until the last has ended.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
import yaml
from rich.console import Console

from infra.demo.days import Days
from infra.simulator.city import City
from infra.stack.stack import Stack
from ingestion.lake import open_lake
from ingestion.settings import Settings
from warehouse.build.runner import is_built
from warehouse.release import pointer
from warehouse.run import run

CRITICAL_PATH = ("extract", "conform", "build", "test", "gate", "publish")
CLIENTS = 8
_PARSE = """
import time
import airflow.sdk
from airflow.sdk import DAG, Asset, AssetAny, CronTriggerTimetable, Param, task
task.short_circuit, task.python
import dags.factory.feed
started = time.perf_counter()
found = dags.factory.feed.feed_dags()
print(time.perf_counter() - started, len(found))
"""


def many_contracts(folder: Path, count: int) -> Path:
    """So many feeds of one department, each the shipped complaint contract under another name."""
    shipped = (Settings().contracts / "syj" / "complaint.yaml").read_text(encoding="utf-8")
    (folder / "many").mkdir(parents=True)
    for number in range(count):
        document: dict[str, Any] = yaml.safe_load(shipped)
        document["id"] = f"{document['id']}-{number}"
        document["name"] = f"many.feed_{number}"
        (value,) = (entry["value"] for entry in document["customProperties"] if entry["property"] == "citylake")
        value |= {"department": "many", "feed": f"feed_{number}"}
        value["source"] = {"connector": "file_drop", "path": f"many/feed_{number}/{{interval:%Y%m%d}}*.ndjson"}
        text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
        (folder / "many" / f"feed_{number}.yaml").write_text(text, encoding="utf-8")
    return folder


def parse(folder: Path, count: int) -> float:
    """Median seconds of five readings."""
    contracts = many_contracts(folder / "contracts", count)
    environment = {
        "CITYLAKE_CONTRACTS": str(contracts),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "PATH": "/usr/bin:/bin",
    }
    seconds = []
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", _PARSE], env=environment, capture_output=True, text=True, check=True
        ).stdout.split()
        if int(done[-1]) != count:
            raise SystemExit(f"{done[-1]} DAGs of {count} contracts")
        seconds.append(float(done[-2]))
    return statistics.median(seconds)


def _settings(home: Path, city: City, **changes: Any) -> Settings:
    return Settings(
        home=home,
        drop=home / "city" / "drop",
        city_time=home / "city" / "time.txt",
        schedule_until=city.date_of(city.days),
        lock_timeout_seconds=120,
        **changes,
    )


class Day(NamedTuple):
    """Seconds of one day from the first trigger, and how often the warehouse ran."""

    released: float
    quiet: float
    in_process: float
    warehouse_runs: int

    @property
    def added(self) -> float:
        """Seconds a task on the way to the release."""
        return (self.released - self.in_process) / len(CRITICAL_PATH)


def days(folder: Path, count: int) -> tuple[float, list[Day]]:
    """(seconds to the first release, the days after the first)."""
    city = City(days=count)
    settings = _settings(folder / "through", city)
    beside = open_lake(Settings(home=folder / "beside", drop=settings.drop_root))
    found: list[Day] = []
    stack = Stack(settings)
    started = time.monotonic()
    try:
        stack.up()
        played = Days(open_lake(settings), stack, city, Console(quiet=True))
        first = 0.0
        for number in range(1, count + 1):
            day = city.date_of(number)
            begun = time.time()
            played.run(day)
            runs = [one for one in played.api.runs("warehouse") if _moment(one["start_date"]) > begun]
            quiet = max(_moment(one["end_date"]) for one in runs) - begun
            released = _released(played, begun)
            first = first or time.monotonic() - started - (quiet - released)
            begun = time.time()
            run(beside, day)
            found.append(Day(released, quiet, time.time() - begun, len(runs)))
    finally:
        stack.down()
    return first, found[1:]


def _released(played: Days, begun: float) -> float:
    """Seconds until the task that moved the pointer to the release of today had ended."""
    if not is_built(played.lake, played.lake.city_time().date()):
        raise SystemExit("the last build is not of this day's files")
    manifest = pointer.current(played.lake, "internal")
    if manifest is None or not (manifest.approver or "").startswith("airflow warehouse "):
        raise SystemExit("no release was made through Airflow")
    run_id = str(manifest.approver).removeprefix("airflow warehouse ")
    ended = _moment(played.api.get(f"/dags/warehouse/dagRuns/{run_id}/taskInstances/publish")["end_date"])
    if ended < begun:
        raise SystemExit("this day made no release")
    return ended - begun


def _moment(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def at_once(folder: Path, count: int) -> tuple[int, float]:
    """(runs that failed, seconds) of so many feeds triggered by eight clients at once."""
    contracts = many_contracts(folder / "contracts", count)
    settings = _settings(folder / "home", City(), contracts=contracts)
    stack = Stack(settings)
    Days(open_lake(settings), stack, City(), Console(quiet=True)).set_time(City().start, timedelta(hours=23))
    try:
        stack.up()
        api = stack.api()
        feeds = [f"many.feed_{number}" for number in range(count)]
        while len(api.get("/dags", limit=100)["dags"]) < count:
            time.sleep(0.5)
        started = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(lambda feed: api.trigger(feed, "at-once"), feeds))
        states = api.wait(dict.fromkeys(feeds, "at-once"), seconds=600)
        return sum(state != "success" for state in states.values()), time.monotonic() - started
    finally:
        stack.down()


def main(
    day_count: Annotated[int, typer.Option("--days", min=2, help="Days of the city.")] = 4,
    feeds: Annotated[int, typer.Option(min=1, help="Feeds at once.")] = 40,
    contracts: Annotated[int, typer.Option(min=1, help="Contracts to read.")] = 50,
) -> None:
    """Print a table."""
    folder = Path(tempfile.mkdtemp(prefix="citylake-bench-"))
    try:
        typer.echo("| what | figure |\n|---|---|")
        typer.echo(f"| reading the DAGs of {contracts} contracts | {parse(folder / 'parse', contracts):.2f} s |")
        first, found = days(folder / "days", day_count)
        runs = sum(day.warehouse_runs for day in found)
        typer.echo(f"| from nothing to the first release through Airflow | {first:.0f} s |")
        for what, seconds in (
            ("a day's release through Airflow", [day.released for day in found]),
            ("until the last triggered run has ended", [day.quiet for day in found]),
            ("the same day in process", [day.in_process for day in found]),
        ):
            typer.echo(f"| {what} | {statistics.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f}) |")
        typer.echo(f"| warehouse runs in {len(found)} days | {runs} |")
        added = [day.added for day in found]
        typer.echo(
            f"| added, a task on the critical path of {len(CRITICAL_PATH)} | {statistics.median(added):.2f} s "
            f"({min(added):.2f} to {max(added):.2f}) |"
        )
        failed, seconds = at_once(folder / "at-once", feeds)
        typer.echo(f"| {feeds} feeds at once, {2 * feeds} tasks | {failed} failed, {seconds:.1f} s |")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    typer.run(main)
