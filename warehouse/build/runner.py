"""`build`: bring build.duckdb to the effective files, then test it, and report.

Owns the order of steps and what each leaves. The watermark moves once, at the end, so that a
killed run is repeated by the next one:

lock → decide (nothing new, incremental, full) → `_citylake` and source views → dbt seed (full only)
→ dbt run → dbt test → collect → watermark → report
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import duckdb

from ingestion.contract.model import Contract
from ingestion.settings import Settings
from ingestion.sql import identifier, literal
from ingestion.store.reading import telling
from warehouse.build import collect, state
from warehouse.build.build_file import empty_build_file, open_build_file
from warehouse.build.dbt_runner import Dbt, DbtFolders, Progress
from warehouse.build.inputs import read_effective
from warehouse.build.lock import build_lock
from warehouse.build.project import project_digest, write_profile
from warehouse.build.report import BuildReport, CheckRun, ModelBuilt, Status
from warehouse.build.sources import create_sources, dated_tables

if TYPE_CHECKING:
    from ingestion.lake import Lake

REPORT = "build_report.json"


def build(
    lake: Lake,
    as_of: date,
    *,
    full_refresh: bool = False,
    released: Mapping[str, Collection[str]] | None = None,
    progress: Progress | None = None,
) -> BuildReport:
    """Build and test what changed; the report is also saved beside the build file.

    `as_of` is the local day the freshness checks are judged for; on another day they are judged again
    even where no file is new. `released` gives per product the bronze keys its last release was made
    from; their difference to the effective files is rebuilt.
    Raises LakeBusy, BuildFailed, ConfigurationError. A failing model or test is a status.
    """
    builder = Builder(lake.settings, lake.contracts, lake.store.url, progress or _no_progress, lake.store.prepare)
    with (
        build_lock(lake.settings.state_root, timeout=lake.settings.lock_timeout_seconds),
        telling(lake.store, "build"),
    ):
        return builder.build(read_effective(lake), as_of, full_refresh=full_refresh, released=released)


def last_report(settings: Settings) -> BuildReport | None:
    """The report of the last build, None before the first."""
    path = settings.state_root / REPORT
    return BuildReport.load(path) if path.is_file() else None


def _prepared(_: duckdb.DuckDBPyConnection) -> None:
    """A folder's files are opened as they are."""


