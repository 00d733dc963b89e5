"""Maintenance of the whole lake, one function for each task: retention, orphans, compaction, the receipt log, and
records that leave the open edition (`unpublish`, of warehouse.publish.leave).

Owns the loop over feeds and the locks; the functions it calls decide what is deleted. Each may run at any time, and
again after a crash. `dry_run` changes nothing and returns what would be done.
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
from warehouse.build.lock import building
from warehouse.publish.leave import Left
from warehouse.publish.leave import unpublish as leave
from warehouse.release import collect as releases
from warehouse.release.editions import of_lake
from warehouse.status.refresh import rewrite

if TYPE_CHECKING:
    from ingestion.contract.model import Contract
    from ingestion.lake import Lake

_T = TypeVar("_T")


@dataclass
class Removed:
    """What was deleted, or would be. `keys` are object keys by feed, by edition or under `lake`.

    `residue` counts leftovers of processes that ended (temporary files); `unfinished` are manifests without a receipt.
    """

    keys: dict[str, list[str]] = field(default_factory=dict)
    residue: int = 0
    unfinished: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of keys."""
        return sum(map(len, self.keys.values()))


def collect(lake: Lake, *, grace: timedelta = raw_side.GRACE, dry_run: bool = False) -> Removed:
    """Delete objects that nothing names, merged copies that nothing reads, and residue of processes that ended.

    Waits as long as the settings say for the build lock, since a build may be reading a merged copy. Raises LakeBusy.
    """
    with building(lake):
        collected = raw_side.collect(lake, grace=grace, dry_run=dry_run)
    removed = Removed({"lake": collected.orphans}, collected.residue, collected.unfinished)
    for edition in of_lake(lake.store):
        removed.keys[edition] = releases.orphans(lake, edition) if dry_run else releases.collect(lake, edition)
    return removed


def expire(lake: Lake, *, dry_run: bool = False) -> Removed:
    """Delete raw bytes and quarantine past the retention of their contract, of every feed; a tombstone stays."""
    return Removed(_for_every_feed(lake, "expire", lambda contract: raw_side.expire(lake, contract, dry_run=dry_run)))


def compact(lake: Lake, *, dry_run: bool = False) -> dict[str, Compacted]:
    """Merge small bronze files of every feed; the result by feed, for feeds with any."""
    compacted = _for_every_feed(lake, "compact", lambda contract: compact_feed(lake, contract, dry_run=dry_run))
    return {name: done for name, done in compacted.items() if done.merged or done.left}


def rebuild_log(lake: Lake) -> int:
    """Build the receipt log again from the store; the number of objects read. Raises LakeBusy, IntegrityError."""
    return lake.log.rebuild()


def unpublish(lake: Lake, *, dry_run: bool = False) -> list[Left]:
    """Take records whose last day is over out of the public editions (warehouse.publish.leave)."""
    left = leave(lake, dry_run=dry_run)
    if left and not dry_run:
        rewrite(lake)
    return left


def _for_every_feed(lake: Lake, what: str, work: Callable[[Contract], _T]) -> dict[str, _T]:
    """The result of `work` for each contract, by feed.

    If it fails for some, one error names them after all were tried.
    """
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
