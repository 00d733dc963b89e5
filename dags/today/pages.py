"""The pages that every reader of the DAG `warehouse` may see: first page, feed, product, reconciliation; and the ledger
of actions, for operators.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from dags.today.access import Caller, caller_of, not_found, require
from dags.today.overview import BLOCKED, STATES, overview
from dags.today.render import clock_of, is_synthetic, page_of, show, words
from dags.today.runs import runbook_of, runs_of
from warehouse.status.model import NEEDS_A_PERSON

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from warehouse.incidents.model import Incident
    from warehouse.release.ledger import Entry
    from warehouse.status.model import FeedLine, Status
    from warehouse.title import Language

router = APIRouter()
LEDGER_ENTRIES, OFF_ROWS = 200, 200
LONGEST_PARAMETER = 200
Choice = Annotated[str | None, Query(max_length=LONGEST_PARAMETER)]


@router.get("/")
def today(request: Request, department: Choice = None, state: Choice = None) -> HTMLResponse:
    """The first page: what needs a person, every feed, every product."""
    from dags.today.approval import pending_of

    caller, lake = caller_of(request), page_of(request).lake()
    status = read_status(lake)
    return show(
        request,
        "overview.html",
        status=status,
        synthetic=status.synthetic,
        clock=clock_of(request, lake, status.at),
        view=overview(status, caller, department or None, state or None),
        department=department,
        state=state,
        states=STATES,
        needs=NEEDS_A_PERSON,
        incidents=_incidents(lake, caller, status, words(request).language, department),
        pending=pending_of(lake, caller),
    )


@router.get("/feed/{feed}")
def feed(request: Request, feed: str) -> HTMLResponse:
    """One feed: what is wrong, what waits for a decision, the newest deliveries."""
    from dags.today.reads import deliveries
    from warehouse.refused.read import counts_of

    caller, page = caller_of(request), page_of(request)
    lake = page.lake()
    status = read_status(lake)
    line = line_of(status, caller, feed)
    found, contract = deliveries(lake, feed), lake.contracts.get(feed)
    return show(
        request,
        "feed.html",
        synthetic=status.synthetic,
        clock=clock_of(request, lake, status.at),
        line=line,
        deliveries=found,
        counts={d.batch: counts_of(contract, d.rules) for d in found if d.rules} if contract else {},
        runs=runs_of(page.airflow(caller.token), feed),
        runbook=runbook_of(lake.settings, line.state),
        may_run=caller.may_run(feed),
    )


@router.get("/product/{product}")
def product(request: Request, product: str) -> HTMLResponse:
    """One product: verdict, reasons, releases of the editions it is in."""
    from dags.today.reads import releases

    caller, lake = caller_of(request), page_of(request).lake()
    status = read_status(lake)
    line = next((line for line in status.products if line.product == product), None)
    if line is None:
        raise not_found()
    shown = [edition for edition in status.editions if edition.edition in (line.editions or ["internal"])]
    newest = {edition.edition: releases(lake, edition.edition) for edition in shown}
    return show(
        request,
        "product.html",
        synthetic=status.synthetic,
        clock=clock_of(request, lake, status.at),
        line=line,
        is_blocked=line.verdict == BLOCKED,
        feeds=[feed for feed in caller.readable(status.feeds) if feed.feed in line.feeds],
        editions=[(edition, newest[edition.edition]) for edition in shown],
        offered={edition.edition: _offered(newest[edition.edition], edition.release) for edition in shown},
        runbook=runbook_of(lake.settings, BLOCKED) if line.verdict == BLOCKED else None,
    )


@router.get("/ledger")
def ledger(request: Request) -> HTMLResponse:
    """What people did, newest first."""
    from warehouse.actions.ledger import recent

    caller, lake = caller_of(request), page_of(request).lake()
    require(caller.is_operator, "forbidden.operator")
    return show(
        request,
        "ledger.html",
        synthetic=is_synthetic(lake),
        clock=clock_of(request, lake),
        entries=recent(lake, LEDGER_ENTRIES),
    )


@router.get("/reconcile")
def reconciliation(request: Request) -> HTMLResponse:
    """Did the counts agree from source to release, when they were last compared?"""
    from warehouse.reconcile.last import last

    caller, lake = caller_of(request), page_of(request).lake()
    kept = last(lake)
    rows = [row for row in kept.off if row.feed is None or caller.may_read(row.feed)] if kept else []
    total = len(rows) + kept.left_out if kept else 0
    return show(
        request,
        "reconcile.html",
        synthetic=is_synthetic(lake),
        clock=clock_of(request, lake),
        last=kept,
        rows=rows,
        total=total,
        shown=OFF_ROWS,
    )


def _offered(entries: list[Entry], current: str | None) -> set[str]:
    """Releases that an edition may be rolled back to, of those shown: not the current one, none that was withdrawn."""
    withdrawn = {entry.release for entry in entries if entry.event == "withdrawn"}
    return {
        entry.release
        for entry in entries
        if entry.event == "published" and entry.release and entry.release not in withdrawn | {current}
    }


def read_status(lake: Lake) -> Status:
    """The status of the lake now."""
    from warehouse.status.read import read_status

    return read_status(lake)


def line_of(status: Status, caller: Caller, feed: str) -> FeedLine:
    """The line of a feed that the caller may read. Raises HTTPException 403, 404."""
    require(caller.may_read(feed), "forbidden.feed")
    line = next((line for line in status.feeds if line.feed == feed), None)
    if line is None:
        raise not_found()
    return line


@dataclass(frozen=True)
class IncidentLine:
    """An open incident in the words of one language. `link` is its page below the app."""

    id: str
    name: str
    subject: str
    link: str
    opened_at: datetime
    intervals: int
    occurrences: int
    message: str
    left: str
    next_step: str
    may_close: bool


def _incidents(
    lake: Lake, caller: Caller, status: Status, language: Language, department: str | None
) -> list[IncidentLine]:
    from warehouse.incidents.book import Book

    feeds = {line.feed: line.department for line in status.feeds}
    products = {line.product: line.departments for line in status.products}
    found = []
    for incident in Book(lake).active():
        of = [feeds[incident.subject]] if incident.subject in feeds else products.get(incident.subject, [])
        hidden = incident.subject in feeds and not caller.may_read(incident.subject)
        if incident.is_open and not hidden and (not department or department in of):
            kind = "feed" if incident.subject in feeds else "product" if incident.subject in products else ""
            found.append(_incident_line(incident, caller, language, kind))
    return found


def _incident_line(incident: Incident, caller: Caller, language: Language, kind: str) -> IncidentLine:
    from urllib.parse import quote

    from warehouse.incidents.wording import WORDS

    said, place = WORDS[incident.kind], 0 if language == "zh" else 1
    may_act = caller.may_run(incident.subject) if kind == "feed" else caller.is_operator
    return IncidentLine(
        id=incident.id,
        name=said.name[place],
        subject=incident.subject,
        link=f"{kind}/{quote(incident.subject, safe='')}" if kind else "",
        opened_at=incident.opened_at,
        intervals=incident.intervals,
        occurrences=incident.occurrences,
        message=incident.message,
        left=said.left[place].format(subject=incident.subject),
        next_step=said.next_step[place].format(subject=incident.subject),
        may_close=may_act and incident.kind != "product_blocked",
    )
