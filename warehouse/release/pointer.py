"""The pointer of an edition and the named hold: which release is current, and may a new one be published?

Reading needs no lock. Whoever moves the pointer holds the publisher lock (warehouse.release.lock) and writes the
ledger: publication (warehouse.publish) and people (warehouse.release.moves).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ingestion.errors import IntegrityError, ObjectNotFound
from ingestion.values.document import Document
from ingestion.values.hashes import sha256_of_bytes
from warehouse.release import layout
from warehouse.release.manifest import Manifest, PublicManifest, is_whole

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
    """`hold.json`: nobody publishes this edition until `resume`. `by` is a role or an account name."""

    edition: str
    reason: str
    by: str
    since: datetime


def pointer(store: Store, edition: str) -> Pointer | None:
    """The pointer as it stands; None before the first release."""
    try:
        return Pointer.model_validate_json(store.get_bytes(layout.current(edition)))
    except ObjectNotFound:
        return None


def current(lake: Lake, edition: str = "internal") -> Manifest | None:
    """The manifest of the current release; None when never released or withdrawn. Raises IntegrityError."""
    at = pointer(lake.store, edition)
    if at is None or at.release is None:
        return None
    return load(lake.store, edition, at.release, at.manifest_sha256)


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
    """One release's whole manifest, checked against the published one's `sha256` where given.

    Of a public edition the published manifest leads to the private one. Raises ObjectNotFound, IntegrityError.
    """
    data = store.get_bytes(layout.manifest(edition, release))
    _require_published(edition, release, data, sha256)
    if layout.is_public(edition) and not is_whole(data):
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
    """The named hold, if one is set; one that an earlier version set counts too."""
    for key in dict.fromkeys([layout.hold(edition), layout.earlier_hold(edition)]):
        try:
            return Hold.model_validate_json(lake.store.get_bytes(key))
        except ObjectNotFound:
            continue
    return None


def move(store: Store, edition: str, release: str | None, sha256: str | None, moved_at: datetime) -> Pointer:
    """The one atomic step. The caller holds the publisher lock."""
    at = Pointer(edition=edition, release=release, manifest_sha256=sha256, moved_at=moved_at)
    store.replace(layout.current(edition), at.model_dump_json(indent=1).encode())
    return at
