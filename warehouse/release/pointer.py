"""The pointer of an edition (its current release) and the hold that keeps new releases from being published.

Reading needs no lock. Only warehouse.publish.run and warehouse.release.moves move the pointer; they hold the publisher
lock (warehouse.release.lock) and append to the ledger.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ingestion.errors import IntegrityError, ObjectNotFound
from ingestion.values.document import Document
from ingestion.values.hashes import sha256_of_bytes
from warehouse.release import layout
from warehouse.release.lock import require_publisher
from warehouse.release.manifest import Manifest, PublicManifest, is_whole_manifest

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from ingestion.store.base import Store


class Pointer(Document):
    """`current.json`. `release` is None after a withdrawal."""

    edition: str
    release: str | None
    manifest_sha256: str | None
    moved_at: datetime


class Hold(Document):
    """`hold.json`: nothing is published to this edition until `resume`. `by` is a role or an account name."""

    edition: str
    reason: str
    by: str
    since: datetime


def pointer(store: Store, edition: str) -> Pointer | None:
    """The pointer of an edition; None before the first release."""
    try:
        return Pointer.model_validate_json(store.get_bytes(layout.current(edition)))
    except ObjectNotFound:
        return None


def current(lake: Lake, edition: str = "internal") -> Manifest | None:
    """The manifest of the current release; None when never released or withdrawn. Raises IntegrityError."""
    pointing = pointer(lake.store, edition)
    if pointing is None or pointing.release is None:
        return None
    return load(lake.store, edition, pointing.release, pointing.manifest_sha256)


def released_inputs(lake: Lake, edition: str = "internal") -> dict[str, set[str]]:
    """Per product of the current release, the bronze keys its tables were made from; empty before the first."""
    manifest = current(lake, edition)
    if manifest is None:
        return {}
    return {
        name: {key for batches in entry.inputs.values() for batch in batches for key in batch.bronze}
        for name, entry in manifest.products.items()
    }


def load(store: Store, edition: str, release: str, sha256: str | None = None) -> Manifest:
    """The whole manifest of a release. `sha256` is what the published manifest must have, where it is known.

    Of a public edition the published manifest names the private whole one. Raises ObjectNotFound, IntegrityError.
    """
    data = store.get_bytes(layout.manifest(edition, release))
    _require_published(edition, release, data, sha256)
    if layout.is_public(edition) and not is_whole_manifest(data):
        public = PublicManifest.model_validate_json(data)
        data = store.get_bytes(layout.record(edition, release))
        _require_published(edition, release, data, public.record_sha256)
    return Manifest.model_validate_json(data)


def _require_published(edition: str, release: str, data: bytes, sha256: str | None) -> None:
    if sha256 is not None and sha256_of_bytes(data) != sha256:
        raise IntegrityError(
            f"the manifest of release {release} ({edition}) is not the one that was published",
            left="the pointer was not moved",
            next_step=f"citylake rollback --edition {edition} to a release whose manifest is whole",
        )


def hold(lake: Lake, edition: str) -> Hold | None:
    """The hold of an edition, also one that an earlier version set; None without a hold."""
    for key in dict.fromkeys([layout.hold(edition), layout.earlier_hold(edition)]):
        try:
            return Hold.model_validate_json(lake.store.get_bytes(key))
        except ObjectNotFound:
            continue
    return None


def move(lake: Lake, edition: str, release: str | None, sha256: str | None, moved_at: datetime) -> Pointer:
    """Replace the pointer in one atomic write, under the publisher lock. Raises LockUnavailable where it is lost."""
    moved = Pointer(edition=edition, release=release, manifest_sha256=sha256, moved_at=moved_at)
    data = moved.model_dump_json(indent=1).encode()
    require_publisher(lake)
    lake.store.replace(layout.current(edition), data)
    return moved
