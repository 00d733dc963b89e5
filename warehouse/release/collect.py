"""Objects of publications that never became current: left by a crash, invisible to readers, collectable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse.release import layout, ledger, pointer
from warehouse.release.lock import publisher

if TYPE_CHECKING:
    from ingestion.lake import Lake


def orphans(lake: Lake, edition: str) -> list[str]:
    """Keys no published release names, in key order. Run under the publisher lock, or between publications."""
    published = {e.release for e in ledger.entries(lake.store, edition) if e.release}
    at = pointer.pointer(lake.store, edition)
    if at is not None and at.release is not None:
        published.add(at.release)
    named: set[str] = set()
    for release in published:
        manifest = pointer.load(lake.store, edition, release)
        named |= {layout.manifest(edition, release), layout.open_sql(edition, release), manifest.warehouse.key}
        named |= {file.key for table in manifest.tables.values() for file in table.files}
    zones = (layout.releases(edition), layout.facts(edition))
    return sorted(info.key for zone in zones for info in lake.store.list(zone) if info.key not in named)


def collect(lake: Lake, edition: str) -> list[str]:
    """Delete the orphans; the keys that were deleted. Raises LakeBusy while a publication runs."""
    with publisher(lake):
        ledger.repair(lake, edition)
        found = orphans(lake, edition)
        for key in found:
            lake.store.delete(key)
    return found
