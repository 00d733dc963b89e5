"""Runs of a day that may be killed: one process imports everything once and forks a child for each run.

Usage: chaos_child.py EVENTS, the descriptor that gets one JSON line an event. Requests are JSON lines on the input:
`{"environment": {…}, "day": date, "way": "run" or "tasks"}`. `run` is the function behind `citylake run`; `tasks`
are the halves that Airflow's tasks call, one after the other. A child tells its pid, each step it begins,
each model and test that dbt begins, each point of a commit and each write; this process tells how the child ended.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import dbt.adapters.duckdb
import dbt.cli.main  # noqa: F401
import pyarrow.parquet  # noqa: F401

from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from ingestion.store import Store
from warehouse.build.report import BuildReport, last_report
from warehouse.build.runner import make_models, test_models
from warehouse.capture import Extracted, conform_days, extract_days
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.release.pointer import released_inputs
from warehouse.run import ALL_PASSED, SOME_BLOCKED, run
from warehouse.sql import query  # noqa: F401

_AFTER = {"landed_manifest": "conform", "committed": "ingest"}
"""In a run a file is landed, then conformed, then the next one landed."""
DEFECT = 70


class Recorder:
    """Events of a child process, a line each, written at once: of a killed child none is missing."""

    def __init__(self, events: int) -> None:
        self._events = events
        self.step = "ingest"

    def event(self, **facts: Any) -> None:
        line = json.dumps({"at": time.monotonic(), **facts}) + "\n"
        os.write(self._events, line.encode())

    def begin(self, step: str) -> None:
        self.step = step
        self.event(step=step)


class RecordingStore:
    """The real store; each write is recorded before it is done."""

    def __init__(self, store: Store, recorder: Recorder) -> None:
        self._store = store
        self._recorder = recorder

    def __getattr__(self, name: str) -> Any:
        if name in ("put_file", "put_bytes", "replace"):
            self._recorder.begin(self._recorder.step)
        return getattr(self._store, name)


def main(events: int) -> None:
    recorder = Recorder(events)
    os.write(events, b'{"ready": true}\n')
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _child(json.loads(line), recorder)
        _, status = os.waitpid(pid, 0)
        recorder.event(exit=os.waitstatus_to_exitcode(status))


def _child(request: dict[str, Any], recorder: Recorder) -> None:
    code = DEFECT
    try:
        recorder.event(pid=os.getpid())
        os.environ.update(request["environment"])
        way = {"run": _run, "tasks": _tasks}[request["way"]]
        lake = open_lake(Settings())
        lake = replace(lake, store=RecordingStore(lake.store, recorder))  # type: ignore[arg-type]
        code = way(lake, date.fromisoformat(request["day"]), recorder)
    except BaseException:
        recorder.event(error=traceback.format_exc())
    finally:
        os._exit(code)


def _run(lake: Lake, day: date, recorder: Recorder) -> int:
    def progress(message: str) -> None:
        first = message.split(" ", 1)[0]
        model_or_test = "test" if ": test" in message else recorder.step
        recorder.begin(first if first in ("ingest", "build", "gate", "publish") else model_or_test)

    report = run(
        replace(lake, on_step=lambda name: recorder.begin(_AFTER.get(name, recorder.step))), day, progress=progress
    )
    if report.failures:
        recorder.event(error=json.dumps(report.failures))
    return report.exit_code


def _tasks(lake: Lake, day: date, recorder: Recorder) -> int:
    lake = replace(lake, on_step=lambda _: recorder.begin(recorder.step))
    landed = {name: Extracted() for name in lake.contracts}
    for name, contract in lake.contracts.items():
        recorder.begin("ingest")
        extract_days(lake, contract, day, day, landed[name])
    for name, contract in lake.contracts.items():
        recorder.begin("conform")
        list(conform_days(lake, contract, day, day, landed[name].waiting))
    recorder.begin("build")
    make_models(lake, day, released=released_inputs(lake), progress=lambda _: recorder.begin("build"))
    recorder.begin("test")
    test_models(lake, progress=lambda _: recorder.begin("test"))
    recorder.begin("gate")
    verdicts = gate(lake, _report(lake))
    recorder.begin("publish")
    publish(lake, _report(lake), verdicts, approver="tasks")
    return ALL_PASSED if all(verdict.decision == "passed" for verdict in verdicts) else SOME_BLOCKED


def _report(lake: Lake) -> BuildReport:
    report = last_report(lake.settings)
    if report is None:
        raise RuntimeError("the build left no report")
    return report


if __name__ == "__main__":
    main(int(sys.argv[1]))
