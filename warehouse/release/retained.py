"""Releases of an edition that still have their data in the store, beside the current one; readers can open them all.

Includes what a publication that ended early left of a release that was never current. Owns what is remembered of their
manifests in the state folder: a release never changes, and there may be hundreds.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from pydantic import Field

from ingestion.errors import CitylakeError, ConfigurationError, ObjectNotFound
from ingestion.machine.rights import own_folder
from ingestion.values.document import Document
from warehouse.release import layout, ledger, pointer
from warehouse.release.manifest import Manifest

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from ingestion.store.base import Store

OVERDUE = "holds records whose last day is over"


class Ends(Document):
    """What a manifest says of the last days of its records: the earliest of all tables, the tables, and whether an
    internal model may end any of them earlier."""

    next_end: date | None
    tables: list[str]
    is_ended_by: bool

    @classmethod
    def of(cls, manifest: Manifest) -> Ends:
        """Those of one release."""
        expiries = [entry.expiry for entry in manifest.tables.values() if entry.expiry]
        return cls(
            next_end=min((expiry.next_end for expiry in expiries if expiry.next_end), default=None),
            tables=sorted(manifest.tables),
            is_ended_by=any(expiry.rule.ended_by for expiry in expiries),
        )

    def is_due(self, today: date) -> bool:
        """Does the release hold a row whose last day is over, by its own date?"""
        return self.next_end is not None and self.next_end <= today


class _Remembered(Document):
    releases: dict[str, Ends] = Field(default={})


def ends_of(lake: Lake, edition: str, releases: list[str]) -> Iterator[tuple[str, Ends | CitylakeError]]:
    """(release, its ends or why they cannot be read); manifests are read that were not read before on this host."""
    path = lake.settings.state_root / f"ends-{layout.file_name(edition)}.json"
    try:
        known = _Remembered.model_validate_json(path.read_text(encoding="utf-8")).releases
    except (OSError, ValueError):
        known = {}
    kept: dict[str, Ends] = {}
    for release in releases:
        try:
            kept[release] = known.get(release) or Ends.of(pointer.load(lake.store, edition, release))
        except (CitylakeError, ValueError) as error:
            problem = f"the manifest of release {release} ({edition}) cannot be read"
            yield release, error if isinstance(error, CitylakeError) else ConfigurationError(problem)
        else:
            yield release, kept[release]
    if kept != known:
        own_folder(path.parent)
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        temporary.write_text(_Remembered(releases=kept).model_dump_json(), encoding="utf-8")
        temporary.replace(path)


def overdue(lake: Lake, edition: str, today: date) -> list[tuple[str, str]]:
    """(release, what is wrong) of every release of a public edition that readers can open and that holds a record
    whose last day is over by its own date, or of which that cannot be told. The current one comes first."""
    if not layout.is_public(edition):
        return []
    current = pointer.pointer(lake.store, edition)
    names = [current.release] if current is not None and current.release is not None else []
    names += retained(lake.store, edition)
    found = [
        (name, ends.message if isinstance(ends, CitylakeError) else OVERDUE if ends.is_due(today) else "")
        for name, ends in ends_of(lake, edition, names)
    ]
    return [(name, problem) for name, problem in found if problem]


def retained(store: Store, edition: str) -> dict[str, list[str]]:
    """Release id to the keys of its objects below the edition, for releases whose file is there; oldest first."""
    current = pointer.pointer(store, edition)
    found: dict[str, list[str]] = defaultdict(list)
    folder = f"{layout.releases(edition)}/"
    for info in store.list(layout.releases(edition)):
        found[info.key.removeprefix(folder).split("/", 1)[0]].append(info.key)
    return {
        release: keys
        for release, keys in sorted(found.items())
        if layout.warehouse(edition, release) in keys and (current is None or release != current.release)
    }


def require_data(lake: Lake, manifest: Manifest) -> None:
    """Raise where the release's file is not in the store: ConfigurationError that says why it was withdrawn, else
    ObjectNotFound.
    """
    edition, release = manifest.edition, manifest.id
    if lake.store.head(manifest.warehouse.key) is not None:
        return
    reason = withdrawal(ledger.entries(lake.store, edition), release)
    if reason is not None:
        raise ConfigurationError(
            f"release {release} of edition {edition} was withdrawn: {reason}",
            left="its manifest stays in the store; its rows were deleted",
            next_step=f"citylake releases --edition {edition} says what is current",
        )
    raise ObjectNotFound(
        f"{manifest.warehouse.key} of release {release} is not in the store",
        left="the pointer still names that release",
        next_step=f"restore it from backup, or: citylake rollback --edition {edition}",
    )


def withdrawal(lines: list[ledger.Entry], release: str) -> str | None:
    """Why the release was withdrawn; None where the last that happened to it is something else."""
    moves = [line for line in lines if line.release == release and line.event != "resumed"]
    return moves[-1].reason or "no reason was given" if moves and moves[-1].event == "withdrawn" else None
