"""The ledger of an edition: append-only JSON objects, each carrying the sha256 of the one before.

It records what happened to the edition; callers move the pointer first and append the entry after, so `repair` adds
the entry that a crash in between left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from ingestion.errors import IntegrityError
from ingestion.values.document import Document
from ingestion.values.hashes import sha256_of_bytes
from warehouse.release import layout, pointer
from warehouse.release.lock import require_publisher

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from ingestion.store.base import Store

_TICK = timedelta(microseconds=1)
Event = Literal["published", "rollback", "withdrawn", "resumed"]


@dataclass(frozen=True)
class Move:
    """What an event did: the release it is about, its manifest's sha256, why, and who (a role or an account name)."""

    release: str | None
    manifest_sha256: str | None
    reason: str | None
    by: str | None


class Entry(Document):
    """One entry. `previous` is the sha256 of the previous object's bytes; None in the first."""

    sequence: int
    event: Event
    edition: str
    release: str | None
    manifest_sha256: str | None
    at: datetime
    by: str | None
    reason: str | None
    previous: str | None


def entries(store: Store, edition: str) -> list[Entry]:
    """All entries, oldest first, with the chain of hashes checked.

    Raises IntegrityError naming the first bad object.
    """
    read: list[Entry] = []
    previous: str | None = None
    for info in store.list(layout.ledger(edition)):
        data = store.get_bytes(info.key)
        entry = Entry.model_validate_json(data)
        expected = layout.ledger_entry(edition, len(read) + 1, entry.event)
        if info.key != expected or entry.sequence != len(read) + 1:
            raise _broken(edition, info.key, f"expected {expected}: an entry is missing or was added")
        if entry.previous != previous:
            raise _broken(edition, info.key, "the entry before it was changed")
        previous = sha256_of_bytes(data)
        read.append(entry)
    return read


def verify_ledger(lake: Lake, edition: str) -> list[Entry]:
    """All entries. Raises IntegrityError where the chain is broken or the pointer is not at the release they say."""
    lines = entries(lake.store, edition)
    current = pointer.pointer(lake.store, edition)
    expected, pointed = current_release(lines), current.release if current else None
    if pointed != expected:
        raise IntegrityError(
            f"the ledger of {edition} ends with release {expected}, the pointer says {pointed}",
            left="nothing was changed",
            next_step="run `citylake publish`: it writes the line a crash left out",
        )
    return lines


def current_release(lines: Sequence[Entry]) -> str | None:
    """The release that is current after these entries; None where none is.

    A release may be withdrawn after another took its place.
    """
    release: str | None = None
    for line in lines:
        if line.event in ("published", "rollback"):
            release = line.release
        elif line.event == "withdrawn" and line.release == release:
            release = None
    return release


def append(lake: Lake, edition: str, event: Event, move: Move) -> Entry:
    """Add one entry, under the publisher lock. Raises LockUnavailable where it is lost; `repair` adds it later."""
    last, count = _last(lake.store, edition)
    at = lake.clock()
    entry = Entry(
        sequence=count + 1,
        event=event,
        edition=edition,
        release=move.release,
        manifest_sha256=move.manifest_sha256,
        at=at if last is None else max(at, Entry.model_validate_json(last).at + _TICK),
        by=move.by,
        reason=move.reason,
        previous=None if last is None else sha256_of_bytes(last),
    )
    data = entry.model_dump_json(indent=1).encode()
    require_publisher(lake)
    lake.store.put_bytes(layout.ledger_entry(edition, count + 1, event), data)
    return entry


def next_time(lake: Lake, editions: Sequence[str]) -> datetime:
    """Now, or a microsecond after the newest entry of these editions where the clock was set back."""
    lines = [last for edition in editions if (last := _last(lake.store, edition)[0]) is not None]
    return max([lake.clock(), *(Entry.model_validate_json(line).at + _TICK for line in lines)])


def _last(store: Store, edition: str) -> tuple[bytes | None, int]:
    """The last entry's bytes (None without entries), and how many entries there are."""
    last, count = None, 0
    for info in store.list(layout.ledger(edition)):
        last, count = info.key, count + 1
    return (store.get_bytes(last) if last else None), count


def repair(lake: Lake, edition: str) -> list[Entry]:
    """All entries, after adding the one that a crash between moving the pointer and appending left out."""
    lines = entries(lake.store, edition)
    current = pointer.pointer(lake.store, edition)
    if current is None:
        return lines
    expected = current_release(lines)
    if current.release == expected:
        return lines
    event: Event = "withdrawn" if current.release is None else "published"
    if current.release is not None and any(
        line.release == current.release for line in lines if line.event != "resumed"
    ):
        event = "rollback"
    held = pointer.hold(lake, edition) if event != "published" else None
    reason = held.reason if held else "line added after an interrupted command"
    move = Move(current.release or expected, current.manifest_sha256, reason, held.by if held else None)
    return [*lines, append(lake, edition, event, move)]


def _broken(edition: str, key: str, detail: str) -> IntegrityError:
    return IntegrityError(
        f"the ledger of edition {edition} is broken at {key}: {detail}",
        left="nothing was changed; the current release is still served",
        next_step="restore the ledger folder from backup; do not publish until it verifies",
    )
