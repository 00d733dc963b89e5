"""Find and remove legacy releases of a public edition: made by versions before ADR 0022, they hold internal facts.

The next publication replaces a current one by a release without such facts (warehouse.publish.run), even where nothing
new arrived; an edition on hold gets no replacement. The pointer moves first, then the ledger gets its entry, then the
objects are deleted, so that the next publication completes what a crash left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.errors import ObjectNotFound
from warehouse.release import layout, ledger, pointer
from warehouse.release.lock import require_publisher
from warehouse.release.manifest import Manifest

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from ingestion.store.base import Store

REASON = "its files held facts of the lake (approver, run, raw keys, store path); removed from the open edition"
BY = "citylake"


def find_legacy(store: Store, edition: str) -> list[str]:
    """Ids of releases without a private whole manifest, oldest first; empty for an edition that is not public.

    A release that a crash left incomplete is among them. Call it under the publisher lock, before a release is written.
    """
    records = layout.records(edition)
    if records is None:
        return []
    recorded = {info.key.rsplit("/", 1)[-1].removesuffix(".json") for info in store.list(records)}
    return [name for name in store.list_folders(f"{layout.releases(edition)}/") if name not in recorded]


def has_all_objects(store: Store, manifest: Manifest) -> bool:
    """Are all objects of the release in the store? Only then can tables be taken from it."""
    keys = [manifest.warehouse.key, *(file.key for table in manifest.tables.values() for file in table.files)]
    return all(store.head(key) is not None for key in keys)


def remove(lake: Lake, edition: str, releases: list[str]) -> list[str]:
    """Withdraw these releases, record that in the ledger and delete their objects; the deleted keys.

    The caller holds the publisher lock. The pointer moves only where one of them is current.
    """
    _move_hold(lake.store, edition)
    if not releases:
        return []
    current = pointer.pointer(lake.store, edition)
    if current is not None and current.release in releases:
        pointer.move(lake, edition, None, None, lake.clock())
    lines = ledger.entries(lake.store, edition)
    for release in releases:
        moves = [line for line in lines if line.release == release and line.event != "resumed"]
        if moves and moves[-1].event != "withdrawn":
            move = ledger.Move(release, moves[-1].manifest_sha256, REASON, BY)
            ledger.append(lake, edition, "withdrawn", move)
    # Public releases of today have no fact files, so all of the edition's fact files belong to legacy releases. They
    # are deleted first, since find_legacy looks for the folders of releases.
    zones = [layout.facts(edition), *(layout.release(edition, release) for release in releases)]
    deleted = [info.key for zone in zones for info in list(lake.store.list(zone))]
    require_publisher(lake)
    for key in deleted:
        lake.store.delete(key)
    return deleted


def _move_hold(store: Store, edition: str) -> None:
    """Move a hold that an earlier version left among the public objects, since it names who set it and why."""
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
