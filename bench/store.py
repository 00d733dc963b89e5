"""A whole day of the city on S3 against the folder store, as ratios of one run.

usage: python -m bench.store [--days 3] [--repeat 3] [--stores rclone minio]

Every store takes in the same files; stores take turns day by day, each repeat with new lakes. The first day of a repeat
is left out of the medians: it holds dbt's first parse and the full build.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import statistics
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import SecretStr

from infra.simulator.city import City
from infra.simulator.deliver import deliver
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from ingestion.store import open_store
from ingestion.store.s3 import S3Store
from tests.support import s3_servers
from tests.support.lake_state import released_content
from warehouse.run import run

STEPS = ("ingest", "build", "gate", "publish")
FOLDER = "folder"


def main() -> None:
    """Print one line a store: seconds by step, and the whole day over the folder's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--stores", nargs="+", choices=("rclone", "minio"), default=["rclone", "minio"])
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="citylake-bench-"))
    try:
        city = City()
        days = [city.date_of(number) for number in range(1, arguments.days + 1)]
        for number, _ in enumerate(days, start=1):
            deliver(city, number, work / "city")
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in (FOLDER, *arguments.stores)}
        for number in range(arguments.repeat):
            _repeat(work / str(number), work / "city", days, taken)
        _show(taken)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _repeat(work: Path, city: Path, days: list[date], taken: dict[str, list[dict[str, float]]]) -> None:
    with contextlib.ExitStack() as servers:
        lakes = {name: _lake(name, work / name, city, servers) for name in taken}
        contents = []
        for day in days:
            for name, lake in lakes.items():
                seconds = run(lake, day).seconds
                if day != days[0]:
                    taken[name].append(seconds)
        contents = [released_content(lake) for lake in lakes.values()]
        if any(content != contents[0] for content in contents):
            raise SystemExit("the stores do not hold the same rows: the figures mean nothing")


def _lake(name: str, work: Path, city: Path, servers: contextlib.ExitStack) -> Lake:
    if name == FOLDER:
        return _opened(Settings(home=work / "home"), city)
    server = servers.enter_context(getattr(s3_servers, name)(work / "data"))
    settings = server.settings(work / "home", "s3://lake")
    store = open_store(settings)
    if isinstance(store, S3Store):
        store.ensure_bucket()
    return _opened(settings, city)


def _opened(settings: Settings, city: Path) -> Lake:
    """The lake on the shared deliveries; pseudonym key and clock are fixed: equal input, equal rows."""
    given = settings.model_copy(update={"drop": city / "drop", "pseudonym_key": SecretStr("5a" * 32)})
    return replace(open_lake(given), clock=lambda: datetime(2026, 3, 20, 4, tzinfo=UTC))


def _show(taken: dict[str, list[dict[str, float]]]) -> None:
    out = sys.stdout
    out.write(f"| store | {' | '.join(f'{step}, s' for step in STEPS)} | day, s | over the folder |\n")
    out.write("|---" * (len(STEPS) + 3) + "|\n")
    base = statistics.median(sum(seconds.values()) for seconds in taken[FOLDER])
    for name, runs in taken.items():
        steps = [f"{statistics.median(seconds[step] for seconds in runs):.2f}" for step in STEPS]
        whole = statistics.median(sum(seconds.values()) for seconds in runs)
        out.write(f"| {name} | {' | '.join(steps)} | {whole:.2f} | {whole / base:.2f} × |\n")


if __name__ == "__main__":
    main()
