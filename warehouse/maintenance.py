"""Maintenance of the whole lake, one function a task: retention, orphans, compaction, the receipt log.

Owns the loop over feeds and the locks; what goes and what stays is said by the functions it calls. Each may
run at any time and again after a crash. `dry_run` changes nothing and tells what would be done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from ingestion.errors import CitylakeError, LakeBusy
from ingestion.isolation import as_known_error, combined
from ingestion.upkeep import collect as raw_side
from ingestion.upkeep.compaction.compact import Compacted
from ingestion.upkeep.compaction.compact import compact as compact_feed
from warehouse.build.lock import build_lock
from warehouse.release import collect as releases
from warehouse.release.layout import EDITIONS

if TYPE_CHECKING:
    from ingestion.contract.model import Contract
    from ingestion.lake import Lake

_T = TypeVar("_T")


@dataclass
class Removed:
    """Keys deleted (or that would be), by feed or edition; pieces of residue; manifests that wait for a receipt."""

    keys: dict[str, list[str]] = field(default_factory=dict)
    residue: int = 0
    unfinished: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """All keys."""
        return sum(map(len, self.keys.values()))


def collect(lake: Lake, *, grace: timedelta = raw_side.GRACE, dry_run: bool = False) -> Removed:
    """Objects nothing names, merged copies nobody reads, residue of dead processes; of the lake and every edition.

    Waits as long as the settings say for the build lock, since a build may be reading a merged copy. Raises LakeBusy.
    """
    with build_lock(lake.settings.state_root, timeout=lake.settings.lock_timeout_seconds):
        found = raw_side.collect(lake, grace=grace, dry_run=dry_run)
    removed = Removed({"lake": found.orphans}, found.residue, found.unfinished)
    for edition in EDITIONS:
        removed.keys[edition] = releases.orphans(lake, edition) if dry_run else releases.collect(lake, edition)
    return removed


def expire(lake: Lake, *, dry_run: bool = False) -> Removed:
    """Raw bytes and quarantine past the retention of their contract, of every feed; a tombstone stays."""
    return Removed(_of_every_feed(lake, "expire", lambda contract: raw_side.expire(lake, contract, dry_run=dry_run)))


def compact(lake: Lake, *, dry_run: bool = False) -> dict[str, Compacted]:
    """Small settled bronze files merged, of every feed that has any."""
    found = _of_every_feed(lake, "compact", lambda contract: compact_feed(lake, contract, dry_run=dry_run))
    return {name: done for name, done in found.items() if done.merged or done.left}


def rebuild_log(lake: Lake) -> int:
    """The receipt log made anew from the store; the number of objects folded. Raises LakeBusy, IntegrityError."""
    return lake.log.rebuild()


def _of_every_feed(lake: Lake, what: str, work: Callable[[Contract], _T]) -> dict[str, _T]:
    """What `work` gives for each contract, by feed. One it fails on stops no other; at the end one error says which."""
    done: dict[str, _T] = {}
    errors: list[CitylakeError] = []
    for name, contract in sorted(lake.contracts.items()):
        try:
            done[name] = work(contract)
        except LakeBusy:
            raise
        except Exception as error:
            errors.append(as_known_error(error, lake.settings, what, feed=name))
    if errors:
        raise combined(errors)
    return done
