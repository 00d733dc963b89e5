"""What all DAGs share: limits and kinds of parameters."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import CronTriggerTimetable, Param

from ingestion import clocks
from ingestion.settings import Settings

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
"""A DAG's start. Airflow makes no task for a run dated before a DAG's start or after its end, and calls the empty run a
success; so neither bounds a run here: when a schedule begins and ends is said by `ticking`."""
LONGEST_TASK = timedelta(hours=2)


def day_param(title: str, description: str) -> Param:
    """A local day in the trigger form; empty by default."""
    return Param(None, type=["null", "string"], format="date", title=title, description=description)


def ticking(cron: str, timezone: str, settings: Settings, *, since: date | None = None) -> CronTriggerTimetable | None:
    """The schedule, from `since` to the last day of the settings; none outside: then runs are triggered only."""
    today = clocks.now().astimezone(ZoneInfo(timezone)).date()
    until = settings.schedule_until
    if (since is not None and today < since) or (until is not None and today > until):
        return None
    return CronTriggerTimetable(cron, timezone=timezone)
