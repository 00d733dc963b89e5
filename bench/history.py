"""A lake with many days behind it, made directly as bronze objects and receipts.

Conforming a thousand days would measure conform, not the build; the bronze written here is what
conform writes for the bench feed (same columns, technical columns, days in the receipt).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from ingestion import keys
from ingestion.contract.load import load_contracts
from ingestion.contract.model import Contract
from ingestion.lake import Lake, open_lake
from ingestion.receipts.model import BronzeFile, Receipt, Span, TableReceipt
from ingestion.settings import Settings

HERE = Path(__file__).parent
FIRST = date(2020, 1, 1)
FEED = "bench.gps"


@dataclass(frozen=True)
class History:
    """A lake under `home` that grows a day at a time, `rows` a day."""

    home: Path
    rows: int

    @property
    def settings(self) -> Settings:
        return Settings(
            home=self.home,
            contracts=HERE / "contracts",
            dbt_project=HERE / "dbt_project",
            memory_limit="4GB",
            pseudonym_key="00" * 32,  # type: ignore[arg-type]
        )

    def lake(self) -> Lake:
        """The lake, opened."""
        return open_lake(self.settings)

    def add_days(self, lake: Lake, first: int, count: int) -> date:
        """Days number `first` to `first + count - 1` as bronze and receipts; the last local day."""
        contract = load_contracts(HERE / "contracts")[FEED]
        with duckdb.connect(config={"threads": 2}) as db:
            for number in range(first, first + count):
                self._add_day(lake, contract, db, FIRST + timedelta(days=number))
        lake.log.refresh()
        return FIRST + timedelta(days=first + count - 1)

    def _add_day(self, lake: Lake, contract: Contract, db: duckdb.DuckDBPyConnection, day: date) -> None:
        (interval,) = contract.calendar.meeting(day)
        content = hashlib.sha256(f"{day}-{self.rows}".encode()).hexdigest()
        batch = keys.batch_id(interval, content)
        moment = interval.end + timedelta(hours=1)
        with lake.scratch() as folder:
            path = folder / "bronze.parquet"
            db.execute(
                f"""
                copy (
                    select
                        'v' || lpad((i % 5000)::varchar, 6, '0') as vehicle,
                        timestamptz '{interval.start.isoformat()}'
                            + interval (i // 5000 * 60) second as positioned_at,
                        113.2 + (hash(i) % 40000) / 1e5 as longitude,
                        22.3 + (hash(i + 1) % 40000) / 1e5 as latitude,
                        (hash(i + 2) % 900) / 10.0 as speed_kmh,
                        (hash(i + 3) % 360)::integer as heading_deg,
                        (hash(i + 4) % 100000)::integer as mileage_m,
                        '0' as status,
                        '{batch}' as _batch_id,
                        timestamptz '{moment.isoformat()}' as _loaded_at,
                        date '{day.isoformat()}' as _event_date
                    from range({self.rows}) as r (i)
                ) to '{path}' (format parquet, compression zstd)
                """
            )
            key = keys.table_object(
                keys.BRONZE, contract.department, contract.feed, "position", day, batch, contract.revision, "bench"
            )
            stored = lake.store.put_file(key, path)
        bronze = BronzeFile(
            key=key,
            bytes=stored.size,
            sha256=content,
            rows=self.rows,
            row_hash=content,
            days={day.isoformat(): self.rows},
        )
        receipt = Receipt(
            department=contract.department,
            feed=contract.feed,
            batch=batch,
            attempt="bench",
            outcome="accepted",
            delivery="interval",
            correction="full",
            interval=Span(start=interval.start, end=interval.end),
            dt=day,
            contract=contract.id,
            revision=contract.revision,
            key_version=1,
            raw_key=None,
            raw_sha256=None,
            raw_bytes=0,
            content_as_of=moment,
            loaded_at=moment,
            committed_at=datetime.now(UTC),
            tables={
                "position": TableReceipt(
                    received=self.rows, accepted=self.rows, quarantined=0, duplicates=0, bronze=[bronze]
                )
            },
        )
        name = keys.receipt(receipt.committed_at, receipt.department, receipt.feed, batch, "bench")
        lake.store.put_bytes(name, receipt.model_dump_json().encode())
