"""What happens when a task has failed for good: the steward hears of it, once an incident.

Telling must not hide what it tells of: an error while telling is a line in the log, and the sweep tries again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dags.factory.runtime import OutOfRange, log, open_lake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.delivery.outcome import Delivery
    from ingestion.lake import Lake
    from warehouse.incidents.model import Kind

EXTRACT = "extract"


def report_failure(context: Any) -> None:
    """Airflow's callback: opens (or counts) an incident on the feed or the warehouse, but for days typed wrong."""
    from warehouse.incidents.report import report

    if isinstance(context.get("exception"), OutOfRange):
        return
    task = context["ti"]
    reason = str(context.get("exception") or "the process ended without a word").splitlines()
    try:
        report(
            open_lake(),
            _kind(task.task_id),
            task.dag_id,
            f"{task.task_id}: {reason[0]}",
            left="what was committed stays; the last release stays",
            next_step=f"read the log of {task.dag_id} {task.task_id} in Airflow, repair, clear the task",
            occurrence=f"{task.run_id} {task.task_id}",
        )
    except Exception as error:
        _log_failure("reported", error)


def resolve_incident(lake: Lake, subject: str, task: str) -> None:
    """End what an earlier failure of this task opened."""
    from warehouse.incidents.report import resolve

    try:
        resolve(lake, _kind(task), subject, f"{task} went through")
    except Exception as error:
        _log_failure("ended", error)


def notify_deliveries(lake: Lake, deliveries: Sequence[Delivery], *, is_source_read: bool) -> None:
    """Incidents of a feed that its own deliveries open or end; `is_source_read` says that `extract` succeeded."""
    from warehouse.incidents.deliveries import report_deliveries

    try:
        report_deliveries(lake, deliveries, is_source_read=is_source_read)
    except Exception as error:
        _log_failure("reported", error)


def _log_failure(done: str, error: Exception) -> None:
    """One line: whatever it is, it must not hide what was to be reported, nor undo what the task committed."""
    from ingestion.isolation import as_known_error
    from ingestion.settings import Settings

    log.warning("incidents were not %s: %s", done, as_known_error(error, Settings(), "incidents"))


def _kind(task: str) -> Kind:
    return "source_unreachable" if task == EXTRACT else "task_failed"


def notify(lake: Lake) -> None:
    """Bring incidents in line with receipts and verdicts, and tell who is to be told."""
    from warehouse.incidents.sweep import sweep

    try:
        swept = sweep(lake)
    except Exception as error:
        _log_failure("swept", error)
        return
    log.info(
        "incidents: %d opened, %d ended, %d open; notices: %d sent, %d failed",
        len(swept.opened),
        len(swept.resolved),
        swept.open,
        len(swept.notified.sent),
        len(swept.notified.failed),
    )
