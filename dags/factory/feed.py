"""Build one DAG for each contract: `extract` lands what the department has, `conform` turns it into bronze.

Maps the fields of a contract to those of a DAG. Airflow parses this again and again, so nothing heavy is imported at
the top; tasks import what they need when they run.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, TriggerRule, task

from dags.factory.assets import bronze
from dags.factory.doc import feed_doc
from dags.factory.failures import report_failure
from dags.factory.settings import (
    ALWAYS,
    LONGEST_TASK,
    Place,
    cron_schedule,
    day_param,
    display_name,
)
from ingestion.contract.load import load_contracts, read_feeds
from ingestion.contract.model import Contract
from ingestion.settings import Settings

MAX_RETRY_DELAY = timedelta(minutes=30)


def feed_dags() -> dict[str, DAG]:
    """The DAG of every feed whose contract is active, by its id `department.feed`.

    A feed whose contract file is wrong has no DAG; `dags/contract_problems.py` shows why.
    """
    settings = Settings()
    return {name: feed_dag(contract, settings) for name, contract in read_feeds(settings.contracts).active.items()}


def require_sound() -> None:
    """Raises InvalidContract with every problem of every contract file."""
    load_contracts(Settings().contracts)


def feed_dag(contract: Contract, settings: Settings) -> DAG:
    """The DAG of one contract."""
    spec = contract.citylake
    with DAG(
        dag_id=contract.name,
        dag_display_name=display_name(Place.FEED, spec.catalogue.provider, contract.title, contract.name),
        description=contract.description,
        doc_md=feed_doc(contract, settings),
        owner_links={spec.steward.name: f"mailto:{spec.steward.email}"},
        schedule=cron_schedule(spec.schedule, spec.calendar.timezone, settings, since=spec.calendar.start),
        start_date=ALWAYS,
        catchup=False,
        max_active_runs=1,
        tags=_tags(contract),
        params={
            "from": day_param(
                "From / 起", "First local day; default that of the run's date, and today where that is still to come."
            ),
            "to": day_param("To / 止", "Last local day; default the first."),
        },
        default_args={
            "owner": spec.steward.name,
            "retries": spec.retries,
            "retry_delay": timedelta(seconds=settings.retry_delay_seconds),
            "retry_exponential_backoff": True,
            "max_retry_delay": MAX_RETRY_DELAY,
            "execution_timeout": LONGEST_TASK,
            "on_failure_callback": report_failure,
        },
    ) as dag:
        attention = _needs_attention(contract.name)
        _conform(contract.name, _extract(contract.name), outlets=[bronze(contract)]) >> attention
    return dag


def _extract(feed: str) -> Any:
    @task(task_id="extract", multiple_outputs=False)
    def extract(feed: str) -> dict[str, Any]:
        """Land every new file of the run's days."""
        from dags.factory import feed_tasks

        return feed_tasks.extract(feed)

    return extract(feed)


def _conform(feed: str, extracted: Any, *, outlets: list[Any]) -> Any:
    # ALL_DONE: also after `extract` failed, what had landed by then is conformed.
    @task.short_circuit(task_id="conform", trigger_rule=TriggerRule.ALL_DONE, outlets=outlets)
    def conform(feed: str, extracted: dict[str, Any] | None) -> bool:
        """Conform and commit what landed; true where the steward or the operator must look."""
        from dags.factory import feed_tasks

        return feed_tasks.conform(feed, extracted)

    return conform(feed, extracted)


def _needs_attention(feed: str) -> Any:
    @task(task_id="needs_attention", retries=0, on_failure_callback=None)
    def needs_attention(feed: str) -> None:
        """Fail with what is to be done: a delivery was refused or held, or the source could not be read."""
        from dags.factory import feed_tasks

        feed_tasks.needs_attention(feed)

    return needs_attention(feed)


def _tags(contract: Contract) -> list[str]:
    tags = {f"department:{contract.department}", f"impact:{contract.citylake.impact}", contract.product, "feed"}
    return sorted(tags | ({"synthetic 合成数据"} if contract.citylake.synthetic else set()))
