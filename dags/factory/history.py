"""Build the DAG `history`: a run loads files of one feed from the drop folder, then the warehouse follows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, task

from dags.factory.assets import history
from dags.factory.failures import report_failure
from dags.factory.settings import ALWAYS, LONGEST_TASK, Place, day_param, display_name, never
from ingestion.contract.load import read_feeds
from ingestion.settings import Settings
from warehouse.runbooks import runbook_link

_DOC = """# History · 历史数据装载

*Trigger* it with a feed and the files that its department handed over; they lie below the drop folder, such as \
`history/jtj/*.csv`. A file named as the contract's source says is one delivery. Any other holds many intervals, is \
divided by event time, and is one delivery of all of them; rows outside `from` and `to` go to quarantine. `dry_run` \
says in the log of `load` what would happen. 选择数据和部门移交的文件后手动触发;`dry_run` 只试算。

By hand: `citylake load FEED FILES… [--from --to] [--dry-run]`. Safe to run again at any time: what was loaded is \
known by its bytes. More: {history}. 可重复运行，已装载的文件不会重复装载。

## When it runs · 何时运行

Only when somebody triggers it. 仅手动触发。

## When it is red · 变红时

| task 任务 | means 含义 | do 处理 |
|---|---|---|
| load | No file was found, a file could not be read, or the store failed; what was loaded before stays. \
找不到或读不了文件，或存储故障;已装载的保留。 | repair it, then *Clear* the task |
| needs_attention | A file was refused or is held, the log says why; the others were taken in. \
有文件被退回或待确认，其余已入库。 | `citylake quarantine FEED`, `citylake held`; {refused} |
"""


def history_dag() -> DAG:
    """The DAG `history`."""
    settings = Settings()
    feeds = sorted(read_feeds(settings.contracts).active)
    with DAG(
        dag_id="history",
        dag_display_name=display_name(Place.HISTORY, "历史数据装载", "history"),
        description="Loads what a department hands over of the past, when it is triggered. 装载部门移交的历史数据。",
        doc_md=_DOC.format(
            history=runbook_link(settings, "history"), refused=runbook_link(settings, "refused-delivery")
        ),
        schedule=never("手动 when triggered"),
        start_date=ALWAYS,
        catchup=False,
        max_active_runs=4,
        tags=["history"],
        params={
            "feed": Param(
                feeds[0] if feeds else None, type=["null", "string"], enum=feeds or [None], title="Feed / 数据"
            ),
            "files": Param(
                "history/*", type="string", title="Files / 文件", description="Pattern below the drop folder."
            ),
            "from": day_param("From / 起", "First local day of bulk files; default all that have ended."),
            "to": day_param("To / 止", "Last local day of bulk files."),
            "dry_run": Param(False, type="boolean", title="Dry run / 试运行"),
        },
        default_args={
            "owner": "data office",
            "retries": 1,
            "retry_delay": timedelta(seconds=settings.retry_delay_seconds),
            "execution_timeout": LONGEST_TASK,
            "on_failure_callback": report_failure,
        },
    ) as dag:
        _load() >> _needs_attention()
    return dag


def _load() -> Any:
    @task.short_circuit(task_id="load", outlets=[history()])
    def load() -> bool:
        """Load the files; true where the steward or the operator must act."""
        from dags.factory import history_tasks

        return history_tasks.load()

    return load()


def _needs_attention() -> Any:
    @task(task_id="needs_attention", retries=0, on_failure_callback=None)
    def needs_attention() -> None:
        """Fail, naming the files that were refused or are held."""
        from dags.factory import history_tasks

        history_tasks.needs_attention()

    return needs_attention()
