"""Build the warehouse DAG: build → test → gate → publish, then a task that fails where a product is blocked.

An asset event of any feed triggers it. A run reads its work from receipts when it starts, so one run does the work of
many events, and a run too many finds nothing new. Only one run is active at a time, and its tasks share a pool of one
slot, because the build file has one writer. With many workers they run on the host that has it (`on_build_host`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, AssetAny, Param, task

from dags.factory.assets import bronze, history, release
from dags.factory.failures import report_failure
from dags.factory.settings import LONGEST_TASK, day_param, on_build_host
from ingestion.contract.load import read_feeds
from ingestion.settings import Settings

POOL = "build"
DOC = """# The warehouse: 政务数据仓库

`build` runs every dbt model that has something new, `test` every check, `gate` judges each data product, `publish`
releases those that passed. A blocked product keeps the tables of its last good release; the others are published.

## When it is red

| task | means | do |
|---|---|---|
| `build`, `test` | dbt could not run (the log names the model and file) or the store failed; the last release stays | \
repair, then *Clear* the task |
| `gate`, `publish` | the store failed, or another publisher moved the release | *Clear* it; `citylake reconcile` |
| `blocked_products` | **everything that passed was published**; its log names the products that did not, and why | \
`citylake gate --explain PRODUCT`; a corrected delivery turns it green by itself |

*Trigger* with `full_refresh` to make every table again from bronze.
"""


def warehouse_dag() -> DAG:
    """The DAG `warehouse`."""
    settings = Settings()
    feeds = [bronze(contract) for contract in read_feeds(settings.contracts).active.values()]
    with DAG(
        dag_id="warehouse",
        dag_display_name="政务数据仓库 · warehouse",
        doc_md=DOC,
        schedule=AssetAny(*feeds, history()) if feeds else None,
        catchup=False,
        max_active_runs=1,
        tags=["warehouse"],
        params={
            "as_of": day_param("As of / 截至", "Local day judged; default today."),
            "full_refresh": Param(False, type="boolean", title="Full refresh / 全量重建"),
        },
        default_args={
            "owner": "data office",
            "retries": 2,
            "retry_delay": timedelta(seconds=settings.retry_delay_seconds),
            "retry_exponential_backoff": True,
            "execution_timeout": LONGEST_TASK,
            "pool": POOL,
            "on_failure_callback": report_failure,
            **on_build_host(settings),
        },
    ) as dag:
        _build() >> _test() >> _gate() >> _publish() >> _blocked_products()
    return dag


def _build() -> Any:
    @task(task_id="build")
    def build() -> None:
        """Bring the build file to the effective files: dbt run."""
        from dags.factory import warehouse_tasks

        warehouse_tasks.build()

    return build()


def _test() -> Any:
    @task(task_id="test")
    def test() -> None:
        """Run every check: dbt test. A failing check does not fail the task; the gate judges it."""
        from dags.factory import warehouse_tasks

        warehouse_tasks.test()

    return test()


def _gate() -> Any:
    @task(task_id="gate")
    def gate() -> None:
        """Judge every product; verdicts are recorded in the store."""
        from dags.factory import warehouse_tasks

        warehouse_tasks.gate()

    return gate()


def _publish() -> Any:
    @task.short_circuit(task_id="publish", outlets=[release()])
    def publish() -> bool:
        """Release what passed; true where a product is blocked."""
        from dags.factory import warehouse_tasks

        return warehouse_tasks.publish()

    return publish()


def _blocked_products() -> Any:
    @task(task_id="blocked_products", retries=0, on_failure_callback=None)
    def blocked_products() -> None:
        """Fail, naming the blocked products and why they are blocked."""
        from dags.factory import warehouse_tasks

        warehouse_tasks.blocked_products()

    return blocked_products()
