"""Run dbt in this process: parse, seed, run, test, docs.

dbt logs to a file; a callback gets its progress. What its results mean is read in warehouse.build.collect.
`dbt build` is never used: there a failed test on one department's staging models skips other products.
"""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.build.errors import BuildFailed
from warehouse.build.report import NodeResult
from warehouse.progress import Progress

if TYPE_CHECKING:
    import duckdb
    from dbt.artifacts.schemas.run import RunExecutionResult
    from dbt.contracts.graph.manifest import Manifest

_STARTED = "LogStartLine"
_RESULTS = ("Log", "RunResult")
"""Prefixes of events that repeat what the run results say."""


@dataclass(frozen=True)
class DbtFolders:
    """Where the project is, where its profile is, where dbt writes."""

    project: Path
    profile: Path
    target: Path
    logs: Path


def no_preparation(connection: duckdb.DuckDBPyConnection) -> None:
    """The `prepare` of a store in a local folder: DuckDB opens its files without any setting."""


@dataclass
class Dbt:
    """dbt on one project. It parses once; every command then uses the same manifest.

    `progress` gets a line for each node that starts. `prepare` is called with each DuckDB connection that dbt opens, so
    that it can read the store. `warnings` collects dbt's own warnings (not those of tests), each once, in order.
    `write_json` has dbt write its artefacts (manifest.json, run_results.json) too, which only the documentation needs.
    """

    folders: DbtFolders
    progress: Progress
    prepare: Callable[[duckdb.DuckDBPyConnection], None] = no_preparation
    warnings: list[str] = field(default_factory=list)
    write_json: bool = False
    invocation_id: str = ""
    """dbt's id of the command that was run last."""
    _manifest: Manifest | None = None
    _data: dict[str, Any] = field(default_factory=dict)

    def parse(self) -> dict[str, Any]:
        """Parse the project unless it is parsed; what is read of the manifest, in the shape of manifest.json: `nodes`,
        `sources`, `macros`, `parent_map`. Raises BuildFailed."""
        from dbt.contracts.graph.manifest import Manifest

        if self._manifest is None:
            result = self._invoke("parse")
            if not isinstance(result, Manifest):
                raise self._failed("parse", "no manifest came back")
            self._manifest = result
            self._data = _as_data(result)
        return self._data

    def seed(self, names: Collection[str]) -> list[NodeResult]:
        """Load these seeds (reference tables). Raises BuildFailed where one cannot be loaded."""
        results = self.execute("seed", "--full-refresh", *self._selected("seed", names))
        broken = [result for result in results if result.status != "success"]
        if broken:
            raise self._failed("seed", "; ".join(f"{result.unique_id}: {result.message}" for result in broken))
        return results

    def run(self, names: Collection[str], *, full_refresh: bool) -> list[NodeResult]:
        """Make these models; a model that failed has a status. Raises BuildFailed."""
        return self.execute("run", *(["--full-refresh"] if full_refresh else []), *self._selected("model", names))

    def test(self, names: Collection[str]) -> list[NodeResult]:
        """Run these data tests. Raises BuildFailed."""
        # Tests look up no relations. Models do, and from several threads: there the cache must be filled beforehand.
        options = ("--exclude-resource-type", "unit_test", "--no-populate-cache")
        return self.execute("test", *options, *self._selected("test", names))

    def execute(self, command: str, *options: str) -> list[NodeResult]:
        """Run a dbt command that works on nodes. Raises BuildFailed, also for no node."""
        from dbt.artifacts.schemas.run import RunExecutionResult

        result = self._invoke(command, *options)
        if not isinstance(result, RunExecutionResult) or not result.results:
            raise self._failed(command, "dbt selected nothing")
        return [
            NodeResult(
                unique_id=one.node.unique_id,
                status=str(one.status),
                message=one.message,
                failures=one.failures,
                compiled_sql=getattr(one.node, "compiled_code", None),
                seconds=one.execution_time,
            )
            for one in result.results
        ]

    def docs(self, *, empty: bool) -> Path:
        """Write the documentation; the path of its one HTML page. `empty`: without reading the database."""
        self.write_json = True
        self.parse()
        self._invoke("docs", "generate", "--static", "--no-compile", *(["--empty-catalog"] if empty else []))
        return self.folders.target / "static_index.html"

    def _invoke(self, command: str, *options: str) -> Manifest | RunExecutionResult | None:
        from dbt.cli.main import dbtRunner
        from dbt_common.invocation import get_invocation_id

        from warehouse.build.dbt_store import preparing

        with _quiet(), preparing(self.prepare):
            runner = dbtRunner(manifest=self._manifest, callbacks=[self._on_event])
            outcome = runner.invoke([command, *options, *self._options()])
            self.invocation_id = get_invocation_id()
        if outcome.exception is not None:
            raise self._failed(command, str(outcome.exception)) from outcome.exception
        result: Any = outcome.result
        return result  # type: ignore[no-any-return]

    def _selected(self, kind: str, names: Collection[str]) -> list[str]:
        """The options that select these nodes of a kind by name: by naming them, or those to be left out if they are
        fewer, since dbt compares each name with each node."""
        nodes = self.parse()["nodes"].values()
        others = {node["name"] for node in nodes if node["resource_type"] == kind}.difference(names)
        if not others:
            return []
        is_exclusion = len(others) < len(names)
        return ["--exclude" if is_exclusion else "--select", " ".join(sorted(others if is_exclusion else names))]

    def _options(self) -> list[str]:
        paths = {
            "--project-dir": self.folders.project,
            "--profiles-dir": self.folders.profile,
            "--target-path": self.folders.target,
            "--log-path": self.folders.logs,
        }
        path_options = [text for option, path in paths.items() for text in (option, str(path))]
        artefacts = "--write-json" if self.write_json else "--no-write-json"
        return [*path_options, "--log-level", "none", "--log-level-file", "info", artefacts, *_FLAGS]

    def _on_event(self, event: Any) -> None:
        """Called by dbt for each of its events, from its worker threads."""
        name = event.info.name
        if name == _STARTED:
            self.progress(f"{event.data.index} of {event.data.total}: {event.data.description}")
        elif event.info.level == "warn" and not name.startswith(_RESULTS) and event.info.msg not in self.warnings:
            self.warnings.append(event.info.msg)

    def _failed(self, command: str, why: str) -> BuildFailed:
        return BuildFailed(
            f"dbt {command} did not run: {why}",
            left="receipts and the last release are untouched; the next build repeats this run's work",
            next_step=f"read {self.folders.logs / 'dbt.log'}, repair, then `citylake build`",
        )


