"""What the current release of an edition says of its products, remembered on this host.

A manifest names every delivery behind every table, so reading one takes long after some years; a release never changes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from ingestion.lake import Lake
from ingestion.machine.rights import own_folder
from ingestion.values.document import Document
from warehouse.release import layout, pointer
from warehouse.release.manifest import Manifest, ProductEntry


class ReleasedProduct(Document):
    """One product of a release: the release its tables came from, why not a newer one, and what they are about."""

    release: str
    decision: Literal["passed", "blocked", "held_back"]
    content_as_of: date
    feeds: list[str]


class Released(Document):
    """The current release of an edition. `manifest_sha256` is that of the manifest this was read from."""

    release: str
    manifest_sha256: str | None
    created_at: datetime
    approver: str | None
    synthetic: bool
    products: dict[str, ReleasedProduct] = Field(default={})


def released(lake: Lake, edition: str) -> Released | None:
    """The current release; None when never released or withdrawn. Raises IntegrityError."""
    pointing = pointer.pointer(lake.store, edition)
    if pointing is None or pointing.release is None:
        return None
    path = lake.settings.state_root / f"released-{layout.file_name(edition)}.json"
    known = _remembered(path)
    if known is not None and (known.release, known.manifest_sha256) == (pointing.release, pointing.manifest_sha256):
        return known
    manifest = pointer.load(lake.store, edition, pointing.release, pointing.manifest_sha256)
    found = _of(manifest, pointing.manifest_sha256)
    # A cache: where it cannot be written, the next reader reads the manifest again.
    with suppress(OSError):
        own_folder(path.parent)
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        temporary.write_text(found.model_dump_json(), encoding="utf-8")
        temporary.replace(path)
    return found


def releases_after(names: Iterable[str], release: str, current: str) -> int:
    """How many of these releases came after `release`, up to the current one. Ids sort by time."""
    return sum(release < name <= current for name in names)


def _remembered(path: Path) -> Released | None:
    try:
        return Released.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _of(manifest: Manifest, sha256: str | None) -> Released:
    return Released(
        release=manifest.id,
        manifest_sha256=sha256,
        created_at=manifest.created_at,
        approver=manifest.approver,
        synthetic=manifest.synthetic,
        products={name: _product(manifest, entry) for name, entry in manifest.products.items()},
    )


def _product(manifest: Manifest, entry: ProductEntry) -> ReleasedProduct:
    tables = [manifest.tables[name] for name in entry.tables if name in manifest.tables]
    return ReleasedProduct(
        release=entry.release,
        decision=entry.decision,
        content_as_of=_content_as_of(manifest, entry),
        feeds=sorted({feed for table in tables for feed in table.feeds}),
    )


def _content_as_of(manifest: Manifest, entry: ProductEntry) -> date:
    """The newest day its facts have rows of; without any, or where they plan ahead, the day they were made for."""
    days = [day.day for name in entry.tables if name in manifest.tables for day in manifest.tables[name].by_day()]
    newest = max((day for day in days if day <= entry.as_of.isoformat() and day[:1].isdigit()), default=None)
    return date.fromisoformat(newest) if newest else entry.as_of
