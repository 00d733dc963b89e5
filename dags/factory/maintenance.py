"""Build the maintenance DAGs: one task each, which a command of `citylake` can also do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task

from dags.factory.assets import product, products, release
from dags.factory.failures import report_failure
from dags.factory.settings import (
    ALWAYS,
    LONGEST_TASK,
    Place,
    cron_schedule,
    display_name,
    has_ended,
    on_build_host,
)
from dags.factory.words import schedule_words
from ingestion.settings import Settings
from warehouse.runbooks import runbook_link


@dataclass(frozen=True)
class Chore:
    """One maintenance DAG. `when` is a cron expression in the city's time, or None for after every release.

    `operation` names a function of dags.factory.maintenance_tasks, `command` is the command line that does the same,
    `description` is shown in Airflow, `runbook` is where an operator reads more.
    """

    name: str
    title: str
    when: str | None
    operation: str
    command: str
    description: str
    runbook: str


CHORES = (
    Chore(
        "incidents",
        "事件通知",
        "*/15 * * * *",
        "incidents",
        "citylake incidents sweep",
        "Finds what is late, refused, held or blocked, notifies each steward once, and again when it is over. "
        "查找迟到、退回、待确认和未放行的情况，通知数据管理员一次，结束时再通知。",
        "incident",
    ),
    Chore(
        "unpublish",
        "到期下架",
        "5 * * * *",
        "unpublish",
        "citylake maintain unpublish",
        "Takes records whose last day is over out of the open edition, also where nothing was delivered or built; just "
        "after midnight, and every hour in case that one failed. "
        "有效期已过的记录移出开放版。",
        "retention-and-erasure",
    ),
    Chore(
        "compaction",
        "小文件合并",
        "10 2 * * *",
        "compaction",
        "citylake maintain compact",
        "Merges small bronze files that are settled, beside their members: builds open fewer files. "
        "合并已稳定的小文件。",
        "retention-and-erasure",
    ),
    Chore(
        "retention",
        "保留期限",
        "40 2 * * *",
        "retention",
        "citylake maintain expire",
        "Removes raw bytes and refused rows past the retention of their contract; a tombstone stays. "
        "删除超过保留期限的原始文件和退回行。",
        "retention-and-erasure",
    ),
    Chore(
        "orphans",
        "孤儿对象清理",
        "10 3 * * 0",
        "orphans",
        "citylake maintain collect",
        "Removes objects that no receipt and no release names, older than a week. 删除无人引用的对象。",
        "retention-and-erasure",
    ),
    Chore(
        "reconcile",
        "逐级对账",
        "40 3 * * *",
        "reconcile",
        "citylake reconcile",
        "Compares every stage with the one before, from the departments' files to the releases; the page shows what is "
        "off. 逐级核对，从报送文件到发布版本。",
        "incident",
    ),
    Chore(
        "docs",
        "数据文档",
        None,
        "docs",
        "citylake docs",
        "Writes dbt's documentation with the columns of the release that has just been published. "
        "发布后更新数据文档和运维手册。",
        "incident",
    ),
)

_DOC = """# {title} · {name}

{description}

## When it runs · 何时运行

{when}

By hand: `{command}`. Safe to run again at any time: a run that was interrupted is completed by the next. 可重复运行。

## When it is red · 变红时

The log says which object or service failed. Nothing that counts was changed: *Clear* the task once it is repaired. \
More: {runbook}. 日志说明失败的对象或服务;修复后清除任务即可重跑。
"""


def maintenance_dags() -> dict[str, DAG]:
    """Every maintenance DAG, by id."""
    settings = Settings()
    return {f"maintenance.{chore.name}": _dag(chore, settings) for chore in CHORES}


def _dag(chore: Chore, settings: Settings) -> DAG:
    with DAG(
        dag_id=f"maintenance.{chore.name}",
        dag_display_name=display_name(Place.MAINTENANCE, "维护", chore.title, chore.name),
        description=chore.description,
        doc_md=_doc(chore, settings),
        schedule=cron_schedule(chore.when, settings.timezone, settings) if chore.when else [release()],
        start_date=ALWAYS,
        catchup=False,
        max_active_runs=1,
        tags=["maintenance"],
        default_args={
            "owner": "data office",
            "retries": 1,
            "retry_delay": timedelta(seconds=settings.retry_delay_seconds),
            "execution_timeout": LONGEST_TASK,
            "on_failure_callback": report_failure,
            **on_build_host(settings),
        },
    ) as dag:
        _task(chore, settings)()
    return dag


def _doc(chore: Chore, settings: Settings) -> str:
    return _DOC.format(
        title=chore.title,
        name=chore.name,
        description=chore.description,
        command=chore.command,
        when=_when(chore, settings),
        runbook=runbook_link(settings, chore.runbook),
    )


def _when(chore: Chore, settings: Settings) -> str:
    if chore.when is None:
        return "After every release. 每次发布之后。"
    if has_ended(settings.timezone, settings):
        ended = settings.schedule_until
        return f"The schedule ended on {ended}: Next Run is empty, a run starts only when it is triggered. 排期已结束。"
    words = schedule_words(chore.when)
    return f"{words.en}, city time. {words.zh}(本市时间)。"


def _task(chore: Chore, settings: Settings) -> Callable[[], Any]:
    # The documentation shows what was released, so the assets of the products have a reader and are never without one.
    inlets = [] if chore.when else [product(name, title) for name, title in products(settings).items()]

    @task(task_id=chore.operation, inlets=inlets)
    def run(operation: str) -> None:
        """Run the operation."""
        from dags.factory import maintenance_tasks

        maintenance_tasks.run(operation)

    return lambda: run(chore.operation)
