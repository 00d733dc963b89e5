"""A small lake for tests of the gate and the release: real store, real DuckDB files, three products.

`weather` (fact by day, mart, pub table), `food` (fact by day, refers to towns) and `places` (a dimension). With
`notices` there is a fourth of that name, whose open table's rows have a last day. `SmallCity.build()` writes
build.duckdb and returns the report dbt's runner would have left.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion import keys
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.locks import open_locks
from ingestion.receipts.log import ReceiptLog
from ingestion.receipts.model import BronzeFile, Receipt, Span, TableReceipt
from ingestion.settings import Settings
from ingestion.store import Store, open_store
from warehouse.build.report import REPORT, BuildReport, CheckRun, Expires, ModelBuilt

DELIVERY: dict[str, Any] = {"office.reading": "interval", "office.visit": "interval", "office.town": "snapshot"}
NOTICES = "office.notice"
EXPIRES = Expires(column="notice_end_date", key=["notice_id"], ended_by="fct_notice")


@dataclass(frozen=True)
class NoKeys:
    """Nothing here is conformed, so no pseudonym key is needed."""

    current_version: int = 1


def open_small_lake(home: Path, store: Store | None = None, settings: Settings | None = None) -> Lake:
    """The lake of a home folder, with the real store of the environment (default a folder) and receipt log."""
    settings = settings or Settings(home=home)
    settings = settings.model_copy(update={"accepted_failures": home / "accepted_failures.yaml"})
    store = store or open_store(settings)
    log = ReceiptLog(store, settings.state_root / "receipts.duckdb")
    return Lake(settings, store, log, open_keys=NoKeys, locks=open_locks(settings), contracts={})  # type: ignore[arg-type]


@dataclass
class SmallCity:
    """State of the city: rows by fact and day, towns, effective files; edit, then `build()`."""

    home: Path
    weather: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    inspections: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    towns: list[tuple[str, str]] = field(default_factory=lambda: [("442000001", "石岐"), ("442000002", "东区")])
    inputs: dict[str, list[str]] = field(default_factory=dict)
    builds: int = 0
    receipts: int = 0
    digest: str = "code-1"
    settings: Settings | None = None
    notices: dict[str, date | None] | None = None
    """Last days of the notices that the build would show, by id; None for a city without any."""
    endings: dict[str, date | None] = field(default_factory=dict)
    """Last days by the internal fact `fct_notice`, where it has the notice."""
    expires: Expires | None = EXPIRES
    restricted: set[str] = field(default_factory=set)
    """Models that are declared `edition: restricted`."""

    def __post_init__(self) -> None:
        self.lake = open_small_lake(self.home, settings=self.settings)
        self.lake.settings.state_root.mkdir(parents=True)
        self.lake.settings.scratch_root.mkdir(parents=True)
        self.fill()

    def fill(self) -> None:
        """Three days, in an open lake."""
        (self.home / "accepted_failures.yaml").write_text("accepted_failures: []\n", encoding="utf-8")
        self.inputs = {feed: [] for feed in DELIVERY}
        self.deliver("office.town", "2026-03-02")
        if self.notices is not None:
            self.inputs[NOTICES] = []
            self.deliver(NOTICES, "2026-03-02")
        for day in ("2026-03-02", "2026-03-03", "2026-03-04"):
            self.add_day(day)

    def add_day(self, day: str) -> None:
        self.weather[day] = [(f"G{n}", 10.0 + n) for n in range(4)]
        self.inspections[day] = [(f"{day}-{n}", self.towns[n % 2][0], "整洁") for n in range(3)]
        self.deliver("office.reading", day)
        self.deliver("office.visit", day)

    def deliver(
        self, feed: str, day: str, outcome: Any = "accepted", message: str | None = None, rule: str = "refused_share"
    ) -> str:
        """A receipt of one delivery; accepted ones become effective, in place of the interval's earlier ones."""
        self.receipts += 1
        department, name = feed.split(".")
        dt = date.fromisoformat(day)
        interval = Interval(
            datetime.combine(dt, datetime.min.time(), UTC), datetime.combine(dt, datetime.max.time(), UTC)
        )
        payload = f"{feed} {day} {self.receipts}".encode()
        sha256 = hashlib.sha256(payload).hexdigest()
        batch = keys.batch_id(interval, sha256)
        prefix = keys.raw_prefix(department, name, dt, batch)
        self.lake.store.put_bytes(keys.raw_payload(prefix, "x.csv"), payload)
        self.lake.store.put_bytes(keys.raw_manifest(prefix), b"{}")
        committed_at = datetime(2026, 3, 8, tzinfo=UTC) + timedelta(seconds=self.receipts)
        tables: dict[str, TableReceipt] = {}
        if outcome == "accepted":
            days = {} if _delivery(feed) == "snapshot" else {day: 1}
            bronze = self._bronze(keys.table_object(keys.BRONZE, department, name, "t", dt, batch, "v1", "a"), days)
            tables["t"] = TableReceipt(received=1, accepted=1, quarantined=0, duplicates=0, bronze=[bronze])
            same = f"/dt={day}/" if _delivery(feed) == "interval" else "/"
            self.inputs[feed] = [*(k for k in self.inputs[feed] if same not in k), bronze.key]
        receipt = Receipt(
            department=department, feed=name, batch=batch, attempt="a", outcome=outcome, message=message,
            rule=rule if outcome == "refused" else None,
            delivery=_delivery(feed), correction="full" if _delivery(feed) == "interval" else None,
            interval=Span(start=interval.start, end=interval.end), dt=dt, contract=feed, revision="v1", key_version=1,
            raw_key=keys.raw_payload(prefix, "x.csv"), raw_sha256=sha256, raw_bytes=len(payload),
            content_as_of=committed_at, loaded_at=committed_at, committed_at=committed_at, tables=tables,
        )  # fmt: skip
        key = keys.receipt(committed_at, department, name, batch, "a")
        self.lake.store.put_bytes(key, receipt.model_dump_json().encode())
        return batch

    def _bronze(self, key: str, days: dict[str, int]) -> BronzeFile:
        path = self.home / "bronze.parquet"
        pq.write_table(pa.table({"n": [self.receipts]}), path)
        self.lake.store.put_file(key, path)
        data = path.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        return BronzeFile(key=key, bytes=len(data), sha256=sha256, rows=1, row_hash=sha256[:16], days=days)

    def build(self, *, affected: dict[str, list[str]] | None = None, **changes: Any) -> BuildReport:
        """Write build.duckdb anew and give its report; `changes` replace fields of the report."""
        self.builds += 1
        self.lake.log.refresh()
        path = self.lake.settings.build_path
        path.unlink(missing_ok=True)
        with contextlib.closing(duckdb.connect(str(path))) as build:
            self._tables(build)
            names = ["fct_weather", "mart_weather", "pub_weather", "fct_inspection", "dim_town", "stg_wx"]
            if self.notices is not None:
                self._notices(build, self.notices)
                names += ["fct_notice", "pub_notice"]
            build.execute("create schema _citylake")
            build.execute("create table _citylake.run as select $id as build_id", {"id": f"build{self.builds:04}"})
            rows = {n: build.execute(f"select count(*) from {n}").fetchone()[0] for n in names}
        report = BuildReport(
            build_id=f"build{self.builds:04}", as_of=date(2026, 3, 6), started_at=datetime.now(UTC),
            finished_at=datetime.now(UTC), full_refresh=False, nothing_new=False, dbt_version="1.11", invocation_id="i",
            project_digest=self.digest, models=self._declared(rows), affected=affected or {},
            checks=checks() if self.notices is None else [*checks(), *_checks_of("notices", "fct_notice")],
            inputs={feed: list(keys) for feed, keys in self.inputs.items()},
        )  # fmt: skip
        report = report.model_copy(update=changes)
        (self.lake.settings.state_root / REPORT).write_text(report.model_dump_json(warnings=False), encoding="utf-8")
        return report

    def _tables(self, build: duckdb.DuckDBPyConnection) -> None:
        build.execute("create table fct_weather (observed_date date, station varchar, temperature double)")
        build.execute(
            "create table fct_inspection (inspected_date date, id varchar, town_code varchar, remark varchar)"
        )
        build.execute("create table dim_town (town_code varchar, title varchar)")
        for table, days in (("fct_weather", self.weather), ("fct_inspection", self.inspections)):
            rows = [[day, *row] for day, found in days.items() for row in found]
            if rows:
                build.executemany(f"insert into {table} values ({', '.join('?' * len(rows[0]))})", rows)
        build.executemany("insert into dim_town values (?, ?)", [list(town) for town in self.towns])
        build.execute(
            "create table mart_weather as"
            " select station, count(*) as readings, sum(temperature) as total from fct_weather group by all order by 1"
        )
        build.execute(
            "create table pub_weather as select observed_date, avg(temperature) as mean from fct_weather group by 1"
        )
        build.execute("create view stg_wx as select * from fct_weather")

    def _notices(self, build: duckdb.DuckDBPyConnection, notices: dict[str, date | None]) -> None:
        build.execute("create table pub_notice (notice_id varchar, notice_end_date date, title varchar)")
        build.execute("create table fct_notice (notice_id varchar, notice_end_date date)")
        rows = [[name, day, f"告示 {name}"] for name, day in notices.items()]
        # The first is no notice of the open edition, so that the fact is never empty.
        endings = [["internal", None], *([name, day] for name, day in self.endings.items())]
        build.executemany("insert into fct_notice values (?, ?)", endings)
        if rows:
            build.executemany("insert into pub_notice values (?, ?, ?)", rows)

    def _declared(self, rows: dict[str, int]) -> list[ModelBuilt]:
        return [one.model_copy(update={"restricted": one.name in self.restricted}) for one in self._models(rows)]

    def _models(self, rows: dict[str, int]) -> list[ModelBuilt]:
        wx, food = ["office.reading"], ["office.visit"]
        notices = [] if self.notices is None else [
            model("fct_notice", "notices", "fact", [NOTICES], rows),
            model("pub_notice", "notices", "pub", [NOTICES], rows, expires=self.expires),
        ]  # fmt: skip
        return [
            *notices,
            model("stg_wx", None, None, wx, None, public=False, materialized="view"),
            model("fct_weather", "weather", "fact", wx, rows, day_column="observed_date", upstream=["model.c.stg_wx"]),
            model("mart_weather", "weather", "mart", wx, rows),
            model("pub_weather", "weather", "pub", wx, rows),
            model("fct_inspection", "food", "fact", food, rows, day_column="inspected_date"),
            model("dim_town", "places", "dimension", ["office.town"], rows),
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
        found += _checks_of(product, table)
    total = (
        'select 1 where (select count(*) from "build"."main"."fct_weather")'
        ' <> (select sum(readings) from "build"."main"."mart_weather")'
    )
    found.append(check("mart_total", "reconciliation", "weather", "mart_weather", "fct_weather", compiled_sql=total))
    relation = {"child": "fct_inspection", "column": "town_code", "parent": "dim_town", "parent_column": "town_code"}
    found.append(check("town_known", "relationship", "food", "fct_inspection", "dim_town", relation=relation))
    return found


def _checks_of(product: str, table: str) -> list[CheckRun]:
    return [check(f"{kind}_{table}", kind, product, table) for kind in ("key", "freshness", "reconciliation")]


def _delivery(feed: str) -> Any:
    return "snapshot" if feed == NOTICES else DELIVERY[feed]


def changed(report: BuildReport, name: str, **facts: Any) -> BuildReport:
    """The report with one check's or model's fields replaced, without validation (a broken report may say anything)."""
    return report.model_copy(
        update={
            "checks": [c.model_copy(update=facts) if c.name == name else c for c in report.checks],
            "models": [m.model_copy(update=facts) if m.name == name else m for m in report.models],
        }
    )
