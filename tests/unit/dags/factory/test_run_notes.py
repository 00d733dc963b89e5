"""The listener that writes the notes of runs, on Airflow's own tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session


@pytest.fixture
def session() -> Iterator[Session]:
    """A session on the tables of runs, notes and XComs, without the tables they refer to."""
    from airflow.models.dagrun import DagRun, DagRunNote
    from airflow.models.xcom import XComModel
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    engine = create_engine("sqlite://")
    for model in (DagRun, DagRunNote, XComModel):
        model.__table__.create(engine)
    with Session(engine) as made:
        yield made
    engine.dispose()


def run(session: Session, *notes: str) -> DagRun:
    """A run whose tasks left these notes, in this order."""
    from airflow.models.dagrun import DagRun
    from airflow.models.xcom import XComModel
    from sqlalchemy import insert

    made = DagRun(dag_id="office.readings", run_id="r1", run_type="manual", run_after=datetime(2026, 3, 2, tzinfo=UTC))
    made.log_template_id = 1
    session.add(made)
    session.flush()
    for number, note in enumerate(notes):
        values: dict[str, Any] = {
            "dag_run_id": made.id, "task_id": f"z{9 - number}", "map_index": -1, "key": "note", "dag_id": made.dag_id,
            "run_id": made.run_id, "value": note, "timestamp": datetime(2026, 3, 2, 1, number, tzinfo=UTC),
        }  # fmt: skip
        session.execute(insert(XComModel).values(values))
        session.execute(insert(XComModel).values({**values, "key": "attention", "value": ["other"]}))
    return made


def test_the_note_is_what_the_tasks_left_in_order(session: Session) -> None:
    from dags.factory.run_notes import on_dag_run_failed, on_dag_run_success

    made = run(session, "first", "第二")
    on_dag_run_failed(made, "task_failure")
    session.flush()
    assert made.note == "first\n\n第二"
    made.dag_run_note.content = "of an earlier try"
    on_dag_run_success(made, "success")
    assert made.note == "first\n\n第二"


def test_a_persons_note_stays(session: Session) -> None:
    from dags.factory.run_notes import write_note

    made = run(session, "counted")
    made.note = ("called the department", "operator")
    session.flush()
    write_note(made)
    assert made.note == "called the department"


@pytest.mark.parametrize(("left", "length"), [([], None), (["x" * 900, "y" * 900], 1000)])
def test_nothing_left_is_no_note_and_a_long_one_is_cut(session: Session, left: list[str], length: int | None) -> None:
    from dags.factory.run_notes import write_note

    made = run(session, *left)
    write_note(made)
    session.flush()
    assert (len(made.note) if made.note is not None else None) == length


def test_the_plugin_is_this_listener_and_only_the_scheduler_is_told_of_it(tmp_path: Any) -> None:
    import importlib.util

    from dags.factory import run_notes
    from infra.stack.airflow import Airflow
    from infra.stack.secrets import stack_secrets

    services = Airflow(tmp_path, 1, "postgresql+psycopg2://", stack_secrets(tmp_path / "s.json"), {}).services()
    folders = {one.name: one.environment.get("AIRFLOW__CORE__PLUGINS_FOLDER") for one in services}
    folder = folders["airflow-scheduler"]
    assert folder is not None
    spec = importlib.util.spec_from_file_location("citylake_run_notes", f"{folder}/citylake_run_notes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.RunNotes.listeners == [run_notes]
    assert [name for name, found in folders.items() if found == folder] == ["airflow-scheduler"]