def _as_data(manifest: Manifest) -> dict[str, Any]:
    """The manifest as plain data, without what is not read here: descriptions of macros, exposures, disabled nodes."""
    manifest.build_parent_and_child_maps()  # type: ignore[no-untyped-call]  # dbt is not typed
    return {
        "nodes": {name: node.to_dict() for name, node in manifest.nodes.items()},
        "sources": {name: source.to_dict() for name, source in manifest.sources.items()},
        "macros": {
            name: {
                "name": macro.name,
                "package_name": macro.package_name,
                "macro_sql": macro.macro_sql,
                "depends_on": {"macros": list(macro.depends_on.macros)},
            }
            for name, macro in manifest.macros.items()
        },
        "parent_map": manifest.parent_map,
    }


_FLAGS = (
    "--no-send-anonymous-usage-stats",
    "--no-version-check",
    "--no-use-colors",
    "--no-use-colors-file",
    "--no-print",
    "--partial-parse",
)


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress deprecation warnings of dbt and its libraries and, where dbt's log cannot be written (a full disk), the
    traceback that logging prints for every line. Afterwards dbt's connections and caches are released."""
    raising = logging.raiseExceptions
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.raiseExceptions = False
        try:
            yield
        finally:
            logging.raiseExceptions = raising
            _release_dbt()


@contextmanager
def freeing_dbt() -> Iterator[None]:
    """Collect garbage at the end of the block; for processes that end without clean-up, such as Airflow's forked tasks.

    dbt's adapter and manifest hold semaphores in reference cycles. Without this, multiprocessing's resource tracker
    warns of leaked semaphores in the task's log.
    """
    try:
        yield
    finally:
        gc.collect()


def _release_dbt() -> None:
    """Release what dbt keeps after a command: the database connection with its lock, the adapter, the event
    callback."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import reset_adapters
    from dbt_common.events.event_manager_client import cleanup_event_logger

    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]  # dbt-duckdb is not typed
    reset_adapters()  # type: ignore[no-untyped-call]  # nor is dbt
    cleanup_event_logger()
