"""Openings of restricted editions through the lake: who, which release, by what, and what for, before any row is read.

Two entries of the ledger of actions (warehouse.actions.ledger), verb `open`, below a prefix that only the lake's own
account writes and reads. Where the entry cannot be stored nothing is opened. Whoever reads the store's files with keys
of their own passes the lake by: the store's audit log has them (docs/runbooks/restricted.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from ingestion.errors import CitylakeError
from warehouse.actions.ledger import newest, recorded
from warehouse.actions.model import Actor, Entry
from warehouse.release import editions
from warehouse.release.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingestion.lake import Lake


class PurposeNeeded(CitylakeError):
    """A restricted edition was asked for without saying what for."""


@dataclass(frozen=True)
class Opening:
    """Who opens, what for, and by which command; `details` are further facts for the record."""

    actor: Actor
    purpose: str
    command: str
    details: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def opened(lake: Lake, manifest: Manifest, opening: Opening | None) -> Iterator[None]:
    """Record around the block that opens a release of a restricted edition; of any other edition nothing.

    Raises PurposeNeeded without an opening, ConfigurationError for a purpose that cannot be recorded, StoreError where
    the record cannot be stored; nothing is opened then.
    """
    edition = manifest.edition
    if not editions.is_restricted(edition):
        yield
        return
    if opening is None or not opening.purpose.strip():
        raise PurposeNeeded(
            f"edition {edition} has a row for each person or visit, and every opening is recorded: say what for",
            left="nothing was opened",
            next_step=f'repeat with --purpose "…"; rows of groups are in the {editions.INTERNAL} edition',
        )
    facts = {"release": manifest.id, "command": opening.command, **opening.details}
    with recorded(lake, opening.actor, "open", edition, opening.purpose, facts):
        yield


def openings(lake: Lake, limit: int, edition: str | None = None) -> list[tuple[Entry, Entry | None]]:
    """The newest openings, newest first: what was asked, and how it ended; None where it is not known to have ended.

    The ledger is read backwards until there are `limit`, so an edition that is seldom opened costs its whole length.
    """
    ended: dict[str, Entry] = {}

    def asked() -> Iterator[tuple[Entry, Entry | None]]:
        for entry in newest(lake):
            if entry.verb != "open" or edition not in (None, entry.subject):
                continue
            if entry.event == "asked":
                yield entry, ended.get(entry.action)
            else:
                ended[entry.action] = entry

    return list(islice(asked(), limit))
