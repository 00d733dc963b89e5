"""Airflow's scheduler loads this folder as its plugins: the listener that writes the notes of runs.

Only the scheduler is told of it (infra/stack/airflow.py, docker-compose.yml).
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from dags.factory import run_notes


class RunNotes(AirflowPlugin):
    """Notes of runs."""

    name = "citylake_run_notes"
    listeners = [run_notes]  # noqa: RUF012 - as Airflow declares it
