"""Releases of a public edition that earlier versions made: their files hold facts of the lake (ADR 0022).

Owns finding them, their line in the ledger and their removal. The next publication puts a clean release in the
current one's place (warehouse.publish.run), also where nothing new arrived; in a held edition nothing takes it.
Order: the pointer leaves the release, then the ledger says so, then its objects go: a crash in between is finished
by the next publication.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.errors import ObjectNotFound
from warehouse.release import layout, ledger, pointer
from warehouse.release.manifest import Manifest

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from ingestion.store.base import Store

REASON = "its files held facts of the lake (approver, run, raw keys, store path); removed from the open edition"
BY = "citylake"


def leaky(store: Store, edition: str) -> list[str]:
    """Ids of releases without a private record, oldest first: an earlier version's, or what a crash left half-made.

    Ask before a release is written, under the publisher lock.
    """
    records = layout.records(edition)
    if records is None:
        return []
    clean = {info.key.rsplit("/", 1)[-1].removesuffix(".json") for info in store.list(records)}
    return [name for name in store.list_folders(f"{layout.releases(edition)}/") if name not in clean]


def is_whole(store: Store, manifest: Manifest) -> bool:
    """Are all its objects there? What is left of a damaged release cannot be taken over."""
    keys = [manifest.warehouse.key, *(file.key for table in manifest.tables.values() for file in table.files)]
    return all(store.head(key) is not None for key in keys)


def remove(lake: Lake, edition: str, releases: list[str]) -> list[str]:
    """Withdraw these releases, say so in the ledger, delete their objects; the deleted keys.

    The caller holds the publisher lock. The pointer moves only where one of them is current.
    """
    _move_hold(lake.store, edition)
    if not releases:
        return []
    at = pointer.pointer(lake.store, edition)
    if at is not None and at.release in releases:
        pointer.move(lake.store, edition, None, None, lake.clock())
    lines = ledger.entries(lake.store, edition)
    for release in releases:
        about = [line for line in lines if line.release == release and line.event != "resumed"]
        if about and about[-1].event != "withdrawn":
            move = ledger.Move(release, about[-1].manifest_sha256, REASON, BY)
            ledger.append(lake, edition, "withdrawn", move)
    # Releases of this version keep no facts in files of their own: all that lie there are of the removed ones. They
    # go first, since the folder of a release is what tells that there is something left to remove.
    zones = [layout.facts(edition), *(layout.release(edition, release) for release in releases)]
    gone = [info.key for zone in zones for info in list(lake.store.list(zone))]
    for key in gone:
        lake.store.delete(key)
    return gone


def _move_hold(store: Store, edition: str) -> None:
    """A hold names who set it and why: of a public edition it lies where its readers do not reach."""
    earlier = layout.earlier_hold(edition)
    if earlier == layout.hold(edition):
        return
    try:
        data = store.get_bytes(earlier)
    except ObjectNotFound:
        return
    if store.head(layout.hold(edition)) is None:
        store.replace(layout.hold(edition), data)
    store.delete(earlier)
