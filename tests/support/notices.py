"""A small city whose open notices have a last day, its date, and everything that readers can get at of its notices."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from ingestion.lake import Lake
from ingestion.settings import Settings
from ingestion.sql import identifier, literal
from tests.support.small_city import SmallCity, changed
from warehouse.build.report import BuildReport
from warehouse.gate.decide import gate
from warehouse.publish.run import Published, publish
from warehouse.release import pointer

FIRST = date(2026, 3, 6)
CITY_TIME = "city_time.txt"
Notices = dict[str, date | None]


def settings_of(home: Path) -> Settings:
    """Settings whose city has its own date."""
    return Settings(home=home, city_time=home / CITY_TIME)


def notice_city(home: Path, notices: Notices, endings: Notices | None = None) -> SmallCity:
    """A city on its first day, of which nothing is built yet."""
    city = SmallCity(home, settings=settings_of(home), notices=notices, endings=dict(notices | (endings or {})))
    set_date(city.lake, FIRST)
    return city


def set_date(lake: Lake, today: date) -> None:
    """Let it be noon of that day in the city."""
    assert lake.settings.city_time is not None
    lake.settings.city_time.write_text(f"{today}T12:00:00", encoding="utf-8")


def built(city: SmallCity, *, blocked: bool = False) -> BuildReport:
    """A build; `blocked`: the notices do not pass the gate."""
    report = city.build()
    return changed(report, "key_fct_notice", status="failed", failures=1) if blocked else report


def published(city: SmallCity, report: BuildReport) -> Published:
    """Publish the build; what became of the open edition."""
    results = publish(city.lake, report, gate(city.lake, report), approver=None)
    return next(result for result in results if result.edition == "open")


def shown(lake: Lake) -> Notices:
    """Id to last day of the notices in the current open release; empty without a release."""
    manifest = pointer.current(lake, "open")
    if manifest is None:
        return {}
    found = dict(_notices(lake.store.get_bytes(manifest.warehouse.key), ".duckdb"))
    entry = manifest.tables.get("pub_notice")
    assert len(found) == (entry.rows if entry else 0)
    return found


def public(lake: Lake) -> dict[str, Notices]:
    """Key of every object below the open edition to the notices in it."""
    keys = [info.key for info in lake.store.list("published/open/")]
    return {key: dict(_notices(lake.store.get_bytes(key), Path(key).suffix)) for key in keys}


def _notices(data: bytes, suffix: str) -> Iterator[tuple[str, date | None]]:
    """Notices in an object: rows of every table that has their columns."""
    if suffix not in (".duckdb", ".parquet"):
        return
    with TemporaryDirectory() as folder, contextlib.closing(duckdb.connect()) as connection:
        file = Path(folder) / f"object{suffix}"
        file.write_bytes(data)
        sources = [f"read_parquet({literal(file)})"]
        if suffix == ".duckdb":
            connection.execute(f"attach {literal(file)} as looked (read_only)")
            tables = connection.execute("select table_name from duckdb_tables() where database_name = 'looked'")
            sources = [identifier("looked", "main", name) for (name,) in tables.fetchall()]
        for source in sources:
            columns = [row[0] for row in connection.execute(f"describe select * from {source}").fetchall()]
            if "notice_end_date" in columns:
                yield from connection.execute(f"select notice_id, notice_end_date from {source}").fetchall()
