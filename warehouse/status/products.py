"""One line per data product and per edition: the verdict, what is released, and where readers see older tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ingestion.lake import Lake
from warehouse.build.report import last_report
from warehouse.gate.record import VerdictSet, load, recorded_keys
from warehouse.publish import approval
from warehouse.publish.approval import Candidate
from warehouse.release import layout, pointer
from warehouse.release.editions import of_lake
from warehouse.release.pointer import Hold
from warehouse.status import titles
from warehouse.status.feeds import Feeds
from warehouse.status.model import EditionLine, ProductLine, Reason
from warehouse.status.releases import Released, released, releases_after
from warehouse.status.verdicts import Remembered, since
from warehouse.title import Title
from warehouse.verdict import CheckResult, Considered, Verdict

INTERNAL = "internal"

_WITHOUT_VALUES: frozenset[Considered] = frozenset({"contract", "delivery", "completeness", "dependency", "drift"})
"""Kinds of checks whose messages are made of names and counts; those of others may quote values."""


@dataclass(frozen=True)
class Earlier:
    """What an earlier status said that only history tells: of verdicts, and of tables that stand still, by product and
    edition."""

    verdicts: Remembered | None = None
    stands_still: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)


@dataclass(frozen=True)
class Editions:
    """What each edition shows now, its hold, and what waits for approval or was refused it."""

    names: list[str]
    released: dict[str, Released]
    holds: dict[str, Hold]
    waiting: dict[str, Candidate]

    def lines(self) -> list[EditionLine]:
        """A line for every edition, internal first."""
        return [self._line(edition) for edition in self.names]

    def of(self, product: str) -> list[str]:
        """The editions that show a product."""
        return [edition for edition, shown in self.released.items() if product in shown.products]

    def _line(self, edition: str) -> EditionLine:
        shown, hold = self.released.get(edition), self.holds.get(edition)
        return EditionLine(
            edition=edition,
            release=shown.release if shown else None,
            released_at=shown.created_at if shown else None,
            approver=shown.approver if shown else None,
            synthetic=shown.synthetic if shown else False,
            hold_reason=hold.reason if hold else None,
            hold_by=hold.by if hold else None,
            hold_since=hold.since if hold else None,
        )


@dataclass(frozen=True)
class Products:
    """The lines, and the key of the newest recorded verdicts."""

    lines: list[ProductLine]
    judged: str | None


@dataclass(frozen=True)
class _Facts:
    """What the lines of all products are made from."""

    verdicts: dict[str, Verdict]
    since: dict[str, datetime]
    feeds_of: dict[str, list[str]]
    titles: dict[str, Title]
    releases: list[str]


def read_editions(lake: Lake) -> Editions:
    """What each edition shows now. Raises IntegrityError where a manifest is not the published one."""
    names = of_lake(lake.store)
    shown: dict[str, Released] = {edition: found for edition in names if (found := released(lake, edition)) is not None}
    holds: dict[str, Hold] = {edition: hold for edition in names if (hold := pointer.hold(lake, edition)) is not None}
    waiting: dict[str, Candidate] = {
        edition: candidate for edition in shown if (candidate := approval.current(lake, edition)) is not None
    }
    return Editions(names, shown, holds, waiting)


def read_products(lake: Lake, feeds: Feeds, editions: Editions, earlier: Earlier) -> Products:
    """A line for every product that the project declares, that was judged or that is released, sorted by name."""
    key = next(recorded_keys(lake.store), None)
    judged = load(lake.store, key) if key is not None else None
    facts = _facts(lake, feeds, editions, judged)
    if judged is not None and key is not None:
        facts.since.update(since(lake, judged.verdicts, key, earlier.verdicts))
    internal = editions.released.get(INTERNAL)
    names = {*facts.titles, *facts.verdicts, *(internal.products if internal else ())}
    return Products([_line(name, facts, feeds, editions, earlier) for name in sorted(names)], key)


def reasons(verdict: Verdict) -> list[Reason]:
    """Why the product is blocked, one a check, without the messages that may quote values."""
    found = [_reason(check) for check in verdict.checks if not check.good]
    return found or [Reason(kind=None, failures=None, text=text) for text in verdict.reasons]


def _reason(check: CheckResult) -> Reason:
    count = f", {check.failures} failing" if check.failures else ""
    text = check.sentence if check.kind in _WITHOUT_VALUES else f"{check.kind} {check.name}: {check.status}{count}"
    return Reason(kind=check.kind, failures=check.failures, text=text)


def _facts(lake: Lake, feeds: Feeds, editions: Editions, judged: VerdictSet | None) -> _Facts:
    internal = editions.released.get(INTERNAL)
    stale = internal is not None and any(entry.release != internal.release for entry in internal.products.values())
    return _Facts(
        verdicts={verdict.product: verdict for verdict in judged.verdicts} if judged else {},
        since={},
        feeds_of=_feeds_of(lake, feeds, internal),
        titles=titles.products(lake.settings.dbt_project),
        # Listed only where a product is not in the newest release.
        releases=list(lake.store.list_folders(layout.releases(INTERNAL))) if stale else [],
    )


def _feeds_of(lake: Lake, feeds: Feeds, internal: Released | None) -> dict[str, list[str]]:
    """The feeds a product is made from: by the last build, else by the release, else those whose contract names it."""
    found: dict[str, set[str]] = {}
    for line in feeds.lines:
        found.setdefault(line.product, set()).add(line.feed)
    if internal is not None:
        found |= {name: set(entry.feeds) for name, entry in internal.products.items() if entry.feeds}
    report = last_report(lake.settings)
    built: dict[str, set[str]] = {}
    for model in report.models if report else ():
        if model.product is not None:
            built.setdefault(model.product, set()).update(model.feeds)
    found |= {name: names for name, names in built.items() if names}
    return {name: sorted(names) for name, names in found.items()}


def _line(name: str, facts: _Facts, feeds: Feeds, editions: Editions, earlier: Earlier) -> ProductLine:
    verdict = facts.verdicts.get(name)
    made_from = facts.feeds_of.get(name, [])
    sources = [line for line in feeds.lines if line.feed in made_from]
    internal = editions.released.get(INTERNAL)
    entry = internal.products.get(name) if internal else None
    words = titles.spelled(name)
    return ProductLine(
        product=name,
        title=facts.titles.get(name) or Title(zh=words, en=words),
        departments=sorted({line.department for line in sources}),
        feeds=made_from,
        synthetic=any(line.synthetic for line in sources),
        verdict=verdict.decision if verdict else None,
        reasons=reasons(verdict) if verdict and verdict.decision != "passed" else [],
        judged_for=verdict.as_of if verdict else None,
        since=facts.since.get(name),
        content_as_of=entry.content_as_of if entry else None,
        next_expected=min((feeds.due[feed] for feed in made_from if feed in feeds.due), default=None),
        release=entry.release if entry else None,
        released_at=layout.release_time(entry.release) if entry else None,
        releases_since=releases_after(facts.releases, entry.release, internal.release) if internal and entry else 0,
        editions=editions.of(name),
        content={edition: editions.released[edition].products[name].content_as_of for edition in editions.of(name)},
        stands_still={
            edition: at
            for edition in editions.of(name)
            if (at := _still_since(name, edition, verdict, facts, editions, earlier)) is not None
        },
    )


def _still_since(
    name: str, edition: str, verdict: Verdict | None, facts: _Facts, editions: Editions, earlier: Earlier
) -> datetime | None:
    """Since when an edition's readers see older tables of a product than its deliveries would give; None: they do not.

    What began earlier and was not interrupted by newer tables counts from its beginning.
    """
    shown = editions.released[edition]
    entry, hold = shown.products[name], editions.holds.get(edition)
    causes: list[datetime] = []
    if hold is not None:
        causes.append(hold.since)
    if verdict is not None and not verdict.passes(edition):
        causes.append(facts.since[name] if verdict.decision != "passed" else verdict.decided_at)
    waiting = editions.waiting.get(edition)
    if waiting is not None and name in waiting.products:
        causes.append(waiting.asked_at)
    if entry.decision == "held_back":
        causes.append(shown.created_at)
    if not causes:
        return None
    before = earlier.stands_still.get(name, {}).get(edition)
    if before is not None and before >= layout.release_time(entry.release):
        causes.append(before)
    return min(causes)
