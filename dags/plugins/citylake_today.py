"""Airflow's plugin of the page "today": mounts it at /today and puts it into the menu.

Only the API server is given this folder (infra/stack/airflow.py, docker-compose.yml).
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from dags.today.mount import app, menu


class Today(AirflowPlugin):
    """The page."""

    name = "citylake_today"
    fastapi_apps = [app()]  # noqa: RUF012 - as Airflow declares it
    external_views = [menu()]  # noqa: RUF012 - as Airflow declares it
