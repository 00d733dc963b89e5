"""A lake of an hourly feed: one small bronze file and one receipt an hour, as conform would leave them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from bench.history import FEED, History
from ingestion import keys
from ingestion.contract.extension import CalendarSpec
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.receipts.model import BronzeFile, Receipt, Span, TableReceipt

FIRST = date(2026, 1, 1)
__all__ = ["FEED", "FIRST", "add_hours", "hourly_lake"]


def hourly_lake(home: Path) -> Lake:
    """The bench feed, cut by the hour."""
    lake = History(home, 0).lake()
    contract = lake.contracts[FEED]
    calendar = CalendarSpec(every="hour", timezone="Asia/Shanghai", start=FIRST)
    spec = contract.citylake.model_copy(update={"calendar": calendar})
    return replace(lake, contracts={FEED: replace(contract, citylake=spec)})


def add_hours(lake: Lake, days: int, rows: int) -> tuple[date, date]:
    """Every hour of `days` local days, `rows` each; the first and the last day."""
    calendar = lake.contracts[FEED].calendar
    with duckdb.connect(config={"threads": 1}) as db:
        for offset in range(days):
            for interval in calendar.meeting(FIRST + timedelta(days=offset)):
                _add(lake, db, interval, rows)
    lake.log.refresh()
    return FIRST, FIRST + timedelta(days=days - 1)


def _add(lake: Lake, db: duckdb.DuckDBPyConnection, interval: Interval, rows: int) -> None:
    contract = lake.contracts[FEED]
    day = contract.calendar.local_date(interval)
    batch = keys.batch_id(interval, hashlib.sha256(interval.id.encode()).hexdigest())
    with lake.scratch() as folder:
        path = folder / "bronze.parquet"
        db.execute(
            f"""
            copy (
                select
                    'v' || lpad(i::varchar, 6, '0') as vehicle,
                    timestamptz '{interval.start.isoformat()}' + interval (i) second as positioned_at,
                    113.2 + (hash(i) % 40000) / 1e5 as longitude, 22.3 + (hash(i + 1) % 40000) / 1e5 as latitude,
                    (hash(i + 2) % 900) / 10.0 as speed_kmh, (hash(i + 3) % 360)::integer as heading_deg,
                    (hash(i + 4) % 100000)::integer as mileage_m, '0' as status, '{batch}' as _batch_id,
                    timestamptz '{interval.end.isoformat()}' as _loaded_at, date '{day.isoformat()}' as _event_date
                from range({rows}) as r (i)
            ) to '{path}' (format parquet, compression zstd)
            """
        )
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        key = keys.table_object(
            keys.BRONZE, contract.department, contract.feed, "position", day, batch, contract.revision, "bench"
        )
        size = lake.store.put_file(key, path, consume=True).size
    bronze = BronzeFile(key=key, bytes=size, sha256=sha256, rows=rows, row_hash=sha256, days={day.isoformat(): rows})
    table = TableReceipt(received=rows, accepted=rows, quarantined=0, duplicates=0, bronze=[bronze])
    receipt = Receipt(
        department=contract.department, feed=contract.feed, batch=batch, attempt="bench", outcome="accepted",
        delivery="interval", correction="full", interval=Span(start=interval.start, end=interval.end), dt=day,
        contract=contract.id, revision=contract.revision, key_version=1, raw_key=None, raw_sha256=None, raw_bytes=0,
        content_as_of=interval.end, loaded_at=interval.end, committed_at=datetime.now(UTC), tables={"position": table},
    )  # fmt: skip
    name = keys.receipt(receipt.committed_at, contract.department, contract.feed, batch, "bench")
    lake.store.put_bytes(name, receipt.model_dump_json().encode())
