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
    """The pointer: which release readers see."""
    return f"{PUBLISHED}/{edition}/current.json"


def hold(edition: str) -> str:
    """The named hold of an edition, present while it lasts."""
    return f"{PUBLISHED}/{edition}/hold.json"


def releases(edition: str) -> str:
    """Folder of all releases of an edition."""
    return f"{PUBLISHED}/{edition}/releases"


def release(edition: str, release_id: str) -> str:
    """Folder of one release."""
    return f"{releases(edition)}/{safe_name(release_id)}"


def warehouse(edition: str, release_id: str) -> str:
    """The DuckDB file of a release."""
    return f"{release(edition, release_id)}/warehouse.duckdb"


def manifest(edition: str, release_id: str) -> str:
    """What a release consists of."""
    return f"{release(edition, release_id)}/manifest.json"


def open_sql(edition: str, release_id: str) -> str:
    """Views relative to the store root, for a restored copy."""
    return f"{release(edition, release_id)}/open.sql"


def facts(edition: str) -> str:
    """Folder of fact files, shared between releases."""
    return f"{PUBLISHED}/{edition}/facts"


def fact_file(edition: str, table: str, day: str, release_id: str) -> str:
    """One day of a fact as one release wrote it."""
    return f"{facts(edition)}/{table}/day={day}/{release_id}.parquet"


def ledger(edition: str) -> str:
    """Folder of the append-only ledger."""
    return f"{LEDGER}/{edition}"


def ledger_entry(edition: str, sequence: int, event: str) -> str:
    """One ledger entry; sorts by sequence."""
    return f"{ledger(edition)}/{sequence:08d}-{event}.json"


def verdicts(decided_at: datetime, build_id: str) -> str:
    """The verdicts of one build."""
    moment = decided_at.astimezone(UTC)
    return f"{VERDICTS}/decided={moment:%Y-%m-%d}/{moment:%Y%m%dT%H%M%S%fZ}-{safe_name(build_id)}.json"


def new_release_id(created_at: datetime, build_id: str) -> str:
    """`20260306T010203456789Z-<build>`: sorts by time; unique because one publisher holds the lock."""
    return f"{created_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{safe_name(build_id)[-12:]}"
