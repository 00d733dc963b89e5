"""A small lake for tests of the gate and the release: real store, real DuckDB files, three products.

`weather` (fact by day, mart, pub table), `food` (fact by day, refers to towns) and `places` (a
dimension). `SmallCity.build()` writes build.duckdb and returns the report dbt's runner would have left.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from ingestion.settings import Settings
from ingestion.store.local import LocalStore
from warehouse.build.report import BuildReport, CheckRun, ModelBuilt

LOG_SCHEMA = """
create table receipt (
    key varchar primary key, department varchar, feed varchar, batch varchar, attempt varchar, outcome varchar,
    rule varchar, message varchar, delivery varchar, correction varchar, interval_start timestamptz,
    interval_end timestamptz, dt date, contract varchar, revision varchar, key_version integer, raw_key varchar,
    raw_sha256 varchar, raw_bytes bigint, content_as_of timestamptz, loaded_at timestamptz, committed_at timestamptz
);
create table table_receipt (
    receipt_key varchar, table_name varchar, received bigint, accepted bigint, quarantined bigint, duplicates bigint
);
create table bronze_file (
    receipt_key varchar, table_name varchar, key varchar, bytes bigint, sha256 varchar, rows bigint, row_hash varchar
);
create table bronze_day (receipt_key varchar, table_name varchar, key varchar, day date, rows bigint);
create view standing as
select department || '.' || feed as feed_id, *, outcome as state from receipt
"""

DELIVERY = {"qxj.wx": "interval", "syj.inspection": "interval", "syj.town": "snapshot"}


class FoldedLog:
    """The folded log's read side over a DuckDB file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with contextlib.closing(duckdb.connect(str(path))) as connection:
            connection.execute(LOG_SCHEMA)

    def refresh(self) -> int:
        return 0

    def connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        connection.execute(f"attach '{self.path}' as log (read_only)")
        connection.execute("use log")
        return connection


@dataclass(frozen=True)
class SmallLake:
    """What the steps read of a lake."""

    settings: Settings
    store: LocalStore
    log: FoldedLog
    contracts: dict[str, Any] = field(default_factory=dict)

    def clock(self) -> datetime:
        return datetime.now(UTC)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        self.settings.scratch_root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.settings.scratch_root) as folder:
            yield Path(folder)


