"""Of a composed public release, leave out the rows whose last day is over, in fresh and kept tables alike (ADR 0030).

The gate's verdict is not asked: a product that is blocked or held back keeps its older tables, without such rows. The
checks on the composition run before, on the tables as they were built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from warehouse.content.measure import TableContent
from warehouse.publish.assemble import making
from warehouse.publish.compose import Composer
from warehouse.publish.ended import Ended, Shown
from warehouse.publish.entry import materialised
from warehouse.publish.plan import ProductPlan
from warehouse.release import layout
from warehouse.release.manifest import TableEntry


@dataclass(frozen=True)
class Showing:
    """What of a composition is shown; of the internal edition everything, since analysts keep history."""

    composer: Composer
    ended: Ended

    def choose(self) -> None:
        """Hold back a product whose `expires` cannot be applied, and release again one that would show other rows.

        The latter has the same rows in the build, but another rule, or rows that had been ended too early by a model
        that says otherwise now.
        """
        if not layout.is_public(self.composer.plan.edition):
            return
        for product in self.composer.plan.products.values():
            if not product.current:
                continue
            defects = [defect for t in product.tables if (defect := self.ended.defect(t.name, t.columns))]
            if defects:
                product.hold_back("; ".join(defects))
            elif product.choice == "kept" and any(map(self._is_shown_otherwise, product.tables)):
                product.choice = "fresh"

    def shown(self) -> dict[str, Shown]:
        """Every table with a rule that is fresh, or could hold rows that have ended, without these."""
        plan = self.composer.plan
        if not layout.is_public(plan.edition):
            return {}
        shown: dict[str, Shown] = {}
        for product in plan.chosen("fresh"):
            for table in product.tables:
                rule = self.ended.declared.get(table.name)
                if rule is not None:
                    with making(table.name, self.composer.lake.store):
                        entry = materialised(table)[1]
                        shown[table.name] = self.ended.without(entry, rule, self._query(table.name))
        for name, entry in self._kept().items():
            rule = self.ended.rule(name, entry)
            if rule is not None and self.ended.may_hold(name, entry):
                shown[name] = self.ended.without(entry.as_table(), rule, self._query(name))
        return shown

    def is_changed(self, shown: Mapping[str, Shown]) -> bool:
        """Must a kept table be written again?"""
        return any(shown[name].entry != entry for name, entry in self._kept().items() if name in shown)

    def left(self) -> dict[str, int]:
        """Rows of the parent that have ended, by table, for tables with any."""
        plan = self.composer.plan
        if plan.parent is None or not layout.is_public(plan.edition):
            return {}
        counts: dict[str, int] = {}
        for name, entry in plan.parent.tables.items():
            rule = self.ended.rule(name, entry)
            if rule is not None and self.ended.may_hold(name, entry):
                counts[name] = self.ended.count(rule, self.composer.parent_select(name))
        return {name: count for name, count in counts.items() if count}

    def _kept(self) -> dict[str, TableEntry]:
        """Tables that are taken from the parent, by name."""
        plan = self.composer.plan
        if plan.parent is None:
            return {}
        kept = [product for product in plan.chosen("kept") if product.parent]
        return {name: plan.parent.tables[name] for product in kept for name in _tables(product)}

    def _query(self, table: str) -> str:
        return self.composer.select(table) or ""

    def _is_shown_otherwise(self, table: TableContent) -> bool:
        """Would an unchanged table of the build be shown with other rows than the parent's are?"""
        plan, rule = self.composer.plan, self.ended.declared.get(table.name)
        released = plan.parent.tables.get(table.name) if plan.parent else None
        if released is None or rule != (released.expiry.rule if released.expiry else None):
            return released is not None
        if rule is None or released.rows == released.built_rows:
            return False
        now = table.rows - self.ended.count(rule, self.composer.build_select(table.name))
        return now != released.rows - self.ended.count(rule, self.composer.parent_select(table.name))


def _tables(product: ProductPlan) -> list[str]:
    return product.parent.tables if product.parent else []