@dataclass(frozen=True)
class Builder:
    """The parts of the lake a build needs. `url` turns a bronze key into what DuckDB opens, once `prepare` was called
    for its engine.
    """

    settings: Settings
    contracts: Mapping[str, Contract]
    url: Callable[[str], str]
    progress: Progress
    prepare: Callable[[duckdb.DuckDBPyConnection], None] = _prepared

    def build(
        self,
        effective: state.Effective,
        as_of: date,
        *,
        full_refresh: bool = False,
        released: Mapping[str, Collection[str]] | None = None,
    ) -> BuildReport:
        """As the function `build`, from given effective files, without the lock."""
        started_at = datetime.now(UTC)
        digest = project_digest(self.settings.dbt_project, self.contracts)
        opened = open_build_file(self.settings.build_path)
        try:
            standing = state.standing(opened.connection, effective)
            last = last_report(self.settings)
            if last and last.as_of == as_of and not full_refresh and _nothing_new(standing, digest):
                return self._unchanged(last, started_at)
            reason = opened.recovered or _why_full(standing, digest, asked=full_refresh)
            run = state.Run(_build_id(started_at), as_of, started_at, full_refresh=reason is not None)
            if reason:
                self.progress(f"rebuilding everything: {reason}")
                opened = empty_build_file(opened, self.settings.build_path)
            state.begin(
                opened.connection,
                effective,
                run,
                dated_tables=dated_tables(self.contracts.values()),
                released=released,
            )
            self.prepare(opened.connection)
            create_sources(opened.connection, self.contracts, self.url)
        finally:
            opened.connection.close()
        return self._execute(run, digest, [f"rebuilt everything: {reason}"] if reason else [])

    def _execute(self, run: state.Run, digest: str, messages: list[str]) -> BuildReport:
        dbt = self._dbt()
        lineage = collect.Lineage(dbt.parse())
        if run.full_refresh and lineage.has_seeds:
            dbt.seed()
        built = dbt.run(full_refresh=run.full_refresh)
        tested = dbt.test()
        connection = duckdb.connect(self.settings.build_path)
        try:
            results = collect.by_id(built)
            models = collect.collect_models(lineage, results, _rows(connection, lineage, results))
            status: dict[str, Status] = {model.unique_id: model.status for model in models}
            checks = collect.collect_checks(lineage, collect.by_id(tested), status)
            report = BuildReport(
                build_id=run.build_id,
                as_of=run.as_of,
                started_at=run.started_at,
                finished_at=datetime.now(UTC),
                full_refresh=run.full_refresh,
                nothing_new=False,
                dbt_version=str(built["metadata"]["dbt_version"]),
                invocation_id=str(tested["metadata"]["invocation_id"]),
                project_digest=digest,
                models=models,
                checks=checks,
                affected=_affected(connection, self.contracts),
                inputs=state.inputs(connection),
                messages=messages,
                warnings=dbt.warnings,
            )
            # Saved first: where the watermark does not move, the next run repeats this one.
            report.save(self.settings.state_root / REPORT)
            outcome = state.Outcome(
                project_digest=digest,
                is_complete=all(model.status == "passed" for model in models),
                product_feeds=sorted({(m.product, feed) for m in models if m.product for feed in m.feeds}),
                unpassed_products=_unpassed(models, checks),
                finished_at=report.finished_at,
            )
            state.complete(connection, outcome)
        finally:
            connection.close()
        return report

    def _unchanged(self, last: BuildReport, started_at: datetime) -> BuildReport:
        """The last report again, so that a gate can judge anew (an accepted failure, a lifted hold)."""
        self.progress("nothing new since the last build")
        times = {"started_at": started_at, "finished_at": datetime.now(UTC)}
        return last.model_copy(update={"nothing_new": True, **times})

    def _dbt(self) -> Dbt:
        settings, root = self.settings, self.settings.state_root / "dbt"
        settings.scratch_root.mkdir(parents=True, exist_ok=True, mode=0o700)
        profile = write_profile(
            root / "profile",
            build_path=settings.build_path,
            threads=settings.threads,
            memory_limit=settings.memory_limit,
            scratch=settings.scratch_root,
        )
        folders = DbtFolders(settings.dbt_project, profile, root / "target", root / "logs")
        return Dbt(folders, self.progress, self.prepare)


def _nothing_new(standing: state.Standing, digest: str) -> bool:
    return standing.is_current and standing.is_complete and standing.project_digest == digest


def _why_full(standing: state.Standing, digest: str, *, asked: bool) -> str | None:
    if asked:
        return "asked for"
    if not standing.exists:
        return "no completed build in the build file"
    if standing.project_digest != digest:
        return "the dbt project or a contract changed"
    return None


def _build_id(started_at: datetime) -> str:
    return f"{started_at:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"


def _rows(connection: duckdb.DuckDBPyConnection, lineage: collect.Lineage, results: collect.Results) -> dict[str, int]:
    """Row counts of the tables that were built; views are not counted."""
    counted = [
        (name, lineage.node(name))
        for name in lineage.models()
        if lineage.node(name)["config"]["materialized"] in ("table", "incremental")
        and collect.status_of(results.get(name)) == "passed"
    ]
    if not counted:
        return {}
    query = " union all ".join(
        f"select {literal(name)}, count(*) from {identifier(node['schema'], node['alias'])}" for name, node in counted
    )
    return {str(name): int(rows) for name, rows in connection.execute(query).fetchall()}


def _affected(connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract]) -> dict[str, list[str]]:
    """Days rebuilt per feed that has days and was affected; `[]` for feeds without days, rebuilt whole."""
    dated = {feed for feed, _ in dated_tables(contracts.values())}
    whole: dict[str, list[str]] = {feed: [] for feed in contracts if feed not in dated}
    return dict(sorted((whole | state.affected_days(connection)).items()))


def _unpassed(models: list[ModelBuilt], checks: list[CheckRun]) -> set[str]:
    """Products with a model not built or a check of severity error not passed."""
    broken = {model.product for model in models if model.status != "passed"}
    failed = {check.product for check in checks if check.severity == "error" and check.status not in _FINE}
    return {product for product in broken | failed if product is not None}


_FINE = ("passed", "warned")


def _no_progress(message: str) -> None:
    """Say nothing."""
