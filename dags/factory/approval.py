"""Build the DAG that asks for approval of the open edition: `candidate` → `approval` → `publish_open`.

An event of the release asset triggers it. A run asks about the candidate that waits then; a newer run does not wait for
an older question, and an answer to a question that was superseded publishes nothing (docs/adr/0035). There is no such
DAG where CITYLAKE_OPEN_APPROVAL is not set.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, task

from dags.factory.assets import release
from dags.factory.failures import report_failure
from dags.factory.settings import ALWAYS, LONGEST_TASK, Place, display_name, on_build_host
from ingestion.settings import Settings

DAG_ID = "open_release"
APPROVAL = "approval"
QUESTIONS = 64
"""Runs at a time: most wait for an answer and hold no slot; questions that were superseded end with their timeout."""
TRIES_WHILE_BUSY = 10
LONGEST_PAUSE = timedelta(minutes=5)
DOC = """# Approval of the open edition · 开放版发布审批

What is new for the open edition waits here until a person approves it; the internal edition never waits, and records
whose last day is over leave at once. Answer under *Required Actions* with a reason, or on the page *Today*; not by the
person who triggered the run of `warehouse`, or of a feed behind it, or this run.

开放版的新内容经人工审批后发布；内部版不等待，到期记录即时下架。请在 *Required Actions* 中填写理由后答复。
触发数据仓库运行、其报送运行或本运行的人不得审批。

| answer | what happens |
|---|---|
| Approve | exactly what was asked about is published; nothing where something else waits by now (see the log) |
| Reject | the open edition stays; this candidate is not asked about again, one with other rows is |
| none in time | the open edition stays; the candidate still waits |

## When it is red · 变红时

| task | means | do |
|---|---|---|
| `approval` | the answer had no reason, or nobody answered in time | *Clear* it: the question is asked again |
| `publish_open` | its log says which: the person triggered it, something else waits by now, or the store failed | \
another person: *Clear* `approval` and answer; for what is newer, answer the newer run; repair the store, then *Clear* \
`publish_open` |

By hand: `citylake approve` shows what waits.
"""


def approval_dags() -> dict[str, DAG]:
    """The DAG by its id; none where nobody is to be asked."""
    settings = Settings()
    return {DAG_ID: _dag(settings)} if settings.open_approval else {}


def _dag(settings: Settings) -> DAG:
    from dags.factory.approval_operator import OpenApproval

    with DAG(
        dag_id=DAG_ID,
        dag_display_name=display_name(Place.RELEASE, "开放版发布审批", "open_release"),
        doc_md=DOC,
        schedule=[release()],
        start_date=ALWAYS,
        catchup=False,
        max_active_runs=QUESTIONS,
        max_active_tasks=QUESTIONS,
        tags=["warehouse"],
        default_args={
            "owner": "data office",
            "retries": 2,
            "retry_delay": timedelta(seconds=settings.retry_delay_seconds),
            "retry_exponential_backoff": True,
            "max_retry_delay": LONGEST_PAUSE,
            "execution_timeout": LONGEST_TASK,
            "on_failure_callback": report_failure,
            **on_build_host(settings),
        },
    ) as dag:
        approval = OpenApproval(
            task_id=APPROVAL,
            subject="{{ ti.xcom_pull(task_ids='candidate', key='question')['subject'] }}",
            body="{{ ti.xcom_pull(task_ids='candidate', key='question')['body'] }}",
            params={
                "reason": Param(
                    "", type="string", maxLength=500, title="Reason / 理由", description="Why, for the record. 必填。"
                )
            },
            response_timeout=settings.approval_timeout,
            execution_timeout=None,
            retries=0,
            on_failure_callback=None,
        )
        _candidate() >> approval >> _publish_open()
    return dag


def _candidate() -> Any:
    @task.short_circuit(task_id="candidate")
    def candidate() -> bool:
        """Is there something nobody is asked about yet? Composes the question."""
        from dags.factory import approval_tasks

        return approval_tasks.candidate()

    return candidate()


def _publish_open() -> Any:
    # In no pool: a build that runs is met by its lock, and the task is tried again.
    @task(task_id="publish_open", retries=TRIES_WHILE_BUSY)
    def publish_open() -> str:
        """Publish what was approved."""
        from dags.factory import approval_tasks

        return approval_tasks.publish_open()

    return publish_open()
