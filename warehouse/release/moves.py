"""What a person may do to an edition: roll back to an earlier release, withdraw it, lift its hold.

Each takes the publisher lock, moves the pointer and then appends to the ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.errors import ConfigurationError, ObjectNotFound
from warehouse.release import layout, ledger, pointer
from warehouse.release.lock import publisher, require_publisher
from warehouse.release.manifest import Manifest
from warehouse.release.retained import require_data

if TYPE_CHECKING:
    from ingestion.lake import Lake


def rollback(lake: Lake, edition: str, to: str, *, reason: str, by: str) -> Manifest:
    """Make release `to` current again and hold the edition. Raises ConfigurationError for a release that is unknown,
    was withdrawn, or holds records whose last day is over.
    """
    with publisher(lake):
        entries = ledger.repair(lake, edition)
        published = {e.release: e.manifest_sha256 for e in entries if e.event == "published"}
        if to not in published:
            known = ", ".join(release for release in published if release) or "none"
            raise ConfigurationError(
                f"edition {edition} never published release {to!r}; published: {known}",
                left="the current release is unchanged, no hold was set",
                next_step=f"citylake releases --edition {edition}",
            )
        manifest = _load_published(lake, edition, to, published[to], entries)
        _require_showable(lake, manifest)
        _set_hold(lake, edition, reason, by)
        pointer.move(lake, edition, to, published[to], lake.clock())
        ledger.append(lake, edition, "rollback", ledger.Move(to, published[to], reason, by))
        return manifest


def withdraw(lake: Lake, edition: str, *, reason: str, by: str) -> None:
    """Take the edition out of service and hold it. Raises ConfigurationError where nothing is current."""
    with publisher(lake):
        ledger.repair(lake, edition)
        current = pointer.pointer(lake.store, edition)
        if current is None or current.release is None:
            raise ConfigurationError(f"edition {edition} has no current release to withdraw", left="nothing changed")
        _set_hold(lake, edition, reason, by)
        pointer.move(lake, edition, None, None, lake.clock())
        ledger.append(lake, edition, "withdrawn", ledger.Move(current.release, current.manifest_sha256, reason, by))


def resume(lake: Lake, edition: str, *, reason: str, by: str) -> None:
    """Lift the hold; the next publish composes on the current release. Raises ConfigurationError without a hold."""
    with publisher(lake):
        ledger.repair(lake, edition)
        if pointer.hold(lake, edition) is None:
            raise ConfigurationError(f"edition {edition} is not on hold", left="nothing changed")
        current = pointer.pointer(lake.store, edition)
        # The ledger first: a crash in between leaves the hold, and resuming again only repeats the entry.
        release, sha256 = (current.release, current.manifest_sha256) if current else (None, None)
        ledger.append(lake, edition, "resumed", ledger.Move(release, sha256, reason, by))
        for key in {layout.hold(edition), layout.earlier_hold(edition)}:
            lake.store.delete(key)


def _require_showable(lake: Lake, manifest: Manifest) -> None:
    due = manifest.due(lake.city_time().date())
    if due:
        raise ConfigurationError(
            f"release {manifest.id} of edition {manifest.edition} holds records of {', '.join(due)} whose last day is "
            "over; they may not be shown again",
            left="the current release is unchanged, no hold was set",
            next_step=f"citylake releases --edition {manifest.edition}, and choose a later one; or citylake withdraw",
        )
    require_data(lake, manifest)


def _load_published(lake: Lake, edition: str, to: str, sha256: str | None, entries: list[ledger.Entry]) -> Manifest:
    """The manifest of an earlier release. Raises ConfigurationError where it was withdrawn and removed."""
    try:
        return pointer.load(lake.store, edition, to, sha256)
    except ObjectNotFound:
        last = [entry for entry in entries if entry.release == to][-1]
        if last.event != "withdrawn":
            raise
        raise ConfigurationError(
            f"release {to} of edition {edition} was withdrawn: {last.reason}",
            left="the current release is unchanged, no hold was set",
            next_step=f"citylake releases --edition {edition}",
        ) from None


def _set_hold(lake: Lake, edition: str, reason: str, by: str) -> None:
    """Set the hold. Called before the pointer moves, so that a crash in between leaves the old release, on hold."""
    held = pointer.Hold(edition=edition, reason=reason, by=by, since=lake.clock())
    require_publisher(lake)
    lake.store.replace(layout.hold(edition), held.model_dump_json(indent=1).encode())
