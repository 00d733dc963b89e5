"""A small lake of bronze files, written as conform writes them, for builds without ingestion.

`SmallLake.deliver` puts one delivery of a shipped contract; `effective` folds the deliveries by the
semantics of the contract, as warehouse.effective does for receipts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from ingestion.contract.model import Contract
from ingestion.settings import PROJECT_ROOT, Settings
from ingestion.sql import identifier, literal
from warehouse.build.report import BuildReport
from warehouse.build.runner import Builder
from warehouse.build.sources import view_columns
from warehouse.build.state import Effective

LOCAL = ZoneInfo("Asia/Shanghai")
BUILT_AS_OF = date(2026, 3, 3)
"""The day of the lake that is built once for many tests."""

FILE_SCHEMA = pa.schema(
    [
        ("feed", pa.string()),
        ("department", pa.string()),
        ("feed_name", pa.string()),
        ("table_name", pa.string()),
        ("key", pa.string()),
        ("rows", pa.int64()),
        ("row_hash", pa.string()),
        ("sha256", pa.string()),
        ("batch", pa.string()),
        ("revision", pa.string()),
        ("interval_start", pa.timestamp("us", "UTC")),
        ("interval_end", pa.timestamp("us", "UTC")),
        ("dt", pa.date32()),
        ("content_as_of", pa.timestamp("us", "UTC")),
        ("committed_at", pa.timestamp("us", "UTC")),
        ("loaded_at", pa.timestamp("us", "UTC")),
        ("precedence", pa.int64()),
        ("delivery", pa.string()),
        ("correction", pa.string()),
    ]
)
DAY_SCHEMA = pa.schema(
    [
        ("feed", pa.string()),
        ("table_name", pa.string()),
        ("key", pa.string()),
        ("day", pa.date32()),
        ("rows", pa.int64()),
    ]
)


@dataclass
class Put:
    """One delivery: its files and the days in each."""

    contract: Contract
    batch: str
    start: datetime
    files: list[dict[str, object]]
    days: list[dict[str, object]]
    queries: dict[str, str]


@dataclass
class SmallLake:
    """Bronze below `root`; builds below `home`."""

    root: Path
    home: Path
    contracts: dict[str, Contract]
    project: Path = PROJECT_ROOT / "dbt_project"
    puts: list[Put] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home, dbt_project=self.project)

    def url(self, key: str) -> str:
        return str(self.root / key)

    def deliver(self, feed: str, start: datetime, tables: dict[str, str], *, as_of: datetime | None = None) -> Put:
        """One delivery for the interval that holds local `start`; `tables` maps a table to a query over bronze columns.

        `as_of` orders deliveries of one interval, and snapshots; default the interval's end.
        """
        contract = self.contracts[feed]
        interval = contract.calendar.at(start)
        content = (as_of or interval.end.astimezone(LOCAL)).replace(tzinfo=LOCAL).astimezone(UTC)
        digest = hashlib.sha256(f"{feed}{interval.id}{content}{tables}".encode()).hexdigest()
        batch = f"{interval.id}-{digest[:12]}"
        put = Put(contract, batch, interval.start, [], [], tables)
        for name, query in tables.items():
            key = (
                f"bronze/{contract.department}/{contract.feed}/{name}/dt={contract.calendar.local_date(interval)}"
                f"/{batch}/{contract.revision}-k1.parquet"
            )
            rows, days = self._write(contract, name, query, key, batch, content)
            named = {"feed": feed, "table_name": name, "key": key}
            facts = {
                "department": contract.department,
                "feed_name": contract.feed,
                "rows": rows,
                "row_hash": "",
                "sha256": digest,
                "batch": batch,
                "revision": contract.revision,
                "interval_start": interval.start,
                "interval_end": interval.end,
                "dt": contract.calendar.local_date(interval),
                "content_as_of": content,
                "committed_at": content,
                "loaded_at": content,
                "precedence": int(content.timestamp()),
                "delivery": contract.citylake.delivery,
                "correction": contract.citylake.correction,
            }
            put.files.append(named | facts)
            put.days.extend(named | {"day": day, "rows": count} for day, count in days)
        self.puts.append(put)
        return put

    def _write(
        self, contract: Contract, name: str, query: str, key: str, batch: str, loaded_at: datetime
    ) -> tuple[int, list[tuple[date, int]]]:
        table = contract.table(name)
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect()
        connection.execute("set TimeZone = 'UTC'")
        columns = ", ".join(f"{identifier(column)} {kind}" for column, kind in view_columns(table).items())
        connection.execute(f"create table bronze ({columns})")
        dated = ""
        if table.event_time:
            event = identifier(table.event_time)
            dated = f", cast(timezone('Asia/Shanghai', cast({event} as timestamptz)) as date) as _event_date"
        connection.execute(
            f"insert into bronze by name select *, {literal(batch)} as _batch_id, {literal(loaded_at)} as _loaded_at"
            f"{dated} from ({query})"
        )
        connection.execute(f"copy bronze to {literal(path)} (format parquet, compression zstd)")
        rows = connection.execute("select count(*) from bronze").fetchone()
        days: list[tuple[date, int]] = []
        if table.event_time:
            days = connection.execute("select _event_date, count(*) from bronze group by 1 order by 1").fetchall()
        connection.close()
        return (rows or (0,))[0], days

    def counting(self) -> list[Put]:
        """Deliveries that count: the latest of a snapshot and of a full interval, else all."""
        latest: dict[tuple[str, object], Put] = {}
        for number, put in enumerate(self.puts):
            citylake = put.contract.citylake
            scope: object = number
            if citylake.delivery == "snapshot":
                scope = "whole"
            elif citylake.correction == "full":
                scope = put.start
            known = latest.get((put.contract.name, scope))
            if known is None or put.files[0]["precedence"] > known.files[0]["precedence"]:  # type: ignore[operator]
                latest[put.contract.name, scope] = put
        return list(latest.values())

    def effective(self) -> Effective:
        puts = self.counting()
        return Effective(
            files=pa.Table.from_pylist([row for put in puts for row in put.files], FILE_SCHEMA),
            days=pa.Table.from_pylist([row for put in puts for row in put.days], DAY_SCHEMA),
        )

    def builder(self) -> Builder:
        return Builder(self.settings, self.contracts, self.url, self.said.append)

    def build(self, as_of: date, **options: object) -> BuildReport:
        return self.builder().build(self.effective(), as_of, **options)  # type: ignore[arg-type]

    def query(self, sql: str) -> list[tuple[object, ...]]:
        connection = duckdb.connect(self.settings.build_path)
        try:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    # What departments send, in small.

    def weather(
        self, start: datetime, *, warmer: float = 0.0, as_of: datetime | None = None, moved: timedelta = timedelta()
    ) -> Put:
        """One hour of three stations; `moved` shifts the observation time."""
        moment = start.replace(tzinfo=LOCAL).astimezone(UTC) + moved
        query = f"""
            select
                'G200' || i as station_id, ['东区', '小榄镇', '南朗街道'][i] as station_name, 22.5 as latitude,
                113.4 as longitude, 11.0 as altitude_m, {moment.year} as obs_year, {moment.month} as obs_month,
                {moment.day} as obs_day, {moment.hour} as obs_hour, 1010.0 as pressure_hpa,
                case when i <> 3 then 18.0 + i + {warmer} end as temperature_c, 80.0 as humidity_pct,
                i * 0.2 as precipitation_mm, 90.0 as wind_direction_deg, 2.5 as wind_speed_ms, 0 as q_temperature,
                0 as q_precipitation, {literal(moment)} as observed_at
            from range(1, 4) as stations (i)
        """
        return self.deliver("qxj.wx_station_hourly", start, {"wx_station_hourly": query}, as_of=as_of)

    def licences(self, day: date, *, businesses: int) -> Put:
        query = f"""
            select
                'JY2442000000' || lpad(i::varchar, 4, '0') as licence_no, '商户' || i as operator_name,
                null as uscc, 'p' || i as legal_rep, 'q' || i as legal_rep_id, '餐饮' as business_kind,
                '热食类' as items, '路' || i as address, ['442000002', '442000118'][1 + i % 2] as town_code,
                date '2024-01-01' as issued_date, date '2029-01-01' as valid_to, '有效' as status
            from range(1, {businesses + 1}) as licences (i)
        """
        return self.deliver("syj.food_licence", datetime.combine(day, datetime.min.time()), {"food_licence": query})

    def inspections(
        self,
        day: date,
        numbers: range,
        *,
        score: float = 90,
        as_of: datetime | None = None,
        moved: timedelta = timedelta(),
    ) -> Put:
        """Inspections `numbers` of a day, one a business; `moved` shifts their time."""
        moment = datetime.combine(day, datetime.min.time(), tzinfo=LOCAL) + timedelta(hours=10) + moved
        query = f"""
            select
                'I{day:%m%d}' || i as inspection_id, 'JY2442000000' || lpad(i::varchar, 4, '0') as licence_no,
                {literal(moment.astimezone(UTC))} as inspected_at, '日常检查' as kind, 'b' as inspector_badge,
                {score} as score, case when {score} >= 60 then 'A' else 'D' end as grade, {score} >= 60 as is_passed,
                i % 3 as failed_items
            from range({numbers.start}, {numbers.stop}) as inspections (i)
        """
        start = datetime.combine(day, datetime.min.time())
        return self.deliver("syj.food_inspection", start, {"food_inspection": query}, as_of=as_of)

    def complaints(self, day: date, numbers: range, *, repeated: range = range(0)) -> Put:
        """Complaints `numbers` of a day, and `repeated` ones of the day before."""

        def one(on: date, some: range) -> str:
            moment = datetime.combine(on, datetime.min.time(), tzinfo=LOCAL) + timedelta(hours=11)
            return f"""
                select
                    'C{on:%m%d}' || i as complaint_id, '12345' as channel,
                    {literal(moment.astimezone(UTC))} as opened_at, null as closed_at, '食品' as topic, 'p' as phone,
                    '442000002' as town_code, 'JY2442000000' || lpad(i::varchar, 4, '0') as licence_no
                from range({some.start}, {some.stop}) as complaints (i)
            """

        query = f"{one(day, numbers)} union all {one(day - timedelta(days=1), repeated)}"
        return self.deliver("syj.complaint", datetime.combine(day, datetime.min.time()), {"complaint": query})

    def timetable(self, day: date, *, stops: int) -> Put:
        """Two routes over `stops` stops; the last trip runs past midnight."""
        return self.deliver(
            "jtj.gtfs_static",
            datetime.combine(day, datetime.min.time()),
            {
                "agency": "select 'A' as agency_id, '公交' as agency_name, 'https://bus.example.cn' as agency_url, "
                "'Asia/Shanghai' as agency_timezone, 'zh' as agency_lang",
                "stops": f"select 'S' || i as stop_id, '站' || i as stop_name, 22.5 as stop_lat, 113.4 as stop_lon "
                f"from range({stops}) as stops (i)",
                "routes": "select 'R' || i as route_id, 'A' as agency_id, i::varchar as route_short_name, "
                "'线' || i as route_long_name, 3 as route_type from range(2) as routes (i)",
                "trips": "select 'R' || i % 2 as route_id, 'D' as service_id, 'T' || i as trip_id, "
                "'终点' as trip_headsign, 0 as direction_id from range(6) as trips (i)",
                "stop_times": f"select 'T' || t as trip_id, 21600 + t * 13000 + s * 120 as arrival_seconds, "
                f"21630 + t * 13000 + s * 120 as departure_seconds, 'S' || s as stop_id, s + 1 as stop_sequence "
                f"from range(6) as trips (t), range({stops}) as stops (s)",
                "calendar": "select 'D' as service_id, 1 as monday, 1 as tuesday, 1 as wednesday, 1 as thursday, "
                "1 as friday, 1 as saturday, 1 as sunday, date '2026-01-01' as start_date, "
                "date '2026-12-31' as end_date",
            },
        )


def at(day: int, hour: int = 0) -> datetime:
    """An hour of a day of March 2026, local time."""
    return datetime(2026, 3, day, hour, tzinfo=LOCAL)


def fill(lake: SmallLake, day: date, *, hours: range = range(24)) -> None:
    """One ordinary day of every feed but the timetable."""
    for hour in hours:
        lake.weather(at(day.day, hour))
    lake.licences(day, businesses=6 + day.day)
    lake.inspections(day, range(1, 6))
    lake.complaints(day, range(1, 4), repeated=range(1, 3))


def public_tables(lake: SmallLake, report: BuildReport) -> dict[str, list[str]]:
    """Every public table as its sorted rows."""
    return {
        model.name: sorted(str(row) for row in lake.query(f"from {model.relation}"))
        for model in report.models
        if model.public
    }
