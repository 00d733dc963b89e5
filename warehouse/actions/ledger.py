"""The ledger of actions: what people asked the lake to do, why, and how it ended.

Append-only objects below `actions/`, one for `asked` and one for `done` or `failed`; a process that died in between
leaves `asked` alone. Who may act is decided before (by Airflow's roles, or by the account on the machine). What becomes
of an edition is also in that edition's own ledger (warehouse.release.ledger), a decision about a delivery in
ingestion.delivery.holds.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING

from ingestion import keys
from ingestion.errors import CitylakeError, ConfigurationError
from warehouse.actions.model import Actor, Entry, Verb
from warehouse.incidents.notice import one_line

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from ingestion.store.base import Store

LONGEST_REASON = 500
LONGEST_NAME = 200
_TICK = timedelta(microseconds=1)
_UNSEEN = ("Zl", "Zp")


@dataclass
class Recording:
    """An action while it runs. `message`, one line without row values, goes into its `done` entry."""

    action: str
    message: str | None = None


def append(lake: Lake, entry: Entry) -> str:
    """Store one entry; its object key. Raises StoreError."""
    key = keys.action_entry(entry.at, entry.action, entry.event)
    lake.store.put_bytes(key, entry.model_dump_json(indent=1).encode())
    return key


def recent(lake: Lake, limit: int) -> list[Entry]:
    """The newest entries, newest first; only the days that hold them are listed. Raises StoreError."""
    return list(islice(newest(lake), limit))


def newest(lake: Lake) -> Iterator[Entry]:
    """All entries, newest first, each read when it is asked for. Raises StoreError."""
    keys_of_entries = chain.from_iterable(_keys_of_day(lake.store, day) for day in _days(lake.store))
    return (Entry.model_validate_json(lake.store.get_bytes(key)) for key in keys_of_entries)


def actions(lake: Lake, limit: int) -> list[tuple[Entry, Entry | None]]:
    """The newest actions, newest first: what was asked, and how it ended; None where it is not known to have ended."""
    entries = recent(lake, 2 * limit)
    ended = {entry.action: entry for entry in entries if entry.event != "asked"}
    asked = [entry for entry in entries if entry.event == "asked"]
    return [(entry, ended.get(entry.action)) for entry in asked[:limit]]


@contextmanager
def recorded(
    lake: Lake, actor: Actor, verb: Verb, subject: str, reason: str, details: Mapping[str, str] | None = None
) -> Iterator[Recording]:
    """Record an action around the block that does it: `asked` before, `done` or `failed` after.

    Raises ConfigurationError before anything is done for a reason that cannot be recorded, StoreError where the action
    cannot be recorded; else what the block raises. Of an unexpected error only the type is recorded.
    """
    reason = checked(reason, "reason")
    for name, text in {"account": actor.account, "subject": subject, **(details or {})}.items():
        checked(text, name, longest=LONGEST_NAME)
    recording = Recording(secrets.token_hex(6))
    asked = Entry(
        action=recording.action,
        event="asked",
        at=_next_time(lake),
        actor=actor,
        verb=verb,
        subject=subject,
        reason=reason,
        details=dict(details or {}),
    )
    append(lake, asked)
    lake.on_step("action_asked")
    try:
        yield recording
    except Exception as error:
        said = error.message if isinstance(error, CitylakeError) else f"unexpected {type(error).__name__}"
        with suppress(CitylakeError):  # the error of the action itself is what its caller must see
            append(lake, _ended(lake, asked, "failed", said))
        raise
    append(lake, _ended(lake, asked, "done", recording.message))


def checked(text: str, what: str, *, longest: int = LONGEST_REASON) -> str:
    """The text without blanks around it. Raises ConfigurationError where it is empty, too long, or has characters that
    are not seen: line breaks, control characters, marks that change the direction of writing.
    """
    text = text.strip()
    unseen = next((c for c in text if unicodedata.category(c)[0] == "C" or unicodedata.category(c) in _UNSEEN), None)
    wrong = (
        "is empty"
        if not text
        else f"has {len(text)} characters, and {longest} are allowed"
        if len(text) > longest
        else f"has the character U+{ord(unseen):04X}, which is not seen"
        if unseen
        else None
    )
    if wrong:
        raise ConfigurationError(
            f"the {what} {wrong}", left="nothing was done", next_step=f"give the {what} as one line of plain text"
        )
    return text


def _ended(lake: Lake, asked: Entry, event: str, message: str | None) -> Entry:
    changes = {"event": event, "at": _next_time(lake), "message": one_line(message) if message else None}
    return asked.model_copy(update=changes)


def _next_time(lake: Lake) -> datetime:
    """Now, or a microsecond after the newest entry where the clock was set back."""
    now = lake.clock().astimezone(UTC)
    last = recent(lake, 1)
    return max(now, last[0].at + _TICK) if last else now


def _days(store: Store) -> Iterator[str]:
    yield from sorted(store.list_folders(keys.ACTIONS), reverse=True)


def _keys_of_day(store: Store, day: str) -> list[str]:
    return sorted((info.key for info in store.list(keys.action_folder(day))), reverse=True)
