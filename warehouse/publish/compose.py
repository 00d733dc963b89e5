"""Compose a release as a catalogue of views, and run again the checks that dbt could not run on that composition.

Fresh tables come from the build file, kept ones from the parent release. dbt never tested both together, so
relationship and reconciliation checks that span a fresh and a kept product run here. Where one fails, the newer
product is held back (its older tables stay), and checking starts again until none fails. Totals of a kept product are
not held against the newer tables it is made of: a blocked mart would block what it reads (docs/adr/0031).
Relationship checks read only what changed: new days of the child, and keys that the parent table lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import duckdb

from ingestion.isolation import raise_unless_unexpected
from ingestion.sql import identifier, literal
from ingestion.store.reading import store_errors
from warehouse.build.report import BuildReport, CheckRun, Relation
from warehouse.content.measure import BUILD, TableContent, day_expression, days_filter, relation
from warehouse.gate.accepted import AcceptedFailure, load_register
from warehouse.publish.beside import Beside
from warehouse.publish.plan import Plan, ProductPlan
from warehouse.release import editions
from warehouse.release.manifest import TableEntry

if TYPE_CHECKING:
    from ingestion.lake import Lake

PARENT = "parent"
Accepts = Callable[[str, str], AcceptedFailure | None]


class Composer:
    """A session with `built` (build file), `parent` (its release file) and a catalogue named as dbt names the build.

    Compiled check SQL of dbt therefore reads the composed tables without being rewritten.
    """

    def __init__(
        self,
        lake: Lake,
        connection: duckdb.DuckDBPyConnection,
        plan: Plan,
        report: BuildReport,
        accepts: Accepts,
        beside: Beside,
    ) -> None:
        """`accepts(product, check)` is the register entry that applies today, or None."""
        self.lake = lake
        self.connection = connection
        self.plan = plan
        self.report = report
        self.accepts = accepts
        self.beside = beside
        self.clean: set[tuple[str, str]] = set()
        """Tables (and how their product is chosen) in which warehouse.publish.internal_facts found nothing."""
        self.catalogue = _catalogue(report)
        connection.execute(f"attach ':memory:' as {identifier(self.catalogue)}")

    def hold_back(self) -> None:
        """Hold products back until every check that spans fresh and kept products is good."""
        while True:
            self._hold_back_dependants()
            self._views()
            failing = next(filter(None, map(self._judge_or_hold_back, self.report.checks)), None)
            if failing is None:
                return
            product, reason = failing
            product.hold_back(reason)

    def _hold_back_dependants(self) -> None:
        """Hold back every fresh product that reads a product which is held back."""
        changed = True
        while changed:
            changed = False
            for product in self.plan.chosen("fresh"):
                upstream = {up for t in product.tables for up in self.plan.models[t.name].upstream_products}
                held = sorted(
                    up for up in upstream if up in self.plan.products and self.plan.products[up].decision == "held_back"
                )
                if held:
                    product.hold_back(f"it reads {', '.join(held)}, which is held back")
                    changed = True

    def _views(self) -> None:
        """Make one view for each table of the release, and drop those of tables it does not hold."""
        names = {t.name for p in self.plan.products.values() for t in p.tables}
        names |= set(self.plan.parent.tables) if self.plan.parent else set()
        for name in sorted(names):
            view = relation(name, self.catalogue)
            self.connection.execute(f"drop view if exists {view}")
            query = self.select(name)
            if query:
                self.connection.execute(f"create view {view} as {query}")

    def select(self, table: str) -> str | None:
        """Query text that gives a released table's rows; None when it is absent."""
        source = self.plan.source(table)
        if source == "build":
            return self.build_select(table)
        if source == "parent":
            return self.parent_select(table)
        return None

    def build_select(self, table: str) -> str:
        """Query text that gives a table's rows in the build."""
        return f"select * from {relation(table)}"

    def changed(self, table: str) -> str | None:
        """Query text that gives the rows of a fresh table that the parent does not have, by whole days."""
        product = self.plan.product_of(table)
        content = next((t for t in product.tables if t.name == table), None) if product else None
        query = self.select(table)
        return f"select * from ({query}) where {self._changed_days(content)}" if query and content else query

    def parent_select(self, table: str) -> str:
        """Query text that gives a table's rows in the parent release."""
        entry = self._released(table)
        if entry is not None and entry.is_view:
            return facts_query(self.lake, entry)
        return f"select * from {relation(table, PARENT)}"

    def _released(self, table: str) -> TableEntry | None:
        return self.plan.parent.tables.get(table) if self.plan.parent else None

    def _judge_or_hold_back(self, check: CheckRun) -> tuple[ProductPlan, str] | None:
        """As `_judge`; a check that cannot be run holds back the fresh product it is declared on, or reads."""
        try:
            with store_errors(self.lake.store, f"run check {check.name} on the composed release"):
                return self._judge(check)
        except Exception as error:
            defect = raise_unless_unexpected(error, self.lake.settings, f"check {check.name} on the composed release")
            names = [check.product, *(p.name for p in map(self.plan.product_of, check.models) if p is not None)]
            fresh = [p for p in self.plan.chosen("fresh") if p.name in names]
            if not fresh:  # what it reads is not newer than the parent: there is nothing to hold back
                return None
            return next((p for p in fresh if p.name == check.product), fresh[0]), defect.message

    def _judge(self, check: CheckRun) -> tuple[ProductPlan, str] | None:
        """The product to hold back because of one check, with the reason."""
        if check.severity != "error" or check.check not in ("relationship", "reconciliation"):
            return None
        if check.relation is not None:
            return self._judge_relation(check, check.relation)
        sides = {
            p.name: p for p in map(self.plan.product_of, filter(self._is_public_table, check.models)) if p is not None
        }
        fresh = [p for p in sides.values() if p.choice == "fresh"]
        older = [p for p in sides.values() if not p.current]
        if not fresh or all(self._reads_all(product, fresh) for product in older):
            return None
        newer = next((p for p in fresh if p.name == check.product), fresh[0])
        if check.compiled_sql is None or not all(self.plan.source(m) for m in check.models):
            return newer, f"check {check.name} spans kept and newer tables and cannot run on the release"
        statement = check.compiled_sql.strip().rstrip(";")
        failures = self.count(f"select count(*) from ({statement}) as failing")
        return self._verdict(check, newer, failures)

    def _reads_all(self, product: ProductPlan, others: list[ProductPlan]) -> bool:
        """Is the product made of all the others? What is kept of it is then older than they are, not in conflict."""
        found, new = {product.name}, {product.name}
        while new:
            new = {up for m in self.plan.models.values() if m.product in new for up in m.upstream_products} - found
            found |= new
        return all(other.name in found for other in others)

    def _judge_relation(self, check: CheckRun, rel: Relation) -> tuple[ProductPlan, str] | None:
        """As `_judge`, for a relationship between a fresh table and one that is not of this build; dbt tested all
        others.
        """
        child, parent = self.plan.product_of(rel.child), self.plan.product_of(rel.parent)
        if self._is_across(rel):
            return self._judge_across(check, rel, child, parent)
        if (
            not (self._is_public_table(rel.child) and self._is_public_table(rel.parent))
            or child is None
            or parent is None
        ):
            return None
        if child.choice == "fresh" and not parent.current:
            if self.plan.source(rel.parent) is None:
                return child, f"check {check.name}: {rel.parent}, which {rel.child} refers to, was never released"
            return self._verdict(check, child, self._orphans_of_new_rows(rel, child))
        if parent.choice == "fresh" and not child.current and self.plan.source(rel.child) is not None:
            return self._verdict(check, parent, self._orphans_of_lost_keys(rel))
        return None

    def _is_across(self, rel: Relation) -> bool:
        """Is one side of it in this edition and the other in another one, of which one is restricted?"""
        models = [self.plan.models[name] for name in (rel.child, rel.parent) if name in self.plan.models]
        other = [model for model in models if not self._is_public_table(model.name) and editions.of_model(model)]
        one_each = len(models) - len(other) == len(other) == 1
        return one_each and any(model.restricted for model in models) and self.plan.edition != editions.OPEN

    def _judge_across(
        self, check: CheckRun, rel: Relation, child: ProductPlan | None, parent: ProductPlan | None
    ) -> tuple[ProductPlan, str] | None:
        """As `_judge_relation`, between a fresh table and what readers of another edition have and keep."""
        other = self.plan.models[rel.parent if self._is_public_table(rel.child) else rel.child]
        mine = child if other.name == rel.parent else parent
        if mine is None or mine.choice != "fresh" or self.beside.is_current(other):
            return None
        entry = self.beside.table(other)
        if entry is None and mine is child:
            return mine, f"check {check.name}: {rel.parent}, which {rel.child} refers to, was never released"
        if entry is None:
            return None
        rows = facts_query(self.lake, entry) if entry.is_view else f"select * from {self.beside.file_table(other)}"
        built = relation(rel.child if mine is child else rel.parent)
        children, parents = (built, f"({rows})") if mine is child else (f"({rows})", built)
        column, key = identifier(rel.column), identifier(rel.parent_column)
        orphans = self.count(
            f"""select count(*) from {children} as child where {column} is not null and {column} not in
                (select {key} from {parents} as parent where {key} is not null)"""
        )
        return self._verdict(check, mine, orphans)

    def _verdict(self, check: CheckRun, newer: ProductPlan, failures: int) -> tuple[ProductPlan, str] | None:
        accepted = self.accepts(check.product or newer.name, check.name)
        if failures <= (accepted.max_failures if accepted else 0):
            return None
        return newer, f"check {check.name} fails on the composed release, {failures} failing"

    def _orphans_of_new_rows(self, rel: Relation, product: ProductPlan) -> int:
        """Rows of the fresh child, on days that changed, whose key the kept parent does not have."""
        where = self._changed_days(next(t for t in product.tables if t.name == rel.child))
        return self.count(
            f"""select count(*) from {relation(rel.child)} as child
                where ({where}) and child.{identifier(rel.column)} is not null and child.{identifier(rel.column)} not in
                (select {identifier(rel.parent_column)} from {relation(rel.parent, self.catalogue)}
                 where {identifier(rel.parent_column)} is not null)"""
        )

    def _changed_days(self, table: TableContent) -> str:
        base = self._released(table.name)
        if table.day_column is None or base is None or base.columns != table.columns:
            return "true"
        kept = {day.day: day.content for day in base.by_day()}
        changed = [day for day, content in table.days.items() if kept.get(day) != content.content]
        return days_filter(day_expression(table.day_column, table.columns), changed)

    def _orphans_of_lost_keys(self, rel: Relation) -> int:
        """Rows of the kept child that refer to keys the fresh parent lost; read only if there are any."""
        key, column = identifier(rel.parent_column), identifier(rel.column)
        child = relation(rel.child, self.catalogue)
        now = f"select {key} from {relation(rel.parent)} where {key} is not null"
        if self._released(rel.parent) is None:
            return self.count(f"select count(*) from {child} where {column} is not null and {column} not in ({now})")
        lost = f"select {key} from ({self.parent_select(rel.parent)}) where {key} is not null except {now}"
        if not self.count(f"select count(*) from ({lost}) as lost"):
            return 0
        return self.count(f"select count(*) from {child} where {column} in ({lost})")

    def _is_public_table(self, table: str) -> bool:
        """Is it a public table of this edition (staging and private models are not)?"""
        model = self.plan.models.get(table)
        return model is not None and self.plan.edition in editions.of_model(model)

    def count(self, query: str) -> int:
        """The number that a query gives."""
        row = self.connection.execute(query).fetchone()
        return int(row[0]) if row else 0


def accepted_today(lake: Lake) -> Accepts:
    """Register entries that apply on the city's date, for checks on a composed release."""
    register = load_register(lake.settings.accepted_failures_path)
    today = lake.city_time().date()

    def find(product: str, check: str) -> AcceptedFailure | None:
        entry = register.find(product, check)
        return entry if entry is not None and today <= entry.expires else None

    return find


def facts_query(lake: Lake, entry: TableEntry) -> str:
    """A fact's rows from its explicit file list; an empty fact keeps its columns."""
    if not entry.files:
        columns = ", ".join(f"cast(null as {kind}) as {identifier(name)}" for name, kind in entry.columns.items())
        return f"select {columns} where false"
    urls = literal([lake.store.url(file.key) for file in entry.files])
    return f"select * from read_parquet({urls}, hive_partitioning = false)"


def _catalogue(report: BuildReport) -> str:
    """The database name in the build's relation names, so that compiled SQL finds the composed tables."""
    parts = next((m.relation for m in report.models if m.public), "").split(".")
    name = parts[0].strip('"`') if len(parts) == 3 else "build"  # noqa: PLR2004 - database.schema.table
    return name if name not in (BUILD, PARENT) else f"{name}_composed"
