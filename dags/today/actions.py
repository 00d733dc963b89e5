"""What an account may do from the page: which right each action needs, what it calls, and what is said afterwards.

The actions themselves are `warehouse.actions.perform`'s, and Airflow's for runs and approvals, called with the caller's
own token. Each is in the ledger of actions before it is done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from dags.today.access import WAREHOUSE, Caller, not_found, require
from dags.today.airflow_rest import AirflowRefused, AirflowRest
from ingestion.errors import ConfigurationError
from warehouse.actions.model import Verb

if TYPE_CHECKING:
    from ingestion.lake import Lake

log = logging.getLogger("citylake.today")
EDITION_VERBS: tuple[Verb, ...] = ("rollback", "withdraw", "resume", "approve", "refuse")
FEED_VERBS: tuple[Verb, ...] = ("rerun", "accept", "reject")
VERBS: tuple[Verb, ...] = (*FEED_VERBS, *EDITION_VERBS, "close")


@dataclass(frozen=True)
class Asked:
    """One action as a form asks for it. `details` are the fields that its verb has."""

    verb: Verb
    subject: str
    reason: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class At:
    """Where an action is done, and by whom."""

    lake: Lake
    caller: Caller
    airflow: AirflowRest


DETAILS: dict[Verb, tuple[str, ...]] = {
    "rerun": ("from", "to"),
    "accept": ("batch",),
    "reject": ("batch",),
    "rollback": ("release",),
    "close": ("about",),
    "approve": ("candidate",),
    "refuse": ("candidate",),
}
"""Fields of the form beside subject and reason. Each must be filled in; of rights they decide nothing."""


def asked(verb: str, form: Mapping[str, str]) -> Asked:
    """What a form asks for. Raises HTTPException 404 for a verb that there is not."""
    known = next((one for one in VERBS if one == verb), None)
    if known is None:
        raise not_found("error.verb")
    details = {name: form.get(name, "").strip() for name in DETAILS.get(known, ())}
    return Asked(known, form.get("subject", ""), form.get("reason", "").strip(), details)


def require_right(at: At, action: Asked) -> None:
    """Raises HTTPException 403 where the caller may not do it, 404 for a subject that there is not."""
    caller, subject = at.caller, action.subject
    if action.verb in FEED_VERBS:
        require(caller.may_run(subject), "forbidden.act")
        if subject not in at.lake.contracts:
            raise not_found()
    elif action.verb == "close":
        about = _subject_of(at.lake, subject)
        require(caller.may_run(about) if about in at.lake.contracts else caller.is_operator, "forbidden.act")
    else:
        from warehouse.release.editions import of_lake

        require(caller.is_operator, "forbidden.act")
        if subject not in of_lake(at.lake.store):
            raise not_found()


def require_details(at: At, action: Asked) -> None:
    """Raises ConfigurationError where a field of the form is missing or wrong."""
    empty = [name for name, text in action.details.items() if not text]
    if empty:
        raise _wrong(f"{', '.join(empty)} is missing")
    if action.verb == "rerun":
        _days(at.lake, action)


def perform(at: At, action: Asked) -> dict[str, str]:
    """Do it; what the catalogue's sentence about it names. Raises CitylakeError; nothing is done without a record."""
    return _PERFORM[action.verb](at, action)


def _rerun(at: At, action: Asked) -> dict[str, str]:
    from urllib.parse import quote

    from warehouse.actions.ledger import recorded

    first, last = _days(at.lake, action)
    days = {"from": first.isoformat(), "to": last.isoformat()}
    actor = at.caller.actor
    with recorded(at.lake, actor, "rerun", action.subject, action.reason, days) as recording:
        body = {"logical_date": None, "conf": days, "note": f"{actor.signature}: {action.reason}"}
        run = at.airflow.post(f"/dags/{quote(action.subject, safe='')}/dagRuns", body)["dag_run_id"]
        recording.message = f"run {run} is queued"
    return {"run": run}


def _decide(at: At, action: Asked) -> dict[str, str]:
    from warehouse.actions import perform

    accept = action.verb == "accept"
    perform.decide_held(at.lake, at.caller.actor, action.subject, action.details["batch"], accept, action.reason)
    return _start_warehouse(at, action) if at.caller.is_operator else {}


def _start_warehouse(at: At, action: Asked) -> dict[str, str]:
    """Have the warehouse take in what was decided; where Airflow refuses, its next run does it all the same."""
    note = f"{at.caller.actor.signature}: {action.reason}"
    body: dict[str, object] = {"logical_date": None, "conf": {}, "note": note}
    try:
        run = at.airflow.post(f"/dags/{WAREHOUSE}/dagRuns", body)["dag_run_id"]
    except AirflowRefused as error:
        log.warning("no warehouse run was started after %s of %s: %s", action.verb, action.subject, error.message)
        return {}
    return {"run": run, "next": "result.warehouse_started"}


def _roll_back(at: At, action: Asked) -> dict[str, str]:
    from warehouse.actions import perform

    perform.roll_back(at.lake, at.caller.actor, action.subject, action.details["release"], action.reason)
    return {}


def _withdraw(at: At, action: Asked) -> dict[str, str]:
    from warehouse.actions import perform

    perform.withdraw(at.lake, at.caller.actor, action.subject, action.reason)
    return {}


def _resume(at: At, action: Asked) -> dict[str, str]:
    from warehouse.actions import perform

    perform.resume(at.lake, at.caller.actor, action.subject, action.reason)
    return {}


def _close(at: At, action: Asked) -> dict[str, str]:
    from warehouse.actions import perform

    perform.close_incident(at.lake, at.caller.actor, action.subject, action.reason)
    return {}


def _answer(at: At, action: Asked) -> dict[str, str]:
    from dags.today.approval import answer

    answer(at.lake, at.caller, at.airflow, action.verb, action.reason, action.details)
    return {}


_PERFORM: dict[Verb, Callable[[At, Asked], dict[str, str]]] = {
    "rerun": _rerun,
    "accept": _decide,
    "reject": _decide,
    "rollback": _roll_back,
    "withdraw": _withdraw,
    "resume": _resume,
    "close": _close,
    "approve": _answer,
    "refuse": _answer,
}


def _days(lake: Lake, action: Asked) -> tuple[date, date]:
    """First and last local day of a re-run. Raises ConfigurationError."""
    from ingestion.intervals import check_days

    try:
        first, last = (date.fromisoformat(action.details[name]) for name in ("from", "to"))
    except ValueError as error:
        raise _wrong("first and last day must be dates, such as 2026-03-02") from error
    check_days(first, last)
    today = lake.city_time().date()
    if last > today:
        raise _wrong(f"{last} is still to come, it is {today} in the city")
    return first, last


def _subject_of(lake: Lake, incident: str) -> str:
    """What an open incident is about. Raises HTTPException 404."""
    from warehouse.incidents.book import Book

    found = next((one for one in Book(lake).active() if one.id == incident), None)
    if found is None:
        raise not_found()
    return found.subject


def _wrong(message: str) -> ConfigurationError:
    return ConfigurationError(message, left="nothing was done", next_step="correct the form and send it again")
