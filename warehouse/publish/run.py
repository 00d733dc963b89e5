"""Publish: compose, write immutable objects, then move one pointer.

Fact files come first, then what warehouse.publish.writing puts; until the pointer moves, readers see the old release.
Objects that a crash leaves before that are deleted by warehouse.release.collect; a missing ledger entry is added by
the next publish. In public editions no row is published whose last day is over by the city's date, whatever the gate
says of its product, and older releases that hold one are withdrawn (docs/adr/0030). Where the lake asks for approval,
what is new for a public edition is made a candidate instead, and published when that candidate is approved
(docs/adr/0035).
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import duckdb
from pydantic import Field

from ingestion.errors import CitylakeError, IntegrityError, ObjectNotFound, UnexpectedError
from ingestion.isolation import combined, raise_unless_unexpected
from ingestion.keys import PUBLISHED
from ingestion.sql import literal
from ingestion.store.reading import store_errors
from ingestion.values.document import Document
from warehouse.build.lock import building
from warehouse.build.report import BuildReport
from warehouse.content.measure import ENGINE, measure, open_build
from warehouse.gate.privacy import RULES_VERSION
from warehouse.publish import approval, comments, legacy, withdraw
from warehouse.publish.assemble import TableFailed, making
from warehouse.publish.beside import Beside
from warehouse.publish.compose import PARENT, Composer, accepted_today, facts_query
from warehouse.publish.ended import Ended, Shown
from warehouse.publish.entry import materialised, table_entry
from warehouse.publish.facts import FactExport
from warehouse.publish.internal_facts import keep_out
from warehouse.publish.leave import counted, described, leave
from warehouse.publish.plan import Candidate, Plan, ProductPlan, make_plan
from warehouse.publish.showing import Showing
from warehouse.publish.writing import FILE, Composed, make_current, put_file, put_manifest
from warehouse.release import layout, ledger, pointer
from warehouse.release.baseline import read_baseline
from warehouse.release.editions import INTERNAL, is_restricted, kept_by, of_lake
from warehouse.release.lineage import lineage, require_no_older
from warehouse.release.lock import publisher
from warehouse.release.manifest import Manifest, ProductEntry, TableEntry
from warehouse.verdict import Verdict

if TYPE_CHECKING:
    from ingestion.lake import Lake

Outcome = Literal["published", "nothing_new", "nothing_releasable", "on_hold", "awaiting_approval"]


class Published(Document):
    """What happened to one edition. `release` is what readers see afterwards, `fresh` are the products that are new in
    it, `awaiting` those that would be and wait for approval.

    `expired` counts the rows by table that readers saw until now and whose last day is over, `withdrawn` are the older
    releases that were withdrawn because they hold such rows.
    """

    edition: str
    outcome: Outcome
    release: str | None
    parent: str | None
    message: str
    fresh: list[str] = Field(default=[])
    awaiting: list[str] = Field(default=[])
    kept: dict[str, list[str]] = Field(default={})
    held_back: dict[str, list[str]] = Field(default={})
    never_released: dict[str, list[str]] = Field(default={})
    expired: dict[str, int] = Field(default={})
    withdrawn: list[str] = Field(default=[])


def publish(
    lake: Lake,
    report: BuildReport,
    verdicts: Sequence[Verdict],
    *,
    approver: str | None,
    editions: Sequence[str] | None = None,
    triggered_by: tuple[str, ...] = (),
    approved: approval.Approved | None = None,
) -> list[Published]:
    """Release what passed, one result per edition: of all (warehouse.release.editions), or of those named.

    `triggered_by` are the people behind the run; `approved` is the approval of a candidate of a public edition,
    which is published only where it is exactly that.

    Raises LakeBusy (another publisher, a build in progress, a pointer that moved meanwhile),
    IntegrityError (build file, report and receipts disagree; ledger broken). The old release stays then. After an
    unexpected exception in one edition, or damage to a restricted one, the others are still published, the restricted
    ones only where the internal one did not fail; one error at the end names those that were not.
    """
    settings = lake.settings
    with (
        publisher(lake),
        # A build running meanwhile would change the tables between one edition and the next.
        building(lake),
        store_errors(lake.store, "publish"),
    ):
        with closing(open_build(lake)) as connection:
            baseline = read_baseline(lake)
            content = measure(lake, report, baseline, connection)
        with closing(lake.log.connect()) as log:
            require_no_older(log, report, baseline.releases.get(INTERNAL))
            inputs = lineage(log, report)
        candidate = Candidate(report, {verdict.product: verdict for verdict in verdicts}, content, inputs)
        all_editions = of_lake(lake.store, report)
        release = _Release(lake, candidate, approver, approval.Run(triggered_by, approved), all_editions)
        published: list[Published] = []
        errors: list[CitylakeError] = []
        for edition in all_editions if editions is None else editions:
            if release.held_back is None and is_restricted(edition):
                errors.append(UnexpectedError(f"edition {edition} waits, as what {INTERNAL} holds back is not known"))
                continue
            try:
                with store_errors(lake.store, "publish"):
                    published.append(release.edition(edition))
            except (IntegrityError, ObjectNotFound) as error:
                if not is_restricted(edition):
                    raise
                errors.append(error)  # damage to one restricted edition concerns no other
            except Exception as error:
                errors.append(raise_unless_unexpected(error, settings, f"publishing edition {edition}"))
                if edition == INTERNAL:
                    release.held_back = None
        if errors:
            raise combined(errors)
        return published


class _Release:
    """One publication of one build: what all editions share."""

    def __init__(
        self, lake: Lake, candidate: Candidate, approver: str | None, run: approval.Run, all_editions: Sequence[str]
    ) -> None:
        """Every edition gets the same release id."""
        self.lake = lake
        self.candidate = candidate
        self.report = candidate.report
        self.approver = approver
        self.run = run
        self.today = lake.city_time().date()
        self.created_at: datetime = ledger.next_time(lake, all_editions)
        self.id = layout.new_release_id(self.created_at, self.report.build_id)
        self.held_back: dict[str, list[str]] | None = {}
        """Products that the internal edition holds back, which is published first; None where it failed."""

    def edition(self, edition: str) -> Published:
        """Compose and publish one edition, unless it is on hold or nothing is new."""
        lake = self.lake
        ledger.repair(lake, edition)
        legacy_ids = legacy.find_legacy(lake.store, edition)
        held = pointer.hold(lake, edition)
        if held is not None:
            return self._on_hold(edition, held, legacy_ids)
        result = self._compose(edition, legacy_ids)
        if edition == INTERNAL:
            self.held_back = result.held_back
        legacy.remove(lake, edition, legacy_ids)
        return self._withdraw_moved(edition, self._withdraw_ended(edition, result))

    def _on_hold(self, edition: str, held: pointer.Hold, legacy_ids: list[str]) -> Published:
        """Publish nothing new, as a person holds the edition."""
        message = (
            f"edition {edition} is on hold since {held.since:%Y-%m-%d %H:%M}Z by {held.by}: {held.reason}; "
            f"`citylake resume --edition {edition}` lifts it"
        )
        return self._withdraw_ended(edition, self._leave_only(edition, "on_hold", message, legacy_ids))

    def _leave_only(
        self, edition: str, outcome: Outcome, message: str, legacy_ids: list[str], plan: Plan | None = None
    ) -> Published:
        """Publish nothing new; what has ended leaves the current release all the same."""
        lake = self.lake
        deleted = legacy.remove(lake, edition, legacy_ids)
        visible = pointer.current(lake, edition)
        left: dict[str, int] = {}
        if layout.is_public(edition):
            with closing(open_build(lake)) as connection:
                visible, left = leave(lake, edition, Ended.by_build(connection, self.report, self.today))
        removed = f"; what an earlier version released of it was withdrawn: {legacy.REASON}" if deleted else ""
        gone = f"; {described(left)} left it all the same" if left else ""
        result = self._result(edition, outcome, visible, f"{message}{removed}{gone}", plan)
        return result.model_copy(update={"expired": left})

    def _withdraw_moved(self, edition: str, result: Published) -> Published:
        """Withdraw what still holds tables that are restricted now."""
        withdrawn = withdraw.withdraw_moved(self.lake, edition, kept_by(self.report.models, edition))
        if not withdrawn:
            return result
        message = f"{result.message}; {counted(len(withdrawn), 'older release')} withdrawn: {withdraw.MOVED}"
        return result.model_copy(update={"withdrawn": [*result.withdrawn, *withdrawn], "message": message})

    def _withdraw_ended(self, edition: str, result: Published) -> Published:
        """Withdraw what still holds rows that have ended."""
        if not layout.is_public(edition):
            return result
        with closing(open_build(self.lake)) as connection:
            ended = Ended.by_build(connection, self.report, self.today)
            withdrawn = withdraw.withdraw_ended(self.lake, edition, ended)
        said = f"; {counted(len(withdrawn), 'older release')} withdrawn: {withdraw.REASON}" if withdrawn else ""
        return result.model_copy(update={"withdrawn": withdrawn, "message": result.message + said})

    def _compose(self, edition: str, legacy_ids: list[str]) -> Published:
        """Publish on top of the current release, or nothing where nothing is new; a legacy one is always replaced."""
        lake = self.lake
        pointing = pointer.pointer(lake.store, edition)
        parent = pointer.current(lake, edition)
        if parent is not None and parent.id in legacy_ids and not legacy.has_all_objects(lake.store, parent):
            parent = None
        if is_restricted(edition):
            with closing(lake.log.connect()) as log:
                require_no_older(log, self.report, parent)
        held_back = self.held_back or {}
        plan = make_plan(edition, self.candidate, parent, held_back)
        with lake.scratch() as scratch, closing(open_build(lake)) as connection:
            if parent is not None:
                path = lake.store.fetch(parent.warehouse.key, scratch / "parent.duckdb")
                connection.execute(f"attach {literal(path)} as {PARENT} (read_only)")
            beside = Beside(lake, connection, scratch, self.candidate.verdicts, held_back)
            composer = Composer(lake, connection, plan, self.report, accepted_today(lake), beside)
            is_parent_legacy = parent is not None and parent.id in legacy_ids
            showing = Showing(composer, Ended.by_build(connection, self.report, self.today))
            earlier = comments.from_catalogue(connection, PARENT) if parent else {}
            descriptions = comments.Descriptions(plan, comments.from_build(self.report), earlier)
            manifest = self._compose_and_write(showing, scratch, descriptions, is_parent_legacy=is_parent_legacy)
            if manifest is None:
                approval.clear(lake, edition)
                current = None if is_parent_legacy else parent
                outcome: Outcome = "nothing_new" if current else "nothing_releasable"
                return self._result(edition, outcome, current, _idle_message(edition, current), plan)
            left = showing.left()
        if isinstance(manifest, approval.Candidate):
            said = approval.waits(manifest)
            return self._leave_only(edition, "awaiting_approval", said, legacy_ids, plan)
        expired = described(left)
        if plan.moved:
            withdraw.begin_moving(lake, edition)
        sha256 = put_manifest(lake, manifest)
        approved = self.run.approved.said if self.run.approved and plan.chosen("fresh") else None
        why = "; ".join(filter(None, [approved, expired]))
        make_current(lake, manifest, sha256, pointing, reason=why or None, by=self.approver)
        approval.clear(lake, edition)
        fresh = ", ".join(p.name for p in plan.chosen("fresh")) or "the same tables again"
        cleaned = f"; {parent.id} is withdrawn: {legacy.REASON}" if parent is not None and is_parent_legacy else ""
        gone = f"; {expired} left" if expired else ""
        result = self._result(edition, "published", manifest, f"released {fresh}{gone}{cleaned}", plan)
        return result.model_copy(update={"expired": left})

    def _compose_and_write(
        self, showing: Showing, scratch: Path, descriptions: comments.Descriptions, *, is_parent_legacy: bool
    ) -> Manifest | approval.Candidate | None:
        """Check the composition and write its objects; None where nothing of it is new and nothing has to leave, the
        candidate where what is new waits for approval.

        A product one of whose tables cannot be made is held back, and the others are composed without it.
        """
        composer, plan = showing.composer, showing.composer.plan
        showing.choose()
        while True:
            keep_out(self.lake, composer, descriptions, is_parent_legacy=is_parent_legacy)
            try:
                shown = showing.shown()
                again = (is_parent_legacy and plan.chosen("kept")) or plan.moved or showing.is_changed(shown)
                if not plan.chosen("fresh") and not again:
                    return None
                return self._candidate(composer, shown) or self._write(composer, shown, scratch, descriptions)
            except TableFailed as failure:
                for unfinished in scratch.glob(f"{FILE}*"):
                    unfinished.unlink()
                product, cause = plan.product_of(failure.table), failure.__cause__
                raised = cause if isinstance(cause, Exception) else failure
                defect = raise_unless_unexpected(raised, self.lake.settings, f"making table {failure.table}")
                if product is None or product.choice != "fresh":
                    raise defect from failure
                product.hold_back(defect.message)

    def _candidate(self, composer: Composer, shown: Mapping[str, Shown]) -> approval.Candidate | None:
        """What waits for approval; None where it may be published now."""
        plan, lake = composer.plan, self.lake
        is_asked = lake.settings.open_approval or self.run.approved is not None
        if not (is_asked and layout.is_public(plan.edition) and plan.chosen("fresh")):
            return None
        digest = approval.digest(plan, self.candidate.inputs)

        def made() -> approval.Candidate:
            internal = pointer.pointer(lake.store, INTERNAL)
            return approval.Candidate(
                id=self.id,
                edition=plan.edition,
                release=internal.release if internal else None,
                build_id=self.report.build_id,
                digest=digest,
                products=approval.changes(composer, shown, self.report.as_of),
                asked_at=self.created_at,
            )

        return approval.propose(lake, self.run, plan.edition, digest, made)

    def _write(
        self, composer: Composer, shown: Mapping[str, Shown], scratch: Path, descriptions: comments.Descriptions
    ) -> Manifest:
        """Put the release's fact files and its file; its manifest."""
        lake, plan = self.lake, composer.plan
        edition = plan.edition
        tables = self._tables(plan, composer.connection, scratch) | {name: one.entry for name, one in shown.items()}
        queries = {
            name: facts_query(lake, entry) if entry.is_view else composer.select(name) or ""
            for name, entry in tables.items()
        } | {name: one.query for name, one in shown.items()}
        composed = Composed(tables, queries, {name: descriptions.of(name) for name in tables})
        stored = put_file(lake, composer.connection, composed, layout.warehouse(edition, self.id), scratch)
        return Manifest(
            id=self.id,
            edition=edition,
            parent=plan.parent.id if plan.parent else None,
            created_at=self.created_at,
            approver=self.approver,
            synthetic=self._synthetic(tables),
            engine=ENGINE,
            privacy_rules=RULES_VERSION,
            tools={"duckdb": duckdb.__version__, "dbt": self.report.dbt_version, "python": platform.python_version()},
            root=lake.store.url(PUBLISHED).removesuffix(f"/{PUBLISHED}"),
            warehouse=stored,
            products={p.name: self._product(p) for p in [*plan.chosen("fresh"), *plan.chosen("kept")]},
            tables=tables,
            never_released={p.name: p.reasons for p in plan.chosen("absent")},
        )

    def _tables(self, plan: Plan, connection: duckdb.DuckDBPyConnection, scratch: Path) -> dict[str, TableEntry]:
        parent_tables = plan.parent.tables if plan.parent else {}
        tables = {
            name: parent_tables[name] for p in plan.chosen("kept") for name in (p.parent.tables if p.parent else [])
        }
        if layout.is_public(plan.edition):
            fresh = [materialised(table) for product in plan.chosen("fresh") for table in product.tables]
            tables = {name: entry.as_table() for name, entry in tables.items()} | dict(fresh)
            return dict(sorted(tables.items()))
        export = FactExport(self.lake, connection, plan.edition, self.id, scratch)
        for product in plan.chosen("fresh"):
            for table in product.tables:
                with making(table.name, self.lake.store):
                    files = export.files(table, parent_tables.get(table.name)) if table.day_column else []
                tables[table.name] = table_entry(table).model_copy(update={"files": files})
        return dict(sorted(tables.items()))

    def _product(self, plan: ProductPlan) -> ProductEntry:
        if plan.choice == "kept" and plan.parent is not None:
            return plan.parent.model_copy(update={"decision": plan.decision, "reasons": plan.reasons})
        verdict = self.candidate.verdicts[plan.name]
        return ProductEntry(
            release=self.id,
            decision="passed",
            reasons=[],
            build_id=self.report.build_id,
            project_digest=self.report.project_digest,
            as_of=self.report.as_of,
            tables=[t.name for t in plan.tables],
            checks=[c.name for c in self.report.checks if c.name in {r.name for r in verdict.checks}],
            accepted=verdict.accepted,
            inputs=self.candidate.inputs.get(plan.name, {}),
        )

    def _synthetic(self, tables: dict[str, TableEntry]) -> bool:
        """True as soon as one feed behind the release is simulated."""
        feeds = {feed for entry in tables.values() for feed in entry.feeds}
        return any(c.citylake.synthetic for name, c in self.lake.contracts.items() if name in feeds)

    def _result(
        self, edition: str, outcome: Outcome, visible: Manifest | None, message: str, plan: Plan | None = None
    ) -> Published:
        products = list(plan.products.values()) if plan else []
        return Published(
            edition=edition,
            outcome=outcome,
            release=visible.id if visible else None,
            parent=plan.parent.id if plan and plan.parent else None,
            message=message,
            fresh=[p.name for p in products if p.choice == "fresh"] if outcome != "awaiting_approval" else [],
            awaiting=[p.name for p in products if p.choice == "fresh"] if outcome == "awaiting_approval" else [],
            kept={p.name: p.reasons for p in products if p.choice == "kept" and p.decision == "blocked"},
            held_back={p.name: p.reasons for p in products if p.decision == "held_back"},
            never_released={p.name: p.reasons for p in products if p.choice == "absent"},
        )


def _idle_message(edition: str, parent: Manifest | None) -> str:
    if parent is None:
        return f"no product of edition {edition} passed yet; nothing was released"
    return f"nothing new for edition {edition}; release {parent.id} stays"
