"""Build build.duckdb from the effective files with dbt, test it, and write the build report.

Owns the order of the steps. The watermark (which files were applied) moves once, at the end, so that the next build
repeats one that was killed:

lock → decide (nothing new, incremental, full) → `_citylake` and source views → dbt seed (full only)
→ dbt run → dbt test → collect → watermark → report

`build` does all of it under the build lock; `make_models` and `test_models` are its two halves, for two Airflow tasks.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ingestion import clocks
from ingestion.contract.model import Contract, not_active
from ingestion.errors import CitylakeError
from ingestion.isolation import as_known_error
from ingestion.settings import Settings
from ingestion.sql import identifier, literal
from ingestion.store.reading import store_errors
from warehouse.build import collect, state
from warehouse.build.build_file import empty_build_file, open_build_file
from warehouse.build.dbt_runner import Dbt, DbtFolders, no_preparation
from warehouse.build.errors import BuildFailed
from warehouse.build.incremental import require_incremental
from warehouse.build.inputs import read_effective
from warehouse.build.lock import building
from warehouse.build.project import project_digest, write_profile
from warehouse.build.report import BuildReport, CheckRun, ModelBuilt, ModelsMade, Status
from warehouse.build.sources import create_sources, dated_tables
from warehouse.progress import Progress, silent

if TYPE_CHECKING:
    from ingestion.lake import Lake

REPORT = "build_report.json"
MADE = "models_made.json"


def build(
    lake: Lake,
    as_of: date,
    *,
    full_refresh: bool = False,
    released: Mapping[str, Collection[str]] | None = None,
    progress: Progress = silent,
) -> BuildReport:
    """Build and test what changed; the report is also saved beside the build file.

    `as_of` is the local day the freshness checks are judged for; on another day they are judged again
    even where no file is new. `released` gives per product the bronze keys its last release was made
    from; their difference to the effective files is rebuilt.
    Raises LakeBusy, BuildFailed, ConfigurationError. A failing model or test is a status.
    """
    builder = _builder(lake, progress)
    with _locked(lake):
        return builder.build(read_effective(lake), as_of, full_refresh=full_refresh, released=released)


def make_models(
    lake: Lake,
    as_of: date,
    *,
    full_refresh: bool = False,
    released: Mapping[str, Collection[str]] | None = None,
    progress: Progress = silent,
) -> ModelsMade | BuildReport:
    """The first half of `build`, with its arguments and errors: make the models without testing them.

    Where nothing is new, the last report again.
    """
    builder = _builder(lake, progress)
    with _locked(lake):
        return builder.make(read_effective(lake), as_of, full_refresh=full_refresh, released=released)


def test_models(lake: Lake, *, progress: Progress = silent) -> BuildReport:
    """The second half of `build`: test what `make_models` made, and report. Where it made nothing, the last report
    again.

    Raises LakeBusy; BuildFailed where another build has begun since, or nothing was ever built.
    """
    builder = _builder(lake, progress)
    with _locked(lake):
        path = lake.settings.state_root / MADE
        if path.is_file():
            return builder.test(ModelsMade.load(path))
        last = last_report(lake.settings)
        if last is None:
            raise BuildFailed("nothing was built yet", left="nothing was done", next_step="citylake build")
        return last.model_copy(update={"nothing_new": True})


def is_built(lake: Lake, as_of: date) -> bool:
    """Whether the last build was judged for `as_of` and was made from exactly the files that count now."""
    last = last_report(lake.settings)
    if last is None or last.as_of != as_of:
        return False
    files = set(read_effective(lake).files.column("key").to_pylist())
    return files == {key for keys in last.inputs.values() for key in keys}


def last_report(settings: Settings) -> BuildReport | None:
    """The report of the last build, None before the first."""
    path = settings.state_root / REPORT
    return BuildReport.load(path) if path.is_file() else None


def _builder(lake: Lake, progress: Progress) -> Builder:
    store = lake.store
    return Builder(lake.settings, lake.contracts, store.url, progress, store.prepare, store.as_store_error)


@contextmanager
def _locked(lake: Lake) -> Iterator[None]:
    """Hold the build lock; within the block DuckDB's errors about the store are raised as StoreError."""
    with building(lake), store_errors(lake.store, "build"):
        yield


