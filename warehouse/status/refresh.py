"""The gate and the sweep as everybody calls them: what they find is then written as the status of each edition.

Nothing else calls the gate or the sweep (a rule of import-linter), so that no status is older than the newest verdicts
and incidents. That the status or a mail could not be written fails neither: it is logged, and the next one repairs it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from ingestion.isolation import as_known_error
from ingestion.lake import Lake
from warehouse.gate.decide import gate
from warehouse.incidents import sweep as incidents
from warehouse.incidents.sweep import Swept
from warehouse.status.read import read_status
from warehouse.status.write import write_status
from warehouse.stewards.mail import send_due

if TYPE_CHECKING:
    from warehouse.build.report import BuildReport
    from warehouse.verdict import Verdict

__all__ = ["Swept", "judge", "rewrite", "sweep"]

log = logging.getLogger(__name__)


def judge(lake: Lake, report: BuildReport) -> list[Verdict]:
    """Judge every product of the build, then write the status. Raises what the gate raises."""
    verdicts = gate(lake, report)
    rewrite(lake)
    return verdicts


def sweep(lake: Lake, now: datetime | None = None) -> Swept:
    """Open, count and resolve incidents and send notices, mail stewards what is due, then write the status.

    Raises what the sweep of incidents raises.
    """
    swept = incidents.sweep(lake, now)
    _attempt(lake, "mail to stewards was not sent", "mail", lambda: _mail(lake, swept))
    rewrite(lake, now)
    return swept


def rewrite(lake: Lake, now: datetime | None = None) -> bool:
    """Write the status of each edition as it is now; False, after a line in the log, where that failed."""
    return _attempt(lake, "the status was not written", "status", lambda: write_status(lake, read_status(lake, now)))


def _mail(lake: Lake, swept: Swept) -> None:
    """Mail stewards what is due by the machine's clock, which receipts have, and add what was sent."""
    mailed = send_due(lake)
    swept.notified.sent += mailed.sent
    swept.notified.failed += mailed.failed


def _attempt(lake: Lake, failed: str, step: str, work: Callable[[], object]) -> bool:
    try:
        work()
    except Exception as error:
        log.warning("%s: %s", failed, as_known_error(error, lake.settings, step))
        return False
    return True
