"""Run one local day of the city: ingest, build, gate, publish.

Owns the order of the four steps and the report; the last two also write the status of each edition. No feed stops
another: a refused delivery is an outcome; a source that cannot be read and an unexpected exception are reported as
incidents and failures, a contract file that is wrong as a failure; a feed whose contract is not active is skipped. The
gate then judges the products by what was ingested. Exit codes: 0 all passed, 3 some product is blocked and the rest was
published, 1 a feed or a step failed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from ingestion.contract.model import Contract, not_active
from ingestion.contract.problem import InvalidContract
from ingestion.delivery.outcome import Delivery
from ingestion.errors import CitylakeError
from ingestion.isolation import as_known_error
from ingestion.lake import Lake
from warehouse.capture import Captured, capture
from warehouse.progress import Progress, silent

if TYPE_CHECKING:
    from warehouse.build.report import BuildReport
    from warehouse.publish.run import Published
    from warehouse.verdict import Verdict

ALL_PASSED, ERROR, SOME_BLOCKED = 0, 1, 3


@dataclass
class RunReport:
    """What a run did. `seconds` per step; `failures` are feeds whose source could not be read.

    `known` counts files that were ingested before; `late` are intervals of the day with no file yet, by feed.
    `skipped` are feeds whose contract is not active, and why; a contract file that is wrong is among the failures.
    """

    day: date
    deliveries: list[Delivery] = field(default_factory=list)
    known: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    build: BuildReport | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    releases: list[Published] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 all passed, 3 some product blocked, 1 a source or step failed."""
        if self.failures or self.build is None:
            return ERROR
        blocked = any(verdict.decision != "passed" for verdict in self.verdicts)
        return SOME_BLOCKED if blocked else ALL_PASSED


def run(
    lake: Lake,
    day: date,
    *,
    approver: str = "citylake run",
    triggered_by: tuple[str, ...] = (),
    progress: Progress = silent,
) -> RunReport:
    """Ingest every interval that meets the local `day` (and those within each feed's recapture), then one
    build, gate and publish of every edition. `triggered_by` are the people who started it, who may not approve what
    waits for approval then.

    Raises CitylakeError where the build, the gate or the release itself cannot be done; what was
    ingested before stays committed and the next run goes on from it. Records whose last day is over leave the open
    edition even then.
    """
    from warehouse.build.runner import build
    from warehouse.publish.leave import leaving_anyway
    from warehouse.publish.run import publish
    from warehouse.release.pointer import released_inputs
    from warehouse.status.refresh import judge, rewrite

    report = RunReport(day)
    report.failures |= {name: str(InvalidContract(problems)) for name, problems in lake.broken.items()}
    with _timed(report, "ingest"):
        for name, contract in lake.contracts.items():
            if not contract.is_active:
                report.skipped[name] = not_active(contract.status)
                continue
            progress(f"ingest {name}")
            _ingest_feed(lake, contract, day, report)
    with leaving_anyway(lake):
        with _timed(report, "build"):
            progress("build")
            report.build = build(lake, day, released=released_inputs(lake), progress=progress)
        with _timed(report, "gate"):
            progress("gate")
            report.verdicts = judge(lake, report.build)
        with _timed(report, "publish"):
            progress("publish")
            report.releases = publish(lake, report.build, report.verdicts, approver=approver, triggered_by=triggered_by)
            rewrite(lake)
    return report


def _ingest_feed(lake: Lake, contract: Contract, day: date, report: RunReport) -> None:
    name = f"{contract.department}.{contract.feed}"
    captured = Captured()
    error: CitylakeError | None = None
    try:
        capture(lake, contract, day, captured)
    except Exception as raised:
        error = as_known_error(raised, lake.settings, "ingest", feed=name)
        report.failures[name] = str(error)
    _report_incidents(lake, name, captured.deliveries, error)
    report.deliveries += captured.deliveries
    report.known += captured.known
    if captured.awaited:
        report.late[name] = captured.awaited


def _report_incidents(lake: Lake, feed: str, deliveries: list[Delivery], error: CitylakeError | None) -> None:
    """Open and resolve the feed's incidents. An exception is only written to a crash log, as the deliveries are
    committed;
    the next sweep finds what the receipts say."""
    from warehouse.incidents.deliveries import report_deliveries, report_feed

    try:
        report_feed(lake, feed, error)
        report_deliveries(lake, deliveries)
    except Exception as failure:
        as_known_error(failure, lake.settings, "incidents", feed=feed)


@contextmanager
def _timed(report: RunReport, step: str) -> Iterator[None]:
    started = time.monotonic()
    try:
        yield
    finally:
        report.seconds[step] = time.monotonic() - started
