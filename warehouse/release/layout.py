"""Object keys of releases, their ledger and the recorded verdicts; no other module spells them.

published/<edition>/current.json                                    the pointer
published/<edition>/{status.json,banner.html}                       what its readers may know of it now, replaced
published/internal/hold.json                                        a named hold, while it lasts
published/<edition>/releases/<id>/{warehouse.duckdb,manifest.json,open.sql}
published/internal/facts/<table>/day=<date>/<release id>.parquet    immutable, shared between releases
published/restricted/<product>/…                                    as internal, of one product; readers of its own
editions/open/releases/<id>.json                                    private whole manifest of a public release
editions/open/cells/<table>/<hash of rows>.parquet                    counts that an open table has ever shown
editions/open/cells/<table>/feeds/<feed>                            empty: a feed behind them that is not shared
editions/open/hold.json                                             the open edition's hold: it names a person
ledger/<edition>/<sequence:08d>-<event>.json                        append-only
verdicts/decided=<date>/<time>-<build>.json
"""

from __future__ import annotations

from datetime import UTC, datetime

from ingestion import keys
from ingestion.keys import LEDGER, PUBLISHED, edition_hold, edition_record, safe_name

EDITIONS = ("internal", "open")
"""The two that every lake has; all there are: warehouse.release.editions.of_lake."""
VERDICTS = keys.VERDICTS


def is_public(edition: str) -> bool:
    """May readers outside the administration read everything below `published/<edition>` (ADR 0022)?"""
    return edition == "open"


def file_name(edition: str) -> str:
    """The edition as a part of a file name, or as the name of a database in a session: `restricted_<product>`."""
    return edition.replace("/", "_")


def current(edition: str) -> str:
    """The pointer: which release readers see."""
    return f"{PUBLISHED}/{edition}/current.json"


def hold(edition: str) -> str:
    """The hold of an edition, an object that exists while it lasts; of a public edition it is private."""
    return edition_hold(edition) if is_public(edition) else earlier_hold(edition)


def status(edition: str) -> str:
    """How an edition and its products stand now; outside releases, replaced by every gate and sweep."""
    return f"{PUBLISHED}/{edition}/status.json"


def banner(edition: str) -> str:
    """The same for people, as a fragment of HTML."""
    return f"{PUBLISHED}/{edition}/banner.html"


def earlier_hold(edition: str) -> str:
    """The key under which earlier versions kept the hold of every edition."""
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
    """The manifest that readers of the edition see."""
    return f"{release(edition, release_id)}/manifest.json"


def record(edition: str, release_id: str) -> str:
    """The whole manifest of a release: of a public edition a private object, else the manifest itself."""
    return edition_record(edition, release_id) if is_public(edition) else manifest(edition, release_id)


def records(edition: str) -> str | None:
    """Folder of the private whole manifests; None for an edition that is not public."""
    return edition_record(edition) if is_public(edition) else None


def open_sql(edition: str, release_id: str) -> str:
    """SQL that opens a restored copy of the release by paths relative to the store's root."""
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


def release_time(release_id: str) -> datetime:
    """When a release was made, from its id (UTC)."""
    return datetime.strptime(release_id.split("-", 1)[0], "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)
