"""Object keys of what is published. The only place that spells them.

published/<edition>/current.json                                    the pointer
published/<edition>/hold.json                                       a named hold, while it lasts
published/<edition>/releases/<id>/{warehouse.duckdb,manifest.json,open.sql}
published/<edition>/facts/<table>/day=<date>/<release id>.parquet   immutable, shared between releases
ledger/<edition>/<sequence:08d>-<event>.json                        append-only
verdicts/decided=<date>/<time>-<build>.json
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, get_args

from ingestion.keys import LEDGER, PUBLISHED, safe_name

Edition = Literal["internal", "open"]
EDITIONS: tuple[Edition, ...] = get_args(Edition)
VERDICTS = "verdicts"


def current(edition: str) -> str:
    return f"{PUBLISHED}/{edition}/current.json"


def hold(edition: str) -> str:
    return f"{PUBLISHED}/{edition}/hold.json"


def releases(edition: str) -> str:
    return f"{PUBLISHED}/{edition}/releases"


def release(edition: str, release_id: str) -> str:
    return f"{releases(edition)}/{safe_name(release_id)}"


def warehouse(edition: str, release_id: str) -> str:
    return f"{release(edition, release_id)}/warehouse.duckdb"


def manifest(edition: str, release_id: str) -> str:
    return f"{release(edition, release_id)}/manifest.json"


def open_sql(edition: str, release_id: str) -> str:
    return f"{release(edition, release_id)}/open.sql"


def facts(edition: str) -> str:
    return f"{PUBLISHED}/{edition}/facts"


def fact_file(edition: str, table: str, day: str, release_id: str) -> str:
    return f"{facts(edition)}/{table}/day={day}/{release_id}.parquet"


def ledger(edition: str) -> str:
    return f"{LEDGER}/{edition}"


def ledger_entry(edition: str, sequence: int, event: str) -> str:
    return f"{ledger(edition)}/{sequence:08d}-{event}.json"


def verdicts(decided_at: datetime, build_id: str) -> str:
    moment = decided_at.astimezone(UTC)
    return f"{VERDICTS}/decided={moment:%Y-%m-%d}/{moment:%Y%m%dT%H%M%S%fZ}-{safe_name(build_id)}.json"


def new_release_id(created_at: datetime, build_id: str) -> str:
    """`20260306T010203456789Z-<build>`: sorts by time; unique because one publisher holds the lock."""
    return f"{created_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{safe_name(build_id)[-12:]}"
