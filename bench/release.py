"""One changed day's release against a full one: seconds and bytes, gate and privacy scan included.

    python bench/release.py --days 365 --rows 200000 [--edition open]

An open release holds its rows itself and is written whole (ADR 0022): the bar is the internal edition's.
Bar (docs/design, "What fast means here"): at most 3 % in both. Interleaving does not apply, since a full release
happens once per lake; the changed day is measured three times (three corrections of three days) and its median
taken. What dbt does before (delete+insert of the day) is outside the measured time.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
from rich.console import Console

from ingestion import keys
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.locks import open_locks
from ingestion.receipts.log import ReceiptLog
from ingestion.receipts.model import BronzeFile, Receipt, Span, TableReceipt
from ingestion.settings import Settings
from ingestion.store.local import LocalStore
from warehouse.build.report import BuildReport, CheckRun, ModelBuilt
from warehouse.gate.decide import gate
from warehouse.publish.run import publish

START = date(2025, 1, 1)
FEED = "jtj.positions"

ROWS = """
select
    date '{start}' + cast(n // {rows} as integer) as observed_date,
    md5(cast(n % 5000 as varchar)) as vehicle_id,
    timestamp '{start}' + to_days(cast(n // {rows} as integer)) + to_seconds(n % {rows} % 86400) as observed_at,
    '线路 ' || cast(n % 240 as varchar) as route_name,
    'G' || cast(442000000 + n % 24 as varchar) as town_code,
    cast(22.3 + (hash(n) % 100000) / 400000.0 as double) as latitude,
    cast(113.2 + (hash(n + 1) % 100000) / 400000.0 as double) as longitude,
    cast(hash(n + {salt}) % 80 as smallint) as speed_kmh
from range({begin}, {end}) as r(n)
"""


class Bench:
    """A lake with one product: a fact by day and a daily mart."""

    def __init__(self, home: Path, days: int, rows: int, edition: str = "internal") -> None:
        self.edition = edition
        self.fact, self.mart_name = (
            ("pub_position", "pub_route_day") if edition == "open" else ("fct_position", "mart_route_day")
        )
        settings = Settings(home=home, accepted_failures=home / "accepted_failures.yaml")
        settings.state_root.mkdir(parents=True)
        settings.scratch_root.mkdir(parents=True)
        (home / "accepted_failures.yaml").write_text("accepted_failures: []\n", encoding="utf-8")
        store = LocalStore(settings.lake_root)
        log = ReceiptLog(store, settings.state_root / "receipts.duckdb")
        self.lake = Lake(settings, store, log, open_keys=None, locks=open_locks(settings), contracts={})  # type: ignore[arg-type]
        self.days, self.rows = days, rows
        self.effective: dict[int, str] = {}
        self.builds = 0
        for day in range(days):
            self.deliver(day)
        with self.build_file() as build:
            build.execute(f"create table {self.fact} as {self.select(0, days)}")
            self.mart(build)

    def select(self, first: int, last: int, salt: int = 2) -> str:
        """Rows of the days `[first, last)`; another salt gives other speeds."""
        return ROWS.format(start=START, rows=self.rows, begin=first * self.rows, end=last * self.rows, salt=salt)

    @contextlib.contextmanager
    def build_file(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The build file, open for writing."""
        connection = duckdb.connect(str(self.lake.settings.build_path), config={"threads": 2})
        try:
            yield connection
        finally:
            connection.close()

    def mart(self, build: duckdb.DuckDBPyConnection) -> None:
        """Rebuild the mart whole, as dbt does."""
        build.execute(
            f"create or replace table {self.mart_name} as select observed_date, route_name, count(*) as positions,"
            f" sum(speed_kmh) as speed_sum from {self.fact} group by all"
        )

    def deliver(self, day: int) -> None:
        """Commit a delivery of one day, which supersedes the one before."""
        dt = START + timedelta(days=day)
        start = datetime.combine(dt, datetime.min.time(), UTC)
        interval = Interval(start, start + timedelta(days=1))
        sha256 = hashlib.sha256(f"{day} {self.builds}".encode()).hexdigest()
        batch = keys.batch_id(interval, sha256)
        bronze = keys.table_object(keys.BRONZE, "jtj", "positions", "position", dt, batch, "v1", "a")
        file = BronzeFile(
            key=bronze, bytes=1, sha256="0", rows=self.rows, row_hash="0", days={dt.isoformat(): self.rows}
        )
        counts = TableReceipt(received=self.rows, accepted=self.rows, quarantined=0, duplicates=0, bronze=[file])
        committed_at = datetime.now(UTC)
        receipt = Receipt(
            department="jtj", feed="positions", batch=batch, attempt="a", outcome="accepted", delivery="interval",
            correction="full", interval=Span(start=start, end=interval.end), dt=dt, contract=FEED, revision="v1",
            key_version=1, raw_key=f"{keys.raw_prefix('jtj', 'positions', dt, batch)}/payload/x", raw_sha256=sha256,
            raw_bytes=1, content_as_of=committed_at, loaded_at=committed_at, committed_at=committed_at,
            tables={"position": counts},
        )  # fmt: skip
        key = keys.receipt(committed_at, "jtj", "positions", batch, "a")
        self.lake.store.put_bytes(key, receipt.model_dump_json().encode())
        self.effective[day] = bronze

    def report(self, affected: list[str]) -> BuildReport:
        """What the build's runner would have left."""
        self.builds += 1
        self.lake.log.refresh()
        build_id = f"build{self.builds:04}"
        with self.build_file() as build:
            build.execute("create schema if not exists _citylake")
            build.execute("create or replace table _citylake.run as select $id as build_id", {"id": build_id})
            counts = {
                name: build.execute(f"select count(*) from {name}").fetchone()[0]
                for name in (self.fact, self.mart_name)
            }
        models = [
            ModelBuilt(
                name=name, unique_id=f"model.b.{name}", relation=f'"build"."main"."{name}"', product="transport",
                kind="fact" if day else "mart", public=True, materialized="incremental" if day else "table",
                status="passed", rows=counts[name], day_column=day, feeds=[FEED],
            )
            for name, day in ((self.fact, "observed_date"), (self.mart_name, None))
        ]  # fmt: skip
        checks = [
            CheckRun(
                name=kind, unique_id=f"test.b.{kind}", check=kind, product="transport", models=[self.fact],
                severity="error", status="passed", failures=0,
            )
            for kind in ("key", "freshness", "reconciliation")
        ]  # fmt: skip
        now = datetime.now(UTC)
        return BuildReport(
            build_id=build_id, as_of=START + timedelta(days=self.days), started_at=now, finished_at=now,
            full_refresh=False, nothing_new=False, dbt_version="1.11", invocation_id="b", project_digest="d",
            models=models, checks=checks, affected={FEED: affected}, inputs={FEED: list(self.effective.values())},
        )  # fmt: skip

    def correct(self, day: int) -> BuildReport:
        """Another delivery of one day with other speeds, built."""
        self.deliver(day)
        text = (START + timedelta(days=day)).isoformat()
        with self.build_file() as build:
            build.execute(f"delete from {self.fact} where observed_date = date '{text}'")
            build.execute(f"insert into {self.fact} {self.select(day, day + 1, salt=3 + self.builds)}")
            self.mart(build)
        return self.report([text])

    def release(self, report: BuildReport) -> tuple[float, float, int]:
        """Seconds of the gate, seconds of publishing, bytes put into the edition."""
        before = {info.key for info in self.lake.store.list("published")}
        started = time.perf_counter()
        verdicts = gate(self.lake, report)
        judging = time.perf_counter() - started
        if self.edition != "internal":
            # What the next gate compares with; outside the measured time.
            publish(self.lake, report, verdicts, approver="bench", editions=["internal"])
            before = {info.key for info in self.lake.store.list("published")}
        began = time.perf_counter()
        (result,) = publish(self.lake, report, verdicts, approver="bench", editions=[self.edition])
        ended = time.perf_counter()
        if result.outcome != "published":
            raise SystemExit(result.message)
        new = sum(info.size for info in self.lake.store.list("published") if info.key not in before)
        return judging, ended - began, new


def main() -> None:
    """Measure and print both ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--edition", choices=["internal", "open"], default="internal")
    parser.add_argument("--home", type=Path, default=None, help="folder for the lake; default a temporary one")
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(dir=options.home) as folder:
        bench = Bench(Path(folder) / "lake-home", options.days, options.rows, options.edition)
        full = bench.release(bench.report([]))
        console.print(f"full: gate {full[0]:.2f} s, publish {full[1]:.2f} s, {full[2] / 1e6:.1f} MB")
        runs = [bench.release(bench.correct(day)) for day in (options.days // 2, 3, options.days - 1)]
        for run in runs:
            console.print(f"  one day: gate {run[0]:.3f} s, publish {run[1]:.3f} s, {run[2] / 1e6:.2f} MB")
        bar = "bar 3 %" if options.edition == "internal" else "no bar: written whole"
        seconds = statistics.median(run[0] + run[1] for run in runs)
        size = statistics.median(run[2] for run in runs)
        console.print(f"time ratio {seconds / (full[0] + full[1]):.2%}, bytes ratio {size / full[2]:.2%} ({bar})")


if __name__ == "__main__":
    main()