def _no_store_error(_doing: str, _error: Exception) -> CitylakeError | None:
    """The `as_store_error` of a store in a local folder: no failed read is the store's."""


@dataclass(frozen=True)
class Builder:
    """What a build needs of a lake.

    `url` turns a bronze key into what DuckDB opens; `prepare` must be called with a connection before it reads such a
    URL. `as_store_error` gives the store's error behind a failed read, else None (Store.as_store_error).
    """

    settings: Settings
    contracts: Mapping[str, Contract]
    url: Callable[[str], str]
    progress: Progress
    prepare: Callable[[duckdb.DuckDBPyConnection], None] = no_preparation
    as_store_error: Callable[[str, Exception], CitylakeError | None] = _no_store_error

    def build(
        self,
        effective: state.Effective,
        as_of: date,
        *,
        full_refresh: bool = False,
        released: Mapping[str, Collection[str]] | None = None,
    ) -> BuildReport:
        """As the function `build`, from these effective files, without the lock."""
        dbt = self._dbt()
        made = self.make(effective, as_of, full_refresh=full_refresh, released=released, dbt=dbt)
        return made if isinstance(made, BuildReport) else self.test(made, dbt)

    def make(
        self,
        effective: state.Effective,
        as_of: date,
        *,
        full_refresh: bool = False,
        released: Mapping[str, Collection[str]] | None = None,
        dbt: Dbt | None = None,
    ) -> ModelsMade | BuildReport:
        """As the function `make_models`, from these effective files, without the lock."""
        started_at = clocks.now()
        messages: list[str] = []
        digest = project_digest(self.settings.dbt_project, self.contracts)
        opened = open_build_file(self.settings.build_path)
        try:
            standing = state.standing(opened.connection, effective)
            last = last_report(self.settings)
            if last and last.as_of == as_of and not full_refresh and _nothing_new(standing, digest):
                return self._unchanged(last, started_at)
            reason = opened.recovered or _why_full(standing, digest, requested=full_refresh)
            run = state.Run(_build_id(started_at), as_of, started_at, full_refresh=reason is not None)
            if reason:
                self.progress(f"rebuilding everything: {reason}")
                messages.append(f"rebuilt everything: {reason}")
                opened = empty_build_file(opened, self.settings.build_path)
            state.begin(
                opened.connection,
                effective,
                run,
                dated_tables=dated_tables(self.contracts.values()),
                released=released,
            )
            self.prepare(opened.connection)
            messages += self._create_sources(opened.connection)
        finally:
            opened.connection.close()
        messages += [
            f"{name}: {not_active(contract.status)}; what reads it is not released"
            for name, contract in sorted(self.contracts.items())
            if not contract.is_active
        ]
        made = self._run(run, digest, messages, dbt or self._dbt())
        made.save(self._made)
        return made

    def _create_sources(self, connection: duckdb.DuckDBPyConnection) -> list[str]:
        """Create the source views; a message for each feed whose bronze cannot be opened, whose models will
        then fail."""
        failed = create_sources(connection, self.contracts, self.url)
        return [f"{feed}: its bronze files cannot be opened: {self._reason(feed, e)}" for feed, e in failed.items()]

    def _reason(self, feed: str, error: Exception) -> str:
        known = self.as_store_error("open bronze", error)
        if known is None and isinstance(error, duckdb.IOException):  # names the file; it holds no value of one
            return str(error).splitlines()[0]
        known = known or as_known_error(error, self.settings, "opening bronze", feed=feed)
        return f"{known.message}; {known.next_step}"

    def _run(self, run: state.Run, digest: str, messages: list[str], dbt: Dbt) -> ModelsMade:
        lineage = collect.Lineage(dbt.parse())
        require_incremental(lineage, self.contracts.values())
        if run.full_refresh and lineage.has_seeds:
            dbt.seed()
        results = dbt.run(full_refresh=run.full_refresh)
        return ModelsMade(
            build_id=run.build_id,
            as_of=run.as_of,
            started_at=run.started_at,
            full_refresh=run.full_refresh,
            project_digest=digest,
            results=results,
            messages=messages,
            warnings=dbt.warnings,
        )

    def test(self, made: ModelsMade, dbt: Dbt | None = None) -> BuildReport:
        """As the function `test_models`, without the lock. `dbt`, where given, has parsed the project already."""
        self._require_same_build(made)
        dbt = dbt or self._dbt()
        lineage = collect.Lineage(dbt.parse())
        tested = dbt.test()
        connection = duckdb.connect(self.settings.build_path)
        try:
            results = collect.by_id(made.results)
            models = collect.collect_models(lineage, results, _rows(connection, lineage, results))
            status: dict[str, Status] = {model.unique_id: model.status for model in models}
            checks = collect.collect_checks(lineage, collect.by_id(tested), status)
            report = BuildReport(
                build_id=made.build_id,
                as_of=made.as_of,
                started_at=made.started_at,
                finished_at=clocks.now(),
                full_refresh=made.full_refresh,
                nothing_new=False,
                dbt_version=str(made.results["metadata"]["dbt_version"]),
                invocation_id=str(tested["metadata"]["invocation_id"]),
                project_digest=made.project_digest,
                models=models,
                checks=checks,
                affected=_affected(connection, self.contracts),
                inputs=state.inputs(connection),
                messages=made.messages,
                warnings=[*made.warnings, *(warning for warning in dbt.warnings if warning not in made.warnings)],
            )
            # Saved first: where the watermark does not move, the next run repeats this one.
            report.save(self.settings.state_root / REPORT)
            outcome = state.Outcome(
                project_digest=made.project_digest,
                is_complete=all(model.status == "passed" for model in models),
                product_feeds=sorted({(m.product, feed) for m in models if m.product for feed in m.feeds}),
                unpassed_products=_unpassed(models, checks),
                finished_at=report.finished_at,
            )
            state.complete(connection, outcome)
        finally:
            connection.close()
        self._made.unlink(missing_ok=True)
        return report

    @property
    def _made(self) -> Path:
        return self.settings.state_root / MADE

    def _require_same_build(self, made: ModelsMade) -> None:
        """Raises BuildFailed unless the build file holds the models of `made`."""
        row = None
        if self.settings.build_path.is_file():
            connection = duckdb.connect(self.settings.build_path)
            try:
                row = connection.execute("select max(build_id) from _citylake.run").fetchone()
            except duckdb.CatalogException:
                row = None
            finally:
                connection.close()
        if not row or row[0] != made.build_id:
            raise BuildFailed(
                f"the build file does not hold build {made.build_id} any more: another has begun since",
                left="receipts and the last release are untouched",
                next_step="citylake build",
            )

    def _unchanged(self, last: BuildReport, started_at: datetime) -> BuildReport:
        """The last report with new times, so that the gate judges again (after an accepted failure or a lifted
        hold)."""
        self.progress("nothing new since the last build")
        times = {"started_at": started_at, "finished_at": clocks.now()}
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


def _why_full(standing: state.Standing, digest: str, *, requested: bool) -> str | None:
    if requested:
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
    """Event days rebuilt, by feed; `[]` for feeds without event days. Feeds of which no day was rebuilt are absent."""
    dated = {feed for feed, _ in dated_tables(contracts.values())}
    undated: dict[str, list[str]] = {feed: [] for feed in contracts if feed not in dated}
    return dict(sorted((undated | state.affected_days(connection)).items()))


def _unpassed(models: list[ModelBuilt], checks: list[CheckRun]) -> set[str]:
    """Products with a model not built or a check of severity error not passed."""
    broken = {model.product for model in models if model.status != "passed"}
    failed = {check.product for check in checks if check.severity == "error" and check.status not in GOOD_STATUSES}
    return {product for product in broken | failed if product is not None}


GOOD_STATUSES = ("passed", "warned")
