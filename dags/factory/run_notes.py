"""Write the note of a run when it ends: a listener of Airflow's scheduler.

It joins what the run's tasks left as XCom `note` (dags.factory.notes). It works in the scheduler's own transaction,
which has locked the run: nothing is committed here, and no account or password is needed. A person's note stays.
Airflow catches and logs what a listener raises; the run ends all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

from dags.factory.notes import MOST_CHARACTERS, NOTE

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:
    """A run ended well."""
    write_note(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """A run ended with a red task."""
    write_note(dag_run)


def write_note(dag_run: DagRun) -> None:
    """Set the note of a run to what its tasks left, in that order; nothing where they left none."""
    from airflow.models.xcom import XComModel
    from sqlalchemy import select
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None:
        return
    with session.no_autoflush:
        left: Sequence[Any] = session.scalars(
            select(XComModel.value)
            .where(XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id, XComModel.key == NOTE)
            .order_by(XComModel.timestamp)
        ).all()
        written = dag_run.dag_run_note
    text = "\n\n".join(str(value) for value in left if value)[:MOST_CHARACTERS]
    if text and (written is None or written.user_id is None):
        dag_run.note = text
