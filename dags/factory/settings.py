"""What all DAGs share: names in Airflow's list and their order, start date, time limit, parameters for days, schedules,
and the queue of the build host."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo

from airflow.sdk import CronTriggerTimetable, Param
from airflow.timetables.events import EventsTimetable  # airflow.sdk's cannot be stored: its `_summary` is missing

from ingestion import clocks
from ingestion.settings import Settings

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
"""A DAG's start. Airflow makes no task for a run dated before a DAG's start or after its end, and calls the empty run a
success; so neither bounds a run here; `cron_schedule` decides when a schedule begins and ends."""
LONGEST_TASK = timedelta(hours=2)


class Place(IntEnum):
    """Where a DAG stands in Airflow's list, which sorts by display name: the way of the data, maintenance last."""

    FEED = 1
    HISTORY = 2
    WAREHOUSE = 3
    RELEASE = 4
    MAINTENANCE = 9


def display_name(place: Place, *parts: str) -> str:
    """The name of a DAG in Airflow's list: `1 · department · title · id`."""
    return " · ".join([str(int(place)), *parts])


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
) -> CronTriggerTimetable | EventsTimetable:
    """The schedule of a cron expression in a time zone, while today lies between `since` and the last day of the
    settings.

    Outside these days one that never ticks, whose name says so where Airflow shows a schedule.
    """
    if has_ended(timezone, settings):
        return never(f"{settings.schedule_until} 已结束 ended")
    if since is not None and _today(timezone) < since:
        return never(f"{since} 起 begins")
    return CronTriggerTimetable(cron, timezone=timezone)


def never(name: str) -> EventsTimetable:
    """A schedule that never ticks, so that Next Run is empty; Airflow shows its name."""
    return EventsTimetable([], description=name)


def has_ended(timezone: str, settings: Settings) -> bool:
    """Is the last day of the schedules over, by the machine's clock? Those of a simulated city end with its days."""
    return settings.schedule_until is not None and _today(timezone) > settings.schedule_until


def _today(timezone: str) -> date:
    return clocks.now().astimezone(ZoneInfo(timezone)).date()
