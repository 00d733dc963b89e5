"""dbt in process: seed, run, test, with its noise in a log file and its progress in a callback.

Owns how dbt is called and closed. What the results mean is read in warehouse.build.collect.
`dbt build` is never used: there a failed test on one department's staging skips other products.
"""

from __future__ import annotations

import gc
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.build.errors import BuildFailed
from warehouse.progress import Progress

if TYPE_CHECKING:
    import duckdb
    from dbt.artifacts.schemas.run import RunExecutionResult
    from dbt.contracts.graph.manifest import Manifest

_STARTED = "LogStartLine"
_RESULTS = ("Log", "RunResult")
"""Events that repeat what the run results say."""


@dataclass(frozen=True)
class DbtFolders:
    """Where the project is, where its profile is, where dbt writes."""

    project: Path
    profile: Path
    target: Path
    logs: Path


def _prepared(_: duckdb.DuckDBPyConnection) -> None:
    """A folder's files are opened as they are."""


@dataclass
class Dbt:
    """One parse, then any number of commands on the same manifest.

    `prepare` lets an engine of dbt's read the store. `warnings` gathers dbt's own warnings (not those of
    tests), each once, in order.
    """

    folders: DbtFolders
    progress: Progress
    prepare: Callable[[duckdb.DuckDBPyConnection], None] = _prepared
    warnings: list[str] = field(default_factory=list)
    _manifest: Manifest | None = None

    def parse(self) -> dict[str, Any]:
        """Read the project, once (partial parsing is kept between runs); the manifest as JSON data."""
        from dbt.contracts.graph.manifest import Manifest

        if self._manifest is None:
            result = self._invoke("parse")
            if not isinstance(result, Manifest):
                raise self._failed("parse", "no manifest came back")
            self._manifest = result
        return self._artifact("manifest.json")

    def seed(self) -> None:
        """Load the reference tables. Raises BuildFailed where one cannot be loaded."""
        broken = [node for node in self.execute("seed", "--full-refresh")["results"] if node["status"] != "success"]
        if broken:
            raise self._failed("seed", "; ".join(f"{node['unique_id']}: {node['message']}" for node in broken))

    def run(self, *, full_refresh: bool) -> dict[str, Any]:
        """Build every model; the run results. A model that fails is a status in them."""
        return self.execute("run", *(["--full-refresh"] if full_refresh else []))

    def test(self) -> dict[str, Any]:
        """Run every data test; the run results. Unit tests run in the project's own test suite."""
        return self.execute("test", "--exclude-resource-type", "unit_test")

    def execute(self, command: str, *options: str) -> dict[str, Any]:
        """Any command that runs nodes; the run results. Raises BuildFailed where it selects nothing."""
        from dbt.artifacts.schemas.run import RunExecutionResult

        result = self._invoke(command, *options)
        if not isinstance(result, RunExecutionResult) or not result.results:
            raise self._failed(command, "dbt selected nothing")
        return self._artifact("run_results.json")

    def docs(self, *, empty: bool) -> Path:
        """The documentation as one page, in the target folder. `empty`: without reading the database."""
        self.parse()
        self._invoke("docs", "generate", "--static", "--no-compile", *(["--empty-catalog"] if empty else []))
        return self.folders.target / "static_index.html"

    def _invoke(self, command: str, *options: str) -> Manifest | RunExecutionResult | None:
        from dbt.cli.main import dbtRunner

        from warehouse.build.dbt_store import preparing

        with _quiet(), preparing(self.prepare):
            runner = dbtRunner(manifest=self._manifest, callbacks=[self._hear])
            outcome = runner.invoke([command, *options, *self._options()])
        if outcome.exception is not None:
            raise self._failed(command, str(outcome.exception)) from outcome.exception
        result: Any = outcome.result
        return result  # type: ignore[no-any-return]

    def _options(self) -> list[str]:
        paths = {
            "--project-dir": self.folders.project,
            "--profiles-dir": self.folders.profile,
            "--target-path": self.folders.target,
            "--log-path": self.folders.logs,
        }
        given = [text for option, path in paths.items() for text in (option, str(path))]
        return [*given, "--log-level", "none", "--log-level-file", "info", *_FLAGS]

    def _hear(self, event: Any) -> None:
        """Called by dbt for each of its events, from its worker threads."""
        name = event.info.name
        if name == _STARTED:
            self.progress(f"{event.data.index} of {event.data.total}: {event.data.description}")
        elif event.info.level == "warn" and not name.startswith(_RESULTS) and event.info.msg not in self.warnings:
            self.warnings.append(event.info.msg)

    def _artifact(self, name: str) -> dict[str, Any]:
        data: dict[str, Any] = json.loads((self.folders.target / name).read_text(encoding="utf-8"))
        return data

    def _failed(self, command: str, why: str) -> BuildFailed:
        return BuildFailed(
            f"dbt {command} did not run: {why}",
            left="receipts and the last release are untouched; the next build repeats this run's work",
            next_step=f"read {self.folders.logs / 'dbt.log'}, repair, then `citylake build`",
        )


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
    """Keep quiet what no one here can act on: deprecation warnings of dbt and its libraries; and, where dbt's log
    cannot be written (a full disk), a traceback a line, since the run's own error says it once."""
    raising = logging.raiseExceptions
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.raiseExceptions = False
        try:
            yield
        finally:
            logging.raiseExceptions = raising
            _let_go()


@contextmanager
def collected() -> Iterator[None]:
    """For a process that ends without a clean-up, as Airflow's forked tasks do: at the end, free what dbt left.

    Its adapter and its manifest each hold a semaphore of the system and lie in cycles. What is still there when the
    process ends is left to multiprocessing's resource tracker, which warns of leaked semaphores in the task's log.
    """
    try:
        yield
    finally:
        gc.collect()


def _let_go() -> None:
    """Make dbt forget what it keeps after its command: the write lock, the adapter, the callback (so the manifest)."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import reset_adapters
    from dbt_common.events.event_manager_client import cleanup_event_logger

    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]  # dbt-duckdb is not typed
    reset_adapters()  # type: ignore[no-untyped-call]  # nor is dbt
    cleanup_event_logger()
