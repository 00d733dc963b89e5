"""The open edition waits for a person's answer in a real Airflow; the internal one never does.

One story of a small office, in order: asked, refused to the viewer and to the triggerer, approved by another person,
superseded, rejected.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

import pytest

from infra.stack.airflow_api import AirflowApi
from infra.stack.processes import StackError
from infra.stack.stack import Stack
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from tests.support import office
from tests.support.ports import stack_base
from warehouse.actions import approval, ledger
from warehouse.capture import Captured, capture
from warehouse.incidents.book import Book
from warehouse.publish.approval import Candidate
from warehouse.release import ledger as releases
from warehouse.release import pointer

pytestmark = pytest.mark.faults

DAG, TASK = "open_release", "approval"
SECONDS = 240.0
SETTLED = 3.0
"""Airflow's scheduler fails where a question is answered within half a second of being asked."""


class Office(NamedTuple):
    """A stack that is up with its lake, on which people trigger the warehouse."""

    stack: Stack
    lake: Lake

    def take_in(self, day: date, correction: int = 0) -> None:
        """The department's files of the day, without an asset event: a person triggers the warehouse."""
        office.deliver(self.lake.settings.drop_root, day, correction=correction)
        assert self.lake.settings.city_time is not None
        self.lake.settings.city_time.write_text(f"{day + timedelta(days=1)}T08:00:00+08:00", encoding="utf-8")
        for contract in self.lake.contracts.values():
            capture(self.lake, contract, day, Captured())

    def run_warehouse(self, run: str, account: str = "operator") -> None:
        self.api(account).trigger("warehouse", run)
        assert self.api().wait({"warehouse": run}, seconds=SECONDS) == {"warehouse": "success"}

    def api(self, account: str = "admin") -> AirflowApi:
        return self.stack.api(account)

    def asked(self, but: str | None = None) -> Candidate:
        """The candidate that waits, another than `but`, once Airflow waits for the answer."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            candidate = approval.pending(self.lake)
            is_asked = candidate is not None and candidate.id != but and candidate.run is not None
            if is_asked and self.api().tasks(DAG, candidate.run)[TASK] == "awaiting_input":
                time.sleep(SETTLED)
                return candidate
            time.sleep(0.5)
        raise AssertionError(f"nobody is asked: {approval.pending(self.lake)}")

    def answer(self, candidate: Candidate, account: str, option: str = "Approve", reason: str = "looked at") -> Any:
        path = f"/dags/{DAG}/dagRuns/{candidate.run}/taskInstances/{TASK}/-1/hitlDetails"
        return self.api(account).patch(path, {"chosen_options": [option], "params_input": {"reason": reason}})

    def ended(self, candidate: Candidate) -> dict[str, str]:
        """State by task of the run that asked, once it has ended."""
        self.api().wait({DAG: candidate.run or ""}, seconds=SECONDS)
        return self.api().tasks(DAG, candidate.run or "")

    def log(self, candidate: Candidate, task: str) -> str:
        path = f"/dags/{DAG}/dagRuns/{candidate.run}/taskInstances/{task}"
        tries = self.api().get(path)["try_number"]
        return str(self.api().get(f"{path}/logs/{tries}")["content"])

    def released(self) -> str | None:
        manifest = pointer.current(self.lake, "open")
        return manifest.id if manifest else None

    def said(self) -> list[tuple[str, str, str]]:
        return [(e.verb, e.event, e.actor.signature) for e in reversed(ledger.recent(self.lake, 50))]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    home = tmp_path_factory.mktemp("approval")
    settings = Settings(
        home=home,
        city_time=home / "city-time.txt",
        schedule_until=date(1987, 12, 31),  # nothing runs but what is triggered
        retry_delay_seconds=1,
        lock_timeout_seconds=120,
        open_approval=True,
    )
    stack = Stack(office.fixture(settings, home / "drop"), base=stack_base())
    lake = open_lake(stack.settings)
    made = Office(stack, lake)
    made.take_in(office.FIRST)
    try:
        stack.up()
        _until(lambda: {"warehouse", DAG} <= {dag["dag_id"] for dag in made.api().get("/dags", limit=100)["dags"]})
        yield made
    finally:
        stack.down()


def _until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < deadline, "took too long"
        time.sleep(0.5)


def test_internal_does_not_wait_and_the_question_says_what_open_would_show(city: Office) -> None:
    city.run_warehouse("first")
    assert pointer.current(city.lake, "internal") is not None
    candidate = city.asked()
    assert candidate.triggered_by == ["operator"]
    assert city.released() is None
    path = f"/dags/{DAG}/dagRuns/{candidate.run}/taskInstances/{TASK}/-1/hitlDetails"
    asked = city.api("viewer").get(path)
    assert "开放版发布审批" in asked["subject"]
    assert office.READINGS in asked["subject"]
    for text in (candidate.id, "`pub_reading`", f"+{office.READING_COUNT}", str(office.FIRST), "operator"):
        assert text in asked["body"]


def test_a_viewer_may_not_answer(city: Office) -> None:
    with pytest.raises(StackError, match="answers 403"):
        city.answer(city.asked(), "viewer")
    assert city.api().tasks(DAG, city.asked().run or "")[TASK] == "awaiting_input"


def test_who_triggered_it_may_not_approve_and_another_person_is_asked_again(city: Office) -> None:
    candidate = city.asked()
    city.answer(candidate, "operator")
    assert city.ended(candidate) == {"candidate": "success", TASK: "success", "publish_open": "failed"}
    log = city.log(candidate, "publish_open")
    assert "may not approve it" in log
    assert "let another person approve it" in log
    assert city.released() is None
    assert city.said() == [("approve", event, "operator (approver)") for event in ("asked", "failed")]
    assert not [incident for incident in Book(city.lake).active() if incident.is_open]
    again = {"task_ids": [TASK], "include_downstream": True, "dag_run_id": candidate.run, "dry_run": False}
    city.api("operator").post(f"/dags/{DAG}/clearTaskInstances", again | {"only_failed": False})
    assert city.asked() == candidate


def test_another_account_approves_and_is_named(city: Office) -> None:
    candidate = city.asked()
    city.answer(candidate, "admin")
    assert set(city.ended(candidate).values()) == {"success"}
    manifest = pointer.current(city.lake, "open")
    assert manifest is not None
    assert manifest.approver == "admin (approver)"
    (entry,) = releases.verify_ledger(city.lake, "open")
    assert entry.reason == f"candidate {candidate.id} approved: looked at"
    assert city.said()[-2:] == [("approve", event, "admin (approver)") for event in ("asked", "done")]
    assert approval.pending(city.lake) is None


def test_a_newer_question_does_not_wait_for_an_older_one_whose_answer_then_publishes_nothing(city: Office) -> None:
    before = city.released()
    city.take_in(office.FIRST + timedelta(days=1))
    city.run_warehouse("second")
    older = city.asked()
    city.take_in(office.FIRST + timedelta(days=1), correction=1)
    city.run_warehouse("third")
    newer = city.asked(but=older.id)
    assert newer.run != older.run
    city.answer(older, "admin")
    assert city.ended(older)["publish_open"] == "failed"
    assert f"superseded by {newer.id}" in city.log(older, "publish_open")
    assert city.released() == before


def test_what_is_rejected_leaves_open_as_it_was_and_is_not_asked_about_again(city: Office) -> None:
    before, candidate = city.released(), city.asked()
    city.answer(candidate, "admin", "Reject", "the readings are provisional")
    assert city.ended(candidate) == {"candidate": "success", TASK: "success", "publish_open": "skipped"}
    assert city.released() == before
    assert city.said()[-1] == ("refuse", "done", "admin (approver)")
    city.run_warehouse("fourth")
    _until(lambda: not city.api().active([DAG]))
    assert approval.pending(city.lake) is None
    assert city.released() == before


def test_where_nobody_answers_in_time_nothing_is_published_and_the_task_says_so(city: Office) -> None:
    """On the same lake, with less patience."""
    city.stack.down()
    patience = {"approval_timeout": timedelta(seconds=5)}
    stack = Stack(city.stack.settings.model_copy(update=patience), base=stack_base())
    impatient, before = city._replace(stack=stack), city.released()
    try:
        stack.up()
        impatient.take_in(office.FIRST + timedelta(days=2))
        impatient.run_warehouse("fifth")
        _until(lambda: (waiting := approval.pending(city.lake)) is not None and waiting.run is not None)
        candidate = approval.pending(city.lake)
        assert candidate is not None
        assert impatient.ended(candidate) == {"candidate": "success", TASK: "failed", "publish_open": "upstream_failed"}
        assert f"nobody answered in time about candidate {candidate.id}" in impatient.log(candidate, TASK)
        assert city.released() == before
        assert approval.pending(city.lake) == candidate
    finally:
        stack.down()
