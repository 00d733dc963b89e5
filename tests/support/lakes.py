"""A small lake for tests: one CSV feed (id, seen, value), files with set times."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from ingestion.conform.pseudonym import PseudonymKeys
from ingestion.contract.extension import Citylake, RowRule
from ingestion.contract.model import Column, Contract, Table
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.locks import open_locks
from ingestion.receipts.log import ReceiptLog
from ingestion.settings import Settings
from ingestion.store import open_store

START = datetime(2026, 3, 2, tzinfo=UTC)


def contract(
    delivery: str = "interval", correction: str | None = "full", *, version: str = "1.0.0", **said: Any
) -> Contract:
    """A daily UTC feed `office.readings` with one table `reading`, keyed by id and seen."""
    spec: dict[str, Any] = {
        "department": "office",
        "feed": "readings",
        "delivery": delivery,
        "correction": correction if delivery == "interval" else None,
        "max_refused_share": 0.5,
        "calendar": {"every": "day", "timezone": "UTC", "start": date(2026, 1, 1)},
        "schedule": "0 1 * * *",
        "deadline": timedelta(hours=1),
        "steward": {"name": "A. Steward", "email": "steward@example.org"},
        "source": {"path": "office/readings_{interval:%Y%m%d}*.csv"},
        "format": {"type": "csv"},
        "catalogue": {
            "resource_code": "1",
            "category": "c",
            "provider": "p",
            "share_type": "无条件共享",
            "open_attribute": "无条件开放",
            "update_cycle": "每日",
            "published": date(2026, 1, 1),
        },
        "licence": "CC-BY-4.0",
        "retention": {"raw": timedelta(days=30), "quarantine": timedelta(days=10), "basis": "archive rule 1"},
    }
    columns = (
        Column("id", "VARCHAR", "id", "", "", primary_key=1),
        Column("seen", "DATE", "seen", "", "", primary_key=2),
        Column("value", "DOUBLE", "value", "", ""),
    )
    rule = RowRule(id="number", expression="value is not null", description="a number")
    table = Table("reading", "", "", "one reading", None, columns, "seen", (rule,))
    return Contract(
        id="office.readings",
        version=version,
        name="readings",
        title="",
        description="",
        domain="office",
        product="test",
        tags=(),
        citylake=Citylake.model_validate(spec | said),
        tables=(table,),
        path=Path("office/readings.yaml"),
    )


def lake(home: Path, **parts: Any) -> Lake:
    """A lake in `home` on the store of the environment. `parts` replace Lake fields."""
    settings = parts.pop("settings", None) or Settings(home=home)
    store = open_store(settings)
    log = ReceiptLog(store, settings.state_root / "receipts.duckdb")
    made = Lake(settings, store, log, lambda: PseudonymKeys.create(settings), open_locks(settings), {})
    return replace(made, **parts)


def day(number: int) -> Interval:
    """The interval of day `number` counted from 2 March 2026 as 0."""
    start = START + timedelta(days=number)
    return Interval(start, start + timedelta(days=1))


def rows(ids: Iterable[object], *, at: int = 0, value: object = 1) -> str:
    """CSV text with one row an id, all of one event day."""
    when = (START + timedelta(days=at)).date()
    return "id,seen,value\n" + "".join(f"{one},{when},{value}\n" for one in ids)


def drop(made: Lake, name: str, text: str, *, hours: float = 24) -> Path:
    """A file in the department's folder, modified `hours` after START."""
    path = made.settings.drop_root / "office" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    moment = (START + timedelta(hours=hours)).timestamp()
    os.utime(path, (moment, moment))
    return path


def counted(made: Lake) -> dict[str, float]:
    """Sum of values by id over the effective files: what a reader of the warehouse would see."""
    from warehouse.effective import create_views

    with made.log.connect() as connection:
        create_views(connection)
        made.store.prepare(connection)
        urls = [made.store.url(key) for (key,) in connection.execute("select key from effective_file").fetchall()]
        if not urls:
            return {}
        return dict(
            connection.execute("select id, sum(value) from read_parquet($urls) group by id", {"urls": urls}).fetchall()
        )
