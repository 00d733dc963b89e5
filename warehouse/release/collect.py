"""Find and delete objects of publications that a crash ended before their release became current."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.errors import ObjectNotFound
from warehouse.release import layout, ledger, pointer
from warehouse.release.lock import publisher, require_publisher

if TYPE_CHECKING:
    from ingestion.lake import Lake


def orphans(lake: Lake, edition: str) -> list[str]:
    """Keys of objects that no published release names, sorted. Call it under the publisher lock."""
    lines = ledger.entries(lake.store, edition)
    published = {e.release for e in lines if e.release}
    withdrawn = {e.release for e in lines if e.event == "withdrawn"}
    current = pointer.pointer(lake.store, edition)
    if current is not None and current.release is not None:
        published.add(current.release)
    named: set[str] = set()
    for release in published:
        try:
            manifest = pointer.load(lake.store, edition, release)
        except ObjectNotFound:
            if release not in withdrawn:
                raise
            continue  # Withdrawn and removed (warehouse.publish.legacy).
        named |= {layout.manifest(edition, release), layout.open_sql(edition, release), manifest.warehouse.key}
        named.add(layout.record(edition, release))
        named |= {file.key for table in manifest.tables.values() for file in table.files}
    records = layout.records(edition)
    zones = (layout.releases(edition), layout.facts(edition), *([records] if records else []))
    return sorted(info.key for zone in zones for info in lake.store.list(zone) if info.key not in named)


def collect(lake: Lake, edition: str) -> list[str]:
    """Delete the orphans; the keys that were deleted. Raises LakeBusy while a publication runs."""
    with publisher(lake):
        ledger.repair(lake, edition)
        deleted = orphans(lake, edition)
        require_publisher(lake)
        for key in deleted:
            lake.store.delete(key)
    return deleted
