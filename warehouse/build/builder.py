"""One build of build.duckdb, without the lake and the lock around it (warehouse.build.runner).

Owns the order of the steps. The watermark (which files were applied, which tables were made of which code) moves once,
at the end, so that the next build repeats one that was killed:

decide (nothing new, only the date, what changed, everything) → `_citylake` and source views → dbt seed → dbt run
→ checks → collect → watermark → report
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path

import duckdb

from ingestion import clocks
from ingestion.contract.model import Contract, not_active
from ingestion.errors import CitylakeError
from ingestion.isolation import as_known_error
from ingestion.settings import Settings
from ingestion.sql import literal
from warehouse.build import collect, kept, state
from warehouse.build.another_date import JUDGED, judge_another_date
from warehouse.build.build_file import Opened, empty_build_file, open_build_file
from warehouse.build.checks import run_checks
from warehouse.build.clock_rule import require_one_clock
from warehouse.build.dbt_runner import Dbt, DbtFolders, no_preparation
from warehouse.build.errors import BuildFailed
from warehouse.build.identity import Identities, identify
from warehouse.build.incremental import require_incremental
from warehouse.build.limits import add_whole
from warehouse.build.lineage import Lineage
from warehouse.build.making import make_nodes
from warehouse.build.project import project_digest, write_profile
from warehouse.build.report import BuildReport, ModelsMade, last_report, report_path
from warehouse.build.selection import Selection, relationships_to_watch, select
from warehouse.build.sources import create_sources, dated_tables
from warehouse.build.watermark import Tested, move_watermark
from warehouse.progress import Progress

MADE = "models_made.json"


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
        run = state.Run(_build_id(now := clocks.now()), as_of, now, full_refresh)
        digest = project_digest(self.settings.dbt_project, self.contracts)
        opened = open_build_file(self.settings.build_path)
        try:
            standing = state.standing(opened.connection, effective)
            if not full_refresh and not opened.recovered:
                report = self._without_dbt(opened.connection, standing, digest, run)
                if report is not None:
                    return report
        finally:
            # dbt opens the file itself.
            opened.connection.close()
        dbt = dbt or self._dbt()
        lineage = Lineage(dbt.parse())
        require_incremental(lineage, self.contracts.values())
        require_one_clock(lineage)
        identities = identify(lineage, self.settings.dbt_project, self.contracts, as_of.isoformat())
        reason = opened.recovered or _why_full(standing, requested=full_refresh)
        run = state.Run(run.build_id, as_of, run.started_at, full_refresh=reason is not None)
        messages = self._announced(reason)
        with self._begun(run, effective, released) as connection:
            selection = self._select(connection, lineage, identities)
            messages += self._create_sources(connection)
        if selection.whole and not run.full_refresh:
            names = ", ".join(sorted(lineage.node(name)["name"] for name in selection.whole))
            messages.append(f"made from everything, as their code, contract or date changed or they failed: {names}")
        messages += self._inactive()
        results = make_nodes(dbt, lineage, selection, full_refresh=run.full_refresh)
        made = ModelsMade(
            build_id=run.build_id,
            as_of=run.as_of,
            started_at=run.started_at,
            full_refresh=run.full_refresh,
            project_digest=digest,
            dbt_version=version("dbt-core"),
            invocation_id=dbt.invocation_id,
            results=results,
            selected=sorted(selection.made),
            checks=sorted(selection.checks),
            identities={**identities.nodes, **identities.checks},
            dated=sorted(identities.dated),
            messages=messages,
            warnings=dbt.warnings,
        )
        made.save(self._made)
        return made

    def _without_dbt(
        self, connection: duckdb.DuckDBPyConnection, standing: state.Standing, digest: str, run: state.Run
    ) -> BuildReport | None:
        """The report of a build that needs no model made: the last one again where nothing is new, or the last one with
        the checks of the date judged again where only the date is another; None for any other."""
        last = last_report(self.settings)
        if last is None or not _stands(standing, digest, last):
            return None
        self._made.unlink(missing_ok=True)
        if last.as_of == run.as_of:
            self.progress("nothing new since the last build")
            # With new times, so that the gate judges again (after an accepted failure or a lifted hold).
            times = {"started_at": run.started_at, "finished_at": clocks.now()}
            return last.model_copy(update={"nothing_new": True, **times})
        if standing.reads_date:
            return None
        self._limit(connection)
        report = judge_another_date(connection, last, run)
        if report is not None:
            self.progress(f"nothing new but the date: {report.messages[0]}")
            report.save(report_path(self.settings))
            connection.commit()
        return report

    def _announced(self, reason: str | None) -> list[str]:
        if reason is None:
            return []
        self.progress(f"rebuilding everything: {reason}")
        return [f"rebuilt everything: {reason}"]

    @contextmanager
    def _begun(
        self, run: state.Run, effective: state.Effective, released: Mapping[str, Collection[str]] | None
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """The build file with what this run finds and affects, in a transaction that the caller commits."""
        opened: Opened = open_build_file(self.settings.build_path)
        if run.full_refresh:
            opened = empty_build_file(opened, self.settings.build_path)
        connection = opened.connection
        try:
            connection.begin()
            state.begin(
                connection, effective, run, dated_tables=dated_tables(self.contracts.values()), released=released
            )
            self.prepare(connection)
            yield connection
        finally:
            connection.close()

    def _select(
        self,
        connection: duckdb.DuckDBPyConnection,
        lineage: Lineage,
        identities: Identities,
    ) -> Selection:
        """Decide what this run makes and judges, and note it in the build file, with which the transaction ends."""
        known = kept.read(connection)
        selection = select(lineage, identities, known, state.affected_feeds(connection))
        kept.begin(connection, known, lineage, selection.whole)
        kept.keep_parent_keys(connection, lineage, relationships_to_watch(lineage, selection))
        add_whole(connection, set(selection.whole | selection.whole_checks))
        state.list_files(connection, selection.whole_feeds)
        try:
            connection.commit()
        except duckdb.Error as error:
            raise BuildFailed(
                f"the build file cannot be written: {error}",
                left="receipts and the last release are untouched; the next build repeats this run's work",
                next_step="free disk space where the build file is, then `citylake build`",
            ) from error
        return selection

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

    def _inactive(self) -> list[str]:
        return [
            f"{name}: {not_active(contract.status)}; what reads it is not released"
            for name, contract in sorted(self.contracts.items())
            if not contract.is_active
        ]

    def test(self, made: ModelsMade, dbt: Dbt | None = None) -> BuildReport:
        """As the function `test_models`, without the lock. `dbt`, where given, has parsed the project already."""
        self._require_same_build(made)
        dbt = dbt or self._dbt()
        lineage = Lineage(dbt.parse())
        with self._opened() as connection:
            known = kept.read(connection)
        results = run_checks(self._opened, dbt, lineage, made, known)
        with self._opened() as connection:
            tested = Tested(lineage, made, known, collect.by_id(results), self.contracts, dbt.warnings)
            report = move_watermark(connection, tested, report_path(self.settings))
        self._made.unlink(missing_ok=True)
        return report

    @contextmanager
    def _opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The build file, with this machine's limits, able to read the store."""
        connection = duckdb.connect(self.settings.build_path)
        try:
            connection.execute("set TimeZone = 'UTC'")
            self._limit(connection)
            yield connection
        finally:
            connection.close()

    def _limit(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Give a connection this machine's limits and what it needs to read the store."""
        settings = self.settings
        connection.execute(f"set threads = {settings.threads}")
        connection.execute(f"set memory_limit = {literal(settings.memory_limit)}")
        connection.execute(f"set temp_directory = {literal(settings.scratch_root)}")
        self.prepare(connection)

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


def _stands(standing: state.Standing, digest: str, last: BuildReport) -> bool:
    """Are the tables those of the last report, whole, and made from what counts now with the code there is now?"""
    return (
        standing.is_current
        and standing.is_complete
        and standing.project_digest == digest
        and standing.build_id == last.build_id
        and all(check.status in JUDGED for check in last.checks)
    )


def _why_full(standing: state.Standing, *, requested: bool) -> str | None:
    if requested:
        return "asked for"
    return None if standing.exists else "no completed build in the build file"


def _build_id(started_at: datetime) -> str:
    return f"{started_at:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
