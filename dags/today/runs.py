"""Links of a feed's page to Airflow's runs, and to the runbook of its state."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dags.today.airflow_rest import AirflowRefused, AirflowRest

if TYPE_CHECKING:
    from ingestion.settings import Settings

log = logging.getLogger("citylake.today")
EVENTS = 50
RUNBOOKS = {
    "unreachable": "source-unreachable",
    "failed": "incident",
    "refused": "refused-delivery",
    "held": "held-correction",
    "late": "late-delivery",
    "blocked": "incident",
}
"""State to the runbook that says what to do."""


def runs_of(airflow: AirflowRest, feed: str) -> dict[str, str]:
    """Batch to the id of the run that took it in, of the newest runs, as their asset events say.

    Empty where Airflow does not answer; the page then links all runs of the feed.
    """
    try:
        events = airflow.get("/assets/events", source_dag_id=feed, order_by="-timestamp", limit=EVENTS)["asset_events"]
    except AirflowRefused as error:
        log.warning("runs of %s are not linked: %s", feed, error.message)
        return {}
    found: dict[str, str] = {}
    for event in events:
        for batch in (event.get("extra") or {}).get("batch") or []:
            found.setdefault(str(batch), str(event["source_run_id"]))
    return found


def runbook_of(settings: Settings, state: str) -> str | None:
    """Address of the runbook for a state; None where it needs none, or where no pages are served."""
    from warehouse.runbooks import runbook

    name = RUNBOOKS.get(state)
    return runbook(settings, name) if name and settings.pages_url else None
