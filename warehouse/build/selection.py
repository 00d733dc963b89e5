"""Which models a build makes again, which checks it runs, and which of both over every day.

A model whose identity is not that of its table is made from everything, and so is what reads it. A model that reads a
feed with new, corrected or withdrawn files is made again for the affected days. A check runs where something it reads
was made again, where its own code changed, where its last result is not good, and whenever it asks for the city's date.
The results of all others are carried: nothing they read has changed.

Nothing is read or written here; identities come from warehouse.build.identity, what stands from warehouse.build.kept.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from warehouse.build.identity import Identities
from warehouse.build.kept import Kept
from warehouse.build.lineage import Lineage, is_relationship

GOOD = ("passed", "warned")
_READ_THROUGH = ("view", "ephemeral")
_LAKE_TABLES = "_citylake."
_REPEATS = "_citylake.repeat_day"


@dataclass(frozen=True)
class Selection:
    """Node ids: `whole` models and seeds are made from everything, `updated` models for the affected days; `checks`
    run, and of them `whole_checks` over every day. `whole_feeds` are the feeds of which every file must be listed."""

    whole: frozenset[str]
    updated: frozenset[str]
    checks: frozenset[str]
    whole_checks: frozenset[str]
    whole_feeds: frozenset[str]

    @property
    def made(self) -> frozenset[str]:
        """Every model and seed that is made again."""
        return self.whole | self.updated


def select(lineage: Lineage, identities: Identities, kept: Kept, affected_feeds: Collection[str]) -> Selection:
    """What a build must do. `affected_feeds` are the feeds whose files changed, or whose last build is not good."""
    changed = {name for name, identity in identities.nodes.items() if _differs(identity, kept.nodes.get(name))}
    whole = changed | {name for name in lineage.models() if not lineage.ancestors(name).isdisjoint(changed)}
    affected = set(affected_feeds)
    updated = {name for name in lineage.models() if name not in whole and affected.intersection(lineage.feeds(name))}
    chooser = _Checks(lineage, identities, kept, affected, frozenset(whole), frozenset(updated))
    checks = frozenset(name for name in lineage.tests() if chooser.must_run(name))
    whole_checks = frozenset(name for name in checks if chooser.is_whole(name))
    feeds = {feed for name in whole for feed in _feeds_read_through(lineage, name)}
    feeds |= {feed for name in whole_checks - identities.dated for feed in _feeds_of_check(lineage, name)}
    return Selection(frozenset(whole), frozenset(updated), checks, whole_checks, frozenset(feeds))


def _differs(identity: str, kept: object) -> bool:
    return getattr(kept, "identity", None) != identity


@dataclass(frozen=True)
class _Checks:
    """Decides about single checks."""

    lineage: Lineage
    identities: Identities
    kept: Kept
    affected: Collection[str]
    whole: frozenset[str]
    updated: frozenset[str]

    def must_run(self, check: str) -> bool:
        """Could its result be another than the one that is kept?"""
        read = set(self.lineage.upstream(check))
        kept = self.kept.checks.get(check)
        return (
            self._is_new(check)
            or check in self.identities.dated
            or (kept is not None and kept.result.status not in GOOD)
            or not read.isdisjoint(self.whole | self.updated)
            or self._reads_affected_files(check, read)
        )

    def is_whole(self, check: str) -> bool:
        """Must it look at every day? A check that failed over every day does so until it passes."""
        kept = self.kept.checks.get(check)
        read = set(self.lineage.upstream(check))
        attached = self.lineage.node(check).get("attached_node")
        others = read - {attached}
        return (
            self._is_new(check)
            or check in self.identities.dated
            or (kept is not None and kept.is_whole and kept.result.status not in GOOD)
            or not read.isdisjoint(self.whole)
            # What a relationship check finds in days that are not affected depends on the keys its parent lost, which
            # are looked for after the models are made.
            or (not others.isdisjoint(self.updated) and not is_relationship(self.lineage.node(check)))
        )

    def _is_new(self, check: str) -> bool:
        return _differs(self.identities.checks[check], self.kept.checks.get(check))

    def _reads_affected_files(self, check: str, read: Collection[str]) -> bool:
        """Does it read the lake's own tables, or a source, of an affected feed?"""
        sources = {name for name in read if name.startswith("source.")}
        feeds = {feed for name in sources for feed in self.lineage.feeds(name)}
        named = self.lineage.feed_argument(check)
        if named is not None:
            feeds.add(named)
        elif _LAKE_TABLES in self.lineage.sql_of_check(check):
            return bool(self.affected)
        return not feeds.isdisjoint(self.affected)


def relationships_to_watch(lineage: Lineage, selection: Selection) -> list[str]:
    """Relationship checks over affected days whose parent is made again: they are judged over every day where it loses
    keys."""
    return sorted(
        name
        for name in selection.checks - selection.whole_checks
        if is_relationship(lineage.node(name))
        and lineage.is_incremental(lineage.node(name).get("attached_node"))
        and lineage.parent_of(name)[0] in selection.updated
    )


def _feeds_of_check(lineage: Lineage, check: str) -> set[str]:
    """Feeds of which a check over every day needs every file: those behind views, and those whose repeats it counts."""
    feeds = {feed for parent in lineage.upstream(check) for feed in _feeds_read_through(lineage, parent, itself=True)}
    named = lineage.feed_argument(check)
    return feeds | ({named} if named and _REPEATS in lineage.sql_of_check(check) else set())


def _feeds_read_through(lineage: Lineage, unique_id: str, *, itself: bool = False) -> set[str]:
    """Feeds a node reads directly or through views, not through tables. `itself`: none where it is a table."""
    if unique_id.startswith("source."):
        return set(lineage.feeds(unique_id))
    node = lineage.node(unique_id)
    if itself and node["config"]["materialized"] not in _READ_THROUGH:
        return set()
    return {
        feed for parent in lineage.upstream(unique_id) for feed in _feeds_read_through(lineage, parent, itself=True)
    }
