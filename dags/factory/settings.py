"""What all DAGs share: start date, time limit, parameters for days, schedules, and the queue of the build host."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import CronTriggerTimetable, Param

from ingestion import clocks
from ingestion.settings import Settings

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
"""A DAG's start. Airflow makes no task for a run dated before a DAG's start or after its end, and calls the empty run a
success; so neither bounds a run here; `cron_schedule` decides when a schedule begins and ends."""
LONGEST_TASK = timedelta(hours=2)


def day_param(title: str, description: str) -> Param:
    """A parameter for a local day in Airflow's trigger form; empty by default."""
    return Param(None, type=["null", "string"], format="date", title=title, description=description)


def on_build_host(settings: Settings) -> dict[str, str]:
    """Arguments of a task that only the host with the build file may run: its queue, where one is set.

    Tasks of feeds have none: any worker of Airflow's default queue runs them (docs/runbooks/many-hosts.md).
    """
    return {"queue": settings.warehouse_queue} if settings.warehouse_queue else {}


def cron_schedule(
    cron: str, timezone: str, settings: Settings, *, since: date | None = None
) -> CronTriggerTimetable | None:
    """The schedule of a cron expression in a time zone, while today lies between `since` and the last day of the
    settings.

    None outside these days: the DAG then runs only when it is triggered.
    """
    today = clocks.now().astimezone(ZoneInfo(timezone)).date()
    until = settings.schedule_until
    if (since is not None and today < since) or (until is not None and today > until):
        return None
    return CronTriggerTimetable(cron, timezone=timezone)
