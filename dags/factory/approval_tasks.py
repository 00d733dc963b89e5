"""The tasks of the DAG that asks for approval of the open edition, run in a worker.

They keep no state in Airflow but the question itself: what waits, and in which run it is asked about, is in the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from dags.factory.failures import resolve_incident
from dags.factory.notes import leave_note, release_note
from dags.factory.runtime import AskedWrong, for_operators, log, open_lake

if TYPE_CHECKING:
    from warehouse.actions.model import Actor
    from warehouse.publish.approval import Candidate

ACTIVE = ("queued", "running")
ROLE = "approver"
"""Airflow lets only accounts answer that may; a worker is told the account and not its role."""


def candidate() -> bool:
    """Is a question to be asked? False where nothing waits, or a run that still waits for its answer has asked it."""
    from warehouse.actions.approval import asked_in, pending

    with for_operators():
        lake = open_lake()
        context = get_current_context()
        waiting = pending(lake)
        if waiting is None:
            log.info("nothing waits for approval")
            leave_note("无待审批 nothing waits for approval")
            return False
        run = context["run_id"]
        if (
            waiting.run
            and waiting.run != run
            and context["ti"].get_dr_count(dag_id=context["dag"].dag_id, run_ids=[waiting.run], states=list(ACTIVE))
        ):
            log.info("candidate %s is asked about in run %s already", waiting.id, waiting.run)
            return False
        waiting = asked_in(lake, waiting.id, run)
        context["ti"].xcom_push(key="question", value=question(waiting, lake.settings.timezone))
        log.info("candidate %s: %s", waiting.id, waiting.summary)
        return True


def publish_open() -> str:
    """Publish what was approved; the release. Fails with what to do where the person may not, or something else
    waits."""
    from ingestion.errors import ConfigurationError
    from warehouse.actions.approval import approve

    context = get_current_context()
    ti = context["ti"]
    answer = ti.xcom_pull(task_ids="approval")
    asked = ti.xcom_pull(task_ids="candidate", key="question")["candidate"]
    if ti.get_dr_count(dag_id="warehouse", states=["running"]):
        raise AirflowException("the warehouse is running; tried again in a moment")
    with for_operators():
        lake = open_lake()
        asked_by = context["dag_run"].triggering_user_name
        try:
            published = approve(lake, _actor(answer["responded_by_user"]), asked, _reason(answer), asked_by=asked_by)
        except ConfigurationError as error:
            raise AskedWrong(str(error)) from None
        log.info("open: %s, with %s", published.release, ", ".join(published.fresh))
        leave_note(release_note([published], {}))
        resolve_incident(lake, context["dag"].dag_id, "publish_open")
        return str(published.release)


def refuse(context: Any, answer: Mapping[str, Any]) -> None:
    """Record a refusal; where something else waits by now, only that is said."""
    from ingestion.errors import ConfigurationError
    from warehouse.actions import approval

    require_reason(answer)
    asked = context["ti"].xcom_pull(task_ids="candidate", key="question")["candidate"]
    with for_operators():
        try:
            approval.refuse(open_lake(), _actor(answer["responded_by_user"]), asked, _reason(answer))
        except ConfigurationError as error:
            log.info("%s", error)


def require_reason(answer: Mapping[str, Any]) -> None:
    """Fail where the answer came without a reason, before anything is done."""
    if not _reason(answer).strip():
        raise AskedWrong(
            "the answer has no reason\n  left:  the open edition is as it was\n"
            "  next:  clear the task `approval`: it asks again; answer with a reason"
        )


def unanswered(context: Any) -> NoReturn:
    """Nobody answered in time: nothing is published, and the task says so; skipped where something else waits."""
    from warehouse.actions.approval import pending

    asked = context["ti"].xcom_pull(task_ids="candidate", key="question")["candidate"]
    with for_operators():
        waiting = pending(open_lake())
    if waiting is None or waiting.id != asked:
        raise AirflowSkipException(f"nobody answered; candidate {asked} does not wait any more")
    raise AirflowFailException(
        f"nobody answered in time about candidate {asked}\n"
        "  left:  the open edition is as it was; the candidate still waits\n"
        f'  next:  clear the task `approval`: it asks again; or: citylake approve --candidate {asked} --reason "…"'
    )


def question(waiting: Candidate, timezone: str) -> dict[str, str]:
    """The question as a JSON value: candidate, subject, and body in Markdown, in Chinese and English."""
    from zoneinfo import ZoneInfo

    from ingestion.clocks import shown

    rows = [
        f"| {product} | `{table}` | {_day(content)} | {count:,} | +{added:,} | −{removed:,} |"
        for product, table, content, count, added, removed in waiting.rows()
    ]
    triggered = ", ".join(waiting.triggered_by)
    body = [
        "以下数据产品的新内容待审批后在开放版发布。批准仅对本候选有效。",
        "What is new of these products is published in the open edition once it is approved; an approval is of this "
        "candidate alone.",
        "",
        f"- 候选 candidate: `{waiting.id}`",
        f"- 提出时间 proposed: {shown(waiting.asked_at, ZoneInfo(timezone))} ({timezone})",
        *([f"- 触发人（不得审批）triggered by, and may not approve: {triggered}"] if triggered else []),
        "",
        "| 产品 product | 表 table | 数据日期 content | 行数 rows | 新增或更改 added | 移除或更改 removed |",
        "|---|---|---|---|---|---|",
        *rows,
    ]
    subject = f"开放版发布审批 · publish in the open edition: {waiting.summary}"
    return {"candidate": waiting.id, "subject": subject, "body": "\n".join(body)}


def _day(day: date | None) -> str:
    return str(day) if day else "–"


def _reason(answer: Mapping[str, Any]) -> str:
    return str((answer.get("params_input") or {}).get("reason") or "")


def _actor(user: Mapping[str, Any] | None) -> Actor:
    from warehouse.actions.model import Actor

    account = str((user or {}).get("name") or (user or {}).get("id") or "unknown account")
    return Actor(account=account, role=ROLE, via="airflow")
