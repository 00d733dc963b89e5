"""Open and resolve incidents from tasks: a failed task, a task that succeeded again, deliveries, the sweep.

An exception while doing so is logged in one line and never raised, since it would hide the failure that is reported or
fail a task that committed its work. The next sweep finds what was not recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dags.factory.runtime import AskedWrong, log, open_lake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.delivery.outcome import Delivery
    from ingestion.lake import Lake
    from warehouse.incidents.model import Kind

EXTRACT = "extract"


def report_failure(context: Any) -> None:
    """Airflow's `on_failure_callback`: open, or count again, an incident of the DAG (a feed or the warehouse).

    Nothing is recorded for AskedWrong, a mistake of the person who triggered the run or answered its question.
    """
    from warehouse.incidents.report import report

    if isinstance(context.get("exception"), AskedWrong):
        return
    task = context["ti"]
    reason = str(context.get("exception") or "the process ended without an error message").splitlines()
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
    """Resolve the incident that an earlier failure of this task opened."""
    from warehouse.incidents.report import resolve

    try:
        resolve(lake, _kind(task), subject, f"{task} went through")
    except Exception as error:
        _log_failure("ended", error)


def notify_deliveries(lake: Lake, deliveries: Sequence[Delivery], *, is_source_read: bool) -> None:
    """Open and resolve incidents by a feed's deliveries. `is_source_read` says that `extract` succeeded."""
    from warehouse.incidents.deliveries import report_deliveries

    try:
        report_deliveries(lake, deliveries, is_source_read=is_source_read)
    except Exception as error:
        _log_failure("reported", error)


def _log_failure(done: str, error: Exception) -> None:
    """Log an exception met while incidents were to be `done` (reported, ended, swept)."""
    from ingestion.isolation import as_known_error
    from ingestion.settings import Settings

    log.warning("incidents were not %s: %s", done, as_known_error(error, Settings(), "incidents"))


def _kind(task: str) -> Kind:
    return "source_unreachable" if task == EXTRACT else "task_failed"


def notify(lake: Lake) -> None:
    """Run the sweep of incidents, which writes the status too (warehouse.status.refresh), and log its counts."""
    from warehouse.status.refresh import sweep

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
