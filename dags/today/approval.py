"""The open edition's approval on the page: what waits, and the answer to Airflow's question in the caller's name.

The rules of an approval are `warehouse.actions.approval`'s, which are applied again, after the answer, by the task that
publishes. What is here keeps a person from giving an answer that would only fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from dags.today.airflow_rest import AirflowRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dags.today.access import Caller
    from dags.today.airflow_rest import AirflowRest
    from ingestion.lake import Lake
    from warehouse.actions.model import Verb
    from warehouse.publish.approval import Candidate

SETTLED = timedelta(seconds=3)
"""Airflow's scheduler fails a question that is answered at once; this old it may be answered."""
_OPTIONS: dict[Verb, str] = {"approve": "Approve", "refuse": "Reject"}


@dataclass(frozen=True)
class Pending:
    """A candidate that waits. `is_asked`: Airflow's run has asked; `is_own`: the caller triggered it, and may not
    approve it."""

    candidate: Candidate
    is_asked: bool
    is_own: bool

    @property
    def rows(self) -> int:
        """Rows that readers would see added, changed or gone."""
        return sum(added + removed for *_, added, removed in self.candidate.rows())


def pending_of(lake: Lake, caller: Caller) -> Pending | None:
    """What waits for approval; None where nothing does."""
    from warehouse.actions.approval import is_triggerer, pending

    waiting = pending(lake) if lake.settings.open_approval else None
    if waiting is None:
        return None
    return Pending(waiting, waiting.run is not None, is_triggerer(waiting, caller.account))


def answer(
    lake: Lake, caller: Caller, airflow: AirflowRest, verb: Verb, reason: str, details: Mapping[str, str]
) -> None:
    """Answer Airflow's question about a candidate. Raises CitylakeError; an answer that may not be is recorded too."""
    from warehouse.actions.approval import EDITION, pending
    from warehouse.actions.ledger import recorded

    with recorded(lake, caller.actor, verb, EDITION, reason, details) as recording:
        waiting = pending(lake)
        if waiting is None or waiting.id != details["candidate"] or waiting.run is None:
            raise AirflowRefused(
                f"candidate {details['candidate']} is not what Airflow asks about now",
                left="the open edition is as it was",
                next_step="open the page again and look at what waits",
            )
        _require_allowed(waiting, caller, verb)
        path = _question(waiting.run)
        _require_settled(lake, airflow, path)
        airflow.patch(path, {"chosen_options": [_OPTIONS[verb]], "params_input": {"reason": reason}})
        recording.message = f"answered in Airflow's run {waiting.run}"


def _question(run: str) -> str:
    from dags.factory.approval import APPROVAL, DAG_ID

    return f"/dags/{DAG_ID}/dagRuns/{quote(run, safe='')}/taskInstances/{APPROVAL}/-1/hitlDetails"


def _require_allowed(waiting: Candidate, caller: Caller, verb: Verb) -> None:
    from warehouse.actions.approval import NotAllowed, is_triggerer

    if verb == "approve" and is_triggerer(waiting, caller.account):
        raise NotAllowed(
            f"{caller.account} triggered the run behind candidate {waiting.id} and may not approve it",
            left="the open edition is as it was; the candidate still waits",
            next_step="let another person approve it",
        )


def _require_settled(lake: Lake, airflow: AirflowRest, path: str) -> None:
    created = datetime.fromisoformat(str(airflow.get(path)["created_at"]))
    if lake.clock() - created < SETTLED:
        raise AirflowRefused(
            "Airflow has asked this very moment",
            left="the open edition is as it was; nothing was answered",
            next_step="send the form again in a few seconds",
        )
