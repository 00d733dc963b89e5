"""Build the maintenance DAGs: one task each, which a command of `citylake` can also do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task

from dags.factory.assets import release
from dags.factory.failures import report_failure
from dags.factory.settings import ALWAYS, LONGEST_TASK, cron_schedule, on_build_host
from ingestion.settings import Settings


@dataclass(frozen=True)
class Chore:
    """One maintenance DAG. `when` is a cron expression in the city's time, or None for after every release.

    `operation` names a function of dags.factory.maintenance_tasks, `command` is the command line that does the same,
    `description` is shown in Airflow.
    """

    name: str
    title: str
    when: str | None
    operation: str
    command: str
    description: str


CHORES = (
    Chore(
        "incidents",
        "事件通知",
        "*/15 * * * *",
        "incidents",
        "citylake incidents sweep",
        "Finds what is late, refused, held or blocked, notifies each steward once, and again when it is over.",
    ),
    Chore(
        "unpublish",
        "到期下架",
        "5 * * * *",
        "unpublish",
        "citylake maintain unpublish",
        "Takes records whose last day is over out of the open edition, also where nothing was delivered or built; just "
        "after midnight, and every hour in case that one failed.",
    ),
    Chore(
        "compaction",
        "小文件合并",
        "10 2 * * *",
        "compaction",
        "citylake maintain compact",
        "Merges small bronze files that are settled, beside their members: builds open fewer files.",
    ),
    Chore(
        "retention",
        "保留期限",
        "40 2 * * *",
        "retention",
        "citylake maintain expire",
        "Removes raw bytes and refused rows past the retention of their contract; a tombstone stays.",
    ),
    Chore(
        "orphans",
        "孤儿对象清理",
        "10 3 * * 0",
        "orphans",
        "citylake maintain collect",
        "Removes objects that no receipt and no release names, older than a week.",
    ),
    Chore(
        "reconcile",
        "逐级对账",
        "40 3 * * *",
        "reconcile",
        "citylake reconcile",
        "Compares every stage with the one before, from the departments' files to the releases; the page shows what is "
        "off.",
    ),
    Chore(
        "docs",
        "数据文档",
        None,
        "docs",
        "citylake docs",
        "Writes dbt's documentation with the columns of the release that has just been published.",
    ),
)

_DOC = """# {title} · {name}

{description}

By hand: `{command}`. Safe to run again at any time: a run that was interrupted is completed by the next.

## When it is red

The log says which object or service failed. Nothing that counts was changed: *Clear* the task once it is repaired.
"""


def maintenance_dags() -> dict[str, DAG]:
    """Every maintenance DAG, by id."""
    settings = Settings()
    return {f"maintenance.{chore.name}": _dag(chore, settings) for chore in CHORES}


def _dag(chore: Chore, settings: Settings) -> DAG:
    with DAG(
        dag_id=f"maintenance.{chore.name}",
        dag_display_name=f"{chore.title} · {chore.name}",
        description=chore.description,
        doc_md=_DOC.format(title=chore.title, name=chore.name, description=chore.description, command=chore.command),
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
        _task(chore.operation)()
    return dag


def _task(operation: str) -> Callable[[], Any]:
    @task(task_id=operation)
    def run(operation: str) -> None:
        """Run the operation."""
        from dags.factory import maintenance_tasks

        maintenance_tasks.run(operation)

    return lambda: run(operation)
