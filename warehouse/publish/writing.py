"""Put a composed release into the store and make it current: how every way of publishing ends.

Order: warehouse.duckdb → open.sql → manifest → pointer → ledger; of a public edition the private record comes before
the manifest that names it (ADR 0022). Until the pointer moves, readers see the old release.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ingestion.errors import LakeBusy
from ingestion.values.hashes import sha256_of_bytes, sha256_of_file
from warehouse.publish.assemble import open_sql, write_warehouse
from warehouse.publish.comments import Comment
from warehouse.release import layout, ledger, pointer
from warehouse.release.manifest import Manifest, PublicManifest, StoredFile, TableEntry

if TYPE_CHECKING:
    from ingestion.lake import Lake

FILE = "warehouse.duckdb"


@dataclass(frozen=True)
class Composed:
    """The tables of a release: entry, SQL for the rows and comments by name."""

    tables: dict[str, TableEntry]
    queries: dict[str, str]
    comments: dict[str, Comment]


def put_file(
    lake: Lake, connection: duckdb.DuckDBPyConnection, composed: Composed, key: str, scratch: Path
) -> StoredFile:
    """Make the release file in the folder `scratch` and store it. Raises IntegrityError, StoreError, TableFailed."""
    path = scratch / FILE
    write_warehouse(connection, path, composed.tables, composed.queries, composed.comments, lake.store)
    info = lake.store.put_file(key, path)
    return StoredFile(key=key, bytes=info.size, sha256=sha256_of_file(path))


def put_manifest(lake: Lake, manifest: Manifest) -> str:
    """Put `open.sql` and what readers see of the manifest; the sha256 of the latter."""
    edition, release = manifest.edition, manifest.id
    lake.store.put_bytes(layout.open_sql(edition, release), open_sql(manifest).encode())
    data = manifest.model_dump_json(indent=1).encode()
    if layout.is_public(edition):
        lake.store.put_bytes(layout.record(edition, release), data)
        data = PublicManifest.of(manifest, data).model_dump_json(indent=1).encode()
    lake.store.put_bytes(layout.manifest(edition, release), data)
    return sha256_of_bytes(data)


def make_current(
    lake: Lake, manifest: Manifest, sha256: str, expected: pointer.Pointer | None, *, reason: str | None, by: str | None
) -> None:
    """Move the pointer to the release. Raises LakeBusy where it is not at the release that was built on."""
    edition, release = manifest.edition, manifest.id
    if pointer.pointer(lake.store, edition) != expected:
        raise LakeBusy(
            f"the current release of {edition} changed while {release} was being made",
            left="the pointer was not moved; the new release's objects are collectable",
            next_step="citylake publish",
        )
    pointer.move(lake, edition, release, sha256, manifest.created_at)
    ledger.append(lake, edition, "published", ledger.Move(release, sha256, reason, by))
