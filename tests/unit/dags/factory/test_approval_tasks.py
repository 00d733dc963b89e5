"""The question to a person, and what an answer without a reason, a refusal and no answer come to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dags.factory import approval_tasks
from dags.factory.approval_operator import OpenApproval
from dags.factory.runtime import AskedWrong
from ingestion.lake import Lake
from tests.support.lakes import lake as small_lake
from warehouse.actions import ledger
from warehouse.publish import approval
from warehouse.publish.approval import Candidate, ProductChange, TableChange
from warehouse.release.lock import publisher

CANDIDATE = Candidate(
    id="20260303T001000000000Z-build1",
    edition="open",
    release="20260303T001000000000Z-build1",
    build_id="build1",
    digest="d",
    products={
        "air": ProductChange(
            as_of=date(2026, 3, 2),
            content_as_of=date(2026, 3, 1),
            tables={"pub_air": TableChange(rows=12_345, added=1_200, removed=3)},
        )
    },
    triggered_by=["li.si"],
    asked_at=datetime(2026, 3, 3, 0, 10, tzinfo=UTC),
)
PERSON = {"id": "wang.wu", "name": "wang.wu"}


@dataclass
class Task:
    """What a task instance has that is used here."""

    pulled: dict[str, Any] = field(default_factory=lambda: {"candidate": CANDIDATE.id})

    def xcom_pull(self, **_: str) -> Any:
        return self.pulled


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    made = small_lake(tmp_path)
    monkeypatch.setattr(approval_tasks, "open_lake", lambda: made)
    put(made, CANDIDATE)
    return made


def put(lake: Lake, candidate: Candidate) -> None:
    with publisher(lake):
        approval.put(lake, candidate)


def answered(option: str, reason: str | None) -> dict[str, Any]:
    given = {} if reason is None else {"reason": reason}
    return {
        "chosen_options": [option],
        "params_input": given,
        "responded_at": datetime(2026, 3, 3, 1, tzinfo=UTC),
        "responded_by_user": PERSON,
    }


def resume(event: dict[str, Any]) -> Any:
    """What Airflow calls once there is an answer, or the time is over."""
    asks = OpenApproval(task_id="approval", subject="?", params={"reason": ""})
    return asks.execute_complete({"ti": Task()}, event)


def test_the_question_says_products_days_and_rows_in_both_languages() -> None:
    question = approval_tasks.question(CANDIDATE, "Asia/Shanghai")
    assert question["subject"] == "开放版发布审批 · publish in the open edition: air"
    for text in (CANDIDATE.id, "2026-03-03 08:10", "不得审批", "may not approve: li.si"):
        assert text in question["body"]
    assert "| air | `pub_air` | 2026-03-01 | 12,345 | +1,200 | −3 |" in question["body"].splitlines()


@pytest.mark.parametrize("option", ["Approve", "Reject"])
@pytest.mark.parametrize("reason", [None, "", "  "])
def test_an_answer_without_a_reason_does_nothing_and_says_how_to_be_asked_again(
    lake: Lake, option: str, reason: str | None
) -> None:
    with pytest.raises(AskedWrong, match="clear the task `approval`"):
        resume(answered(option, reason))
    assert ledger.recent(lake, 10) == []
    assert approval.current(lake, "open") == CANDIDATE


def test_a_refusal_is_recorded_with_who_and_why(lake: Lake) -> None:
    resume(answered("Reject", "provisional"))
    refused = approval.current(lake, "open")
    assert refused is not None
    assert refused.refused is not None
    assert (refused.refused.by, refused.refused.reason) == ("wang.wu (approver)", "provisional")
    assert [(e.verb, e.event, e.details) for e in ledger.recent(lake, 10)] == [
        ("refuse", event, {"candidate": CANDIDATE.id}) for event in ("done", "asked")
    ]


def test_a_refusal_of_what_was_superseded_refuses_nothing_else(lake: Lake) -> None:
    newer = CANDIDATE.model_copy(update={"id": "newer", "digest": "e"})
    put(lake, newer)
    resume(answered("Reject", "provisional"))
    assert approval.current(lake, "open") == newer


def test_no_answer_in_time_fails_where_it_still_waits(lake: Lake) -> None:
    late = {"error": "nobody answered", "error_type": "timeout"}
    with pytest.raises(AirflowFailException, match="the open edition is as it was; the candidate still waits"):
        resume(late)
    put(lake, CANDIDATE.model_copy(update={"id": "newer", "digest": "e"}))
    with pytest.raises(AirflowSkipException, match="does not wait any more"):
        resume(late)
    assert ledger.recent(lake, 10) == []
