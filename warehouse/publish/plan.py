"""Plan the next release of an edition, product by product, before anything is checked or written.

A product is *fresh* (its verdict passes and something changed), *kept* (its tables stay as they are
in the parent) or *absent* (never released). Publication reads only verdicts: a product without a
verdict on exactly this build is not fresh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from warehouse.build.report import BuildReport, ModelBuilt
from warehouse.content.measure import BuildContent, TableContent
from warehouse.release import editions
from warehouse.release.lineage import Inputs
from warehouse.release.manifest import Manifest, ProductEntry
from warehouse.verdict import Verdict

Choice = Literal["fresh", "kept", "absent"]


@dataclass
class ProductPlan:
    """One product. `tables` are the build's tables for this edition."""

    name: str
    choice: Choice
    decision: Literal["passed", "blocked", "held_back"]
    reasons: list[str]
    tables: list[TableContent]
    parent: ProductEntry | None

    @property
    def current(self) -> bool:
        """Are its tables those of this build, new or unchanged?"""
        return self.choice == "fresh" or (self.choice == "kept" and self.decision == "passed")

    def hold_back(self, reason: str) -> None:
        """Keep the parent's tables, or none, because the newer ones contradict the rest of the release."""
        self.choice = "kept" if self.parent else "absent"
        self.decision = "held_back"
        self.reasons = [*self.reasons, reason]


@dataclass
class Plan:
    """All products of one edition. `moved` are tables of the parent that a restricted edition alone may show now."""

    edition: str
    parent: Manifest | None
    products: dict[str, ProductPlan]
    models: dict[str, ModelBuilt]
    moved: frozenset[str] = frozenset()

    def chosen(self, choice: Choice) -> list[ProductPlan]:
        """Products with that choice, by name."""
        return [p for _, p in sorted(self.products.items()) if p.choice == choice]

    def source(self, table: str) -> Literal["build", "parent"] | None:
        """Where the release takes a table from; None when it is absent."""
        for product in self.products.values():
            if product.choice == "fresh" and any(t.name == table for t in product.tables):
                return "build"
            if product.choice == "kept" and product.parent and table in product.parent.tables:
                return "parent"
        return None

    def product_of(self, table: str) -> ProductPlan | None:
        """The product a table belongs to, in the build or else in the parent."""
        by_build = next((p for p in self.products.values() if any(t.name == table for t in p.tables)), None)
        return by_build or next(
            (p for p in self.products.values() if p.parent is not None and table in p.parent.tables), None
        )


@dataclass(frozen=True)
class Candidate:
    """A build to release from: its report, verdicts by product, content of its tables, deliveries by product."""

    report: BuildReport
    verdicts: dict[str, Verdict]
    content: BuildContent
    inputs: dict[str, Inputs]


def make_plan(
    edition: str, candidate: Candidate, parent: Manifest | None, held_back: Mapping[str, list[str]] | None = None
) -> Plan:
    """The plan by verdicts and content alone; warehouse.publish.compose may hold products back later.

    `held_back` are products that the internal edition held back, with reasons: of a restricted edition the same holds.
    """
    report, content = candidate.report, candidate.content
    moved = editions.kept_by(report.models, edition) & set(parent.tables if parent else ())
    shown = {m.name: m.product for m in report.models if edition in editions.of_model(m)}
    names = set(shown.values())
    names |= set(parent.products) if parent else set()
    products = {}
    for name in sorted(filter(None, names)):
        entry = _without(parent.entry(name), moved) if parent else None
        tables = [t for t in content.of(name) if t.name in shown]
        reasons = _refusals(edition, report, candidate.verdicts.get(name), tables)
        choice: Choice = "kept" if entry else "absent"
        if not reasons and (entry is None or _changed(entry, parent, tables, candidate.inputs.get(name, {}))):
            choice = "fresh"
        products[name] = ProductPlan(name, choice, "blocked" if reasons else "passed", reasons, tables, entry)
    plan = Plan(edition, parent, products, {m.name: m for m in report.models}, frozenset(moved))
    if editions.is_restricted(edition):
        _hold_back_as_internal(plan, held_back or {})
    return plan


def _without(entry: ProductEntry | None, moved: set[str]) -> ProductEntry | None:
    """A product of the parent without the tables that have left; None where none stays."""
    if entry is None or moved.isdisjoint(entry.tables):
        return entry
    tables = [name for name in entry.tables if name not in moved]
    return entry.model_copy(update={"tables": tables}) if tables else None


def _hold_back_as_internal(plan: Plan, held_back: Mapping[str, list[str]]) -> None:
    """What the internal edition holds back contradicts the rest of it, so its rows, and rows that were made of it, wait
    too: both editions are read together.
    """
    for product in plan.chosen("fresh"):
        upstream = {up for table in product.tables for up in plan.models[table.name].upstream_products}
        held = sorted(held_back.keys() & {product.name, *upstream})
        if held:
            product.hold_back(
                "; ".join(f"the internal edition holds {name} back: {held_back[name][-1]}" for name in held)
            )


def _refusals(edition: str, report: BuildReport, verdict: Verdict | None, tables: list[TableContent]) -> list[str]:
    if verdict is None or verdict.build_id != report.build_id:
        return [f"no verdict on build {report.build_id}"]
    if verdict.decision != "passed":
        return verdict.reasons or [f"its verdict is {verdict.decision}"]
    if not verdict.passes(edition):
        return verdict.blocked_editions[edition]
    return [] if tables else ["the build has no table of it for this edition"]


def _changed(entry: ProductEntry, parent: Manifest | None, tables: list[TableContent], inputs: Inputs) -> bool:
    """Does the product have other tables, other rows, or other deliveries behind the same rows than the parent?

    Rows that left the parent on their day (warehouse.publish.ended) are no change.
    """
    released = {name: parent.tables[name] for name in entry.tables} if parent else {}
    now = {t.name: (t.content, t.columns) for t in tables}
    return now != {n: (t.built_content, t.columns) for n, t in released.items()} or inputs != entry.inputs
