"""What people do to the lake from a page or the command line, each recorded in the ledger of actions.

Owns the recording, and that the status of the editions is written afterwards: what an action does and refuses is
`ingestion.delivery.holds`', `warehouse.release.moves`' and `warehouse.incidents.report`'s. Each function raises the
CitylakeError of what it calls, after the failure is recorded, and ConfigurationError for a reason that cannot be
recorded. Releases, decisions and incidents name the actor's signature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.delivery import holds
from warehouse.actions.ledger import recorded
from warehouse.incidents import report
from warehouse.release import editions, moves
from warehouse.status.refresh import rewrite

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from warehouse.actions.model import Actor
    from warehouse.incidents.report import IncidentChange
    from warehouse.release.manifest import Manifest


def decide_held(lake: Lake, actor: Actor, feed: str | None, batch: str, accept: bool, reason: str) -> str:
    """Accept or reject a held delivery; its feed. `feed` None: the one that has this batch. Raises NothingToDecide."""
    feed = feed or holds.find(lake, batch).feed
    verb: holds.Verb = "accept" if accept else "reject"
    with recorded(lake, actor, verb, feed, reason, {"batch": batch}):
        holds.decide(lake, batch, verb, reason.strip(), actor.signature, feed=feed)
    rewrite(lake)
    return feed


def roll_back(lake: Lake, actor: Actor, edition: str, release: str, reason: str) -> Manifest:
    """Make an older release of an edition current again and hold the edition; that release's manifest."""
    editions.require(lake.store, edition)
    with recorded(lake, actor, "rollback", edition, reason, {"release": release}):
        manifest = moves.rollback(lake, edition, release, reason=reason.strip(), by=actor.signature)
    rewrite(lake)
    return manifest


def withdraw(lake: Lake, actor: Actor, edition: str, reason: str) -> None:
    """Take an edition out of service and hold it."""
    editions.require(lake.store, edition)
    with recorded(lake, actor, "withdraw", edition, reason):
        moves.withdraw(lake, edition, reason=reason.strip(), by=actor.signature)
    rewrite(lake)


def resume(lake: Lake, actor: Actor, edition: str, reason: str) -> None:
    """Lift the hold of an edition."""
    editions.require(lake.store, edition)
    with recorded(lake, actor, "resume", edition, reason):
        moves.resume(lake, edition, reason=reason.strip(), by=actor.signature)
    rewrite(lake)


def close_incident(lake: Lake, actor: Actor, incident: str, reason: str) -> IncidentChange:
    """End an incident by hand."""
    with recorded(lake, actor, "close", incident, reason):
        change = report.close(lake, incident, reason=reason.strip(), by=actor.signature)
    rewrite(lake)
    return change
