"""Build the warehouse DAG: build → test → gate → publish, then a task that fails where a product is blocked.

An asset event of any feed triggers it. A run reads its work from receipts when it starts, so one run does the work of
many events, and a run too many finds nothing new. Only one run is active at a time, and its tasks share a pool of one
slot, because the build file has one writer. With many workers they run on the host that has it (`on_build_host`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, AssetAny, Param, task

from dags.factory.assets import bronze, history, release, released
from dags.factory.failures import report_failure
from dags.factory.settings import LONGEST_TASK, Place, day_param, display_name, on_build_host
from ingestion.contract.load import read_feeds
from ingestion.settings import Settings
from warehouse.runbooks import runbook_link

POOL = "build"
_DOC = """# The warehouse · 政务数据仓库

`build` runs every model that has something new, `test` every check, `gate` judges each data product, `publish` \
releases those that passed. A blocked product keeps the tables of its last good release; the others are published. \
依次构建、检查、裁定、发布;未通过的数据产品保留上一次发布的表，其余照常发布。

## When it runs · 何时运行

Whenever a feed has brought something new, or a history load has: there is no clock, so Next Run shows what it waits \
for. 任一数据有新内容即运行，没有固定时刻。

## When it is red · 变红时

| task 任务 | means 含义 | do 处理 |
|---|---|---|
| build, test | dbt could not run (the log names the model and file) or the store failed; the last release stays. \
构建失败，上一次发布保留。 | repair it, then *Clear* the task |
| gate, publish | The store failed, or another publisher moved the release. 存储故障，或另有进程已发布。 | *Clear* it; \
then `citylake reconcile` |
| blocked_products | **Everything that passed was published**; the log names the products that did not, and why. \
通过的都已发布;日志列出未通过的产品及原因。 | `citylake gate --explain PRODUCT`; \
a corrected delivery turns it green by itself: {refused} |

A release that should not have gone out is taken back with `citylake rollback`: {rollback}. 误发布可回退。

*Trigger* with `full_refresh` to make every table again from bronze. 勾选后全部重建。
"""


def warehouse_dag() -> DAG:
    """The DAG `warehouse`."""
    settings = Settings()
    feeds = [bronze(contract) for contract in read_feeds(settings.contracts).active.values()]
    with DAG(
        dag_id="warehouse",
        dag_display_name=display_name(Place.WAREHOUSE, "政务数据仓库", "warehouse"),
        description="Build, check, judge and release what has something new. 构建、检查、裁定、发布。",
        doc_md=_DOC.format(
            refused=runbook_link(settings, "refused-delivery"), rollback=runbook_link(settings, "rollback")
        ),
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
    @task.short_circuit(task_id="publish", outlets=[release(), released()])
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
