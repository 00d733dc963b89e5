"""The ledger of an edition: append-only objects, each carrying the sha256 of the one before.

It owns order and chain. What an event does to the edition is its caller's business; the
pointer moves first and the line follows, so `repair` writes the line a crash left out.
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
    """One line. `previous` is the sha256 of the previous object's bytes; None in the first."""

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
    """All lines, oldest first, with the chain checked. Raises IntegrityError naming the first bad object."""
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
    """Check chain and that the newest pointer-moving line agrees with the pointer; the lines. Raises IntegrityError."""
    lines = entries(lake.store, edition)
    at = pointer.pointer(lake.store, edition)
    expected = standing(lines)
    if (at.release if at else None) != expected:
        raise IntegrityError(
            f"the ledger of {edition} ends with release {expected}, the pointer says {at.release if at else None}",
            left="nothing was changed",
            next_step="run `citylake publish`: it writes the line a crash left out",
        )
    return lines


def standing(lines: Sequence[Entry]) -> str | None:
    """The release that is current after these lines. A release may be withdrawn after another took its place."""
    release: str | None = None
    for line in lines:
        if line.event in ("published", "rollback"):
            release = line.release
        elif line.event == "withdrawn" and line.release == release:
            release = None
    return release


def append(lake: Lake, edition: str, event: Event, move: Move) -> Entry:
    """Add one line. The caller holds the publisher lock."""
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
    lake.store.put_bytes(layout.ledger_entry(edition, count + 1, event), entry.model_dump_json(indent=1).encode())
    return entry


def next_time(lake: Lake, editions: Sequence[str]) -> datetime:
    """The clock, or a microsecond after the newest line of these editions: a clock set back reorders no release."""
    lines = [last for edition in editions if (last := _last(lake.store, edition)[0]) is not None]
    return max([lake.clock(), *(Entry.model_validate_json(line).at + _TICK for line in lines)])


def _last(store: Store, edition: str) -> tuple[bytes | None, int]:
    """The last line's bytes, and how many lines there are."""
    last, count = None, 0
    for info in store.list(layout.ledger(edition)):
        last, count = info.key, count + 1
    return (store.get_bytes(last) if last else None), count


def repair(lake: Lake, edition: str) -> list[Entry]:
    """The lines, after adding the one that a crash between pointer and ledger left out."""
    lines = entries(lake.store, edition)
    at = pointer.pointer(lake.store, edition)
    if at is None:
        return lines
    expected = standing(lines)
    if at.release == expected:
        return lines
    event: Event = "withdrawn" if at.release is None else "published"
    if at.release is not None and any(line.release == at.release for line in lines if line.event != "resumed"):
        event = "rollback"
    held = pointer.hold(lake, edition) if event != "published" else None
    reason = held.reason if held else "line added after an interrupted command"
    move = Move(at.release or expected, at.manifest_sha256, reason, held.by if held else None)
    return [*lines, append(lake, edition, event, move)]


def _broken(edition: str, key: str, detail: str) -> IntegrityError:
    return IntegrityError(
        f"the ledger of edition {edition} is broken at {key}: {detail}",
        left="nothing was changed; the current release is still served",
        next_step="restore the ledger folder from backup; do not publish until it verifies",
    )
