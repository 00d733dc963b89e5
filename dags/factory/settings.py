"""What all DAGs share: limits and kinds of parameters."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param

LONGEST_TASK = timedelta(hours=2)


def day_param(title: str, description: str) -> Param:
    """A local day in the trigger form; empty by default."""
    return Param(None, type=["null", "string"], format="date", title=title, description=description)