@dataclass
class SmallCity:
    """State of the city: rows by fact and day, towns, effective files; edit, then `build()`."""

    home: Path
    weather: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    inspections: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    towns: list[tuple[str, str]] = field(default_factory=lambda: [("442000001", "石岐"), ("442000002", "东区")])
    inputs: dict[str, list[str]] = field(default_factory=dict)
    builds: int = 0
    digest: str = "code-1"

    def __post_init__(self) -> None:
        settings = Settings(home=self.home, accepted_failures=self.home / "accepted_failures.yaml")
        settings.state_root.mkdir(parents=True)
        settings.scratch_root.mkdir(parents=True)
        (self.home / "accepted_failures.yaml").write_text("accepted_failures: []\n", encoding="utf-8")
        self.lake: Any = SmallLake(
            settings, LocalStore(settings.lake_root), FoldedLog(settings.state_root / "log.duckdb")
        )
        self.inputs = {feed: [] for feed in DELIVERY}
        self.deliver("syj.town", "2026-03-02")
        for day in ("2026-03-02", "2026-03-03", "2026-03-04"):
            self.add_day(day)

    def add_day(self, day: str) -> None:
        self.weather[day] = [(f"G{n}", 10.0 + n) for n in range(4)]
        self.inspections[day] = [(f"{day}-{n}", self.towns[n % 2][0], "整洁") for n in range(3)]
        self.deliver("qxj.wx", day)
        self.deliver("syj.inspection", day)

    def deliver(
        self, feed: str, day: str, outcome: str = "accepted", message: str | None = None, *, supersede: bool = True
    ) -> str:
        """A receipt of one delivery; accepted ones become effective, in place of the interval's earlier ones."""
        department, name = feed.split(".")
        with contextlib.closing(duckdb.connect(str(self.lake.log.path))) as log:
            count = log.execute("select count(*) from receipt").fetchone()[0] + 1
            start = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
            batch, bronze = f"b{count}", f"bronze/{department}/{name}/t/dt={day}/b{count}/v1.parquet"
            receipt = f"receipts/r{count}.json"
            log.execute(
                "insert into receipt by name select $r as key, $d as department, $f as feed, $b as batch, 'a' as attempt,"
                " $o as outcome, $m as message, $k as delivery, $s::timestamptz as interval_start,"
                " $s::timestamptz as interval_end, $day::date as dt, $raw as raw_key, 'ab12' as raw_sha256,"
                " $at::timestamptz as committed_at, 0 as raw_bytes",
                {"r": receipt, "d": department, "f": name, "b": batch, "o": outcome, "m": message, "k": DELIVERY[feed],
                 "s": start.isoformat(), "day": day, "raw": f"raw/{department}/{name}/dt={day}/{batch}/payload/x",
                 "at": (start + timedelta(seconds=count)).isoformat()},
            )  # fmt: skip
            if outcome == "accepted":
                log.execute("insert into bronze_file values ($1, 't', $2, 1, 'x', 1, 'h')", [receipt, bronze])
                if DELIVERY[feed] != "snapshot":
                    log.execute("insert into bronze_day values ($1, 't', $2, $3, 1)", [receipt, bronze, day])
        if outcome == "accepted":
            same = f"/dt={day}/" if DELIVERY[feed] == "interval" else "/"
            kept = [k for k in self.inputs[feed] if not (supersede and same in k)]
            self.inputs[feed] = [*kept, bronze]
        return batch

    def build(self, *, affected: dict[str, list[str]] | None = None, **changes: Any) -> BuildReport:
        """Write build.duckdb anew and give its report; `changes` replace fields of the report."""
        self.builds += 1
        path = self.lake.settings.build_path
        path.unlink(missing_ok=True)
        with contextlib.closing(duckdb.connect(str(path))) as build:
            self._tables(build)
            names = ["fct_weather", "mart_weather", "pub_weather", "fct_inspection", "dim_town", "stg_wx"]
            rows = {n: build.execute(f"select count(*) from {n}").fetchone()[0] for n in names}
        report = BuildReport(
            build_id=f"build{self.builds:04}", as_of=date(2026, 3, 6), started_at=datetime.now(UTC),
            finished_at=datetime.now(UTC), full_refresh=False, nothing_new=False, dbt_version="1.11", invocation_id="i",
            project_digest=self.digest, models=self._models(rows), checks=checks(), affected=affected or {},
            inputs={feed: list(keys) for feed, keys in self.inputs.items()},
        )  # fmt: skip
        return report.model_copy(update=changes)

    def _tables(self, build: duckdb.DuckDBPyConnection) -> None:
        build.execute("create table fct_weather (observed_date date, station varchar, temperature double)")
        build.execute(
            "create table fct_inspection (inspected_date date, id varchar, town_code varchar, remark varchar)"
        )
        build.execute("create table dim_town (town_code varchar, title varchar)")
        for day, readings in self.weather.items():
            for reading in readings:
                build.execute("insert into fct_weather values ($1, $2, $3)", [day, *reading])
        for day, inspections in self.inspections.items():
            for inspection in inspections:
                build.execute("insert into fct_inspection values ($1, $2, $3, $4)", [day, *inspection])
        for town in self.towns:
            build.execute("insert into dim_town values ($1, $2)", list(town))
        build.execute(
            "create table mart_weather as"
            " select station, count(*) as readings, sum(temperature) as total from fct_weather group by all order by 1"
        )
        build.execute(
            "create table pub_weather as select observed_date, avg(temperature) as mean from fct_weather group by 1"
        )
        build.execute("create view stg_wx as select * from fct_weather")

    def _models(self, rows: dict[str, int]) -> list[ModelBuilt]:
        wx, food = ["qxj.wx"], ["syj.inspection"]
        return [
            model("stg_wx", None, None, wx, None, public=False, materialized="view"),
            model("fct_weather", "weather", "fact", wx, rows, day_column="observed_date", upstream=["model.c.stg_wx"]),
            model("mart_weather", "weather", "mart", wx, rows),
            model("pub_weather", "weather", "pub", wx, rows),
            model("fct_inspection", "food", "fact", food, rows, day_column="inspected_date"),
            model("dim_town", "places", "dimension", ["syj.town"], rows),
        ]


def model(
    name: str, product: str | None, kind: Any, feeds: list[str], rows: dict[str, int] | None, **more: Any
) -> ModelBuilt:
    facts: dict[str, Any] = {
        "name": name, "unique_id": f"model.c.{name}", "relation": f'"build"."main"."{name}"', "product": product,
        "kind": kind, "public": True, "materialized": "incremental" if kind == "fact" else "table", "status": "passed",
        "rows": rows[name] if rows else None, "feeds": feeds,
    }  # fmt: skip
    return ModelBuilt(**(facts | more))


def check(name: str, kind: Any, product: str | None, *models: str, **more: Any) -> CheckRun:
    facts: dict[str, Any] = {
        "name": name, "unique_id": f"test.c.{name}", "check": kind, "product": product, "models": list(models),
        "severity": "error", "status": "passed", "failures": 0,
    }  # fmt: skip
    return CheckRun(**(facts | more))


def checks() -> list[CheckRun]:
    """The full set for the three products, all passed."""
    found = []
    for product, table in (("weather", "fct_weather"), ("food", "fct_inspection"), ("places", "dim_town")):
        found += [check(f"{kind}_{table}", kind, product, table) for kind in ("key", "freshness", "reconciliation")]
    total = (
        'select 1 where (select count(*) from "build"."main"."fct_weather")'
        ' <> (select sum(readings) from "build"."main"."mart_weather")'
    )
    found.append(check("mart_total", "reconciliation", "weather", "mart_weather", "fct_weather", compiled_sql=total))
    relation = {"child": "fct_inspection", "column": "town_code", "parent": "dim_town", "parent_column": "town_code"}
    found.append(check("town_known", "relationship", "food", "fct_inspection", "dim_town", relation=relation))
    return found


def changed(report: BuildReport, name: str, **facts: Any) -> BuildReport:
    """The report with one check's or model's fields replaced, without validation (a broken report may say anything)."""
    return report.model_copy(
        update={
            "checks": [c.model_copy(update=facts) if c.name == name else c for c in report.checks],
            "models": [m.model_copy(update=facts) if m.name == name else m for m in report.models],
        }
    )
