"""Refused rows, workbooks and the mail to stewards.

Everybody who may read the feed sees rules and counts. The text of rows and the workbook are for the accounts that
CITYLAKE_STEWARDS names for the department, and for no role; each look is in the ledger of actions before anything is
shown. Operators and stewards see the mail as it was composed, which holds no values.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from dags.today.access import Caller, caller_of, not_found, require
from dags.today.pages import Choice, line_of, read_status
from dags.today.render import clock_of, is_synthetic, page_of, show

router = APIRouter()
ROWS = 50
MOST_ROWS = 10_000_000
MAILS, FILES = 50, 100
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.get("/refused/{feed}/{batch}")
def refused(
    request: Request,
    feed: str,
    batch: str,
    text: Choice = None,
    offset: Annotated[int, Query(ge=0, le=MOST_ROWS)] = 0,
) -> HTMLResponse:
    """One delivery: counts by rule; with `text`, for its steward, the rows from `offset` on."""
    from dags.today.reads import deliveries
    from warehouse.actions.ledger import recorded
    from warehouse.refused.read import refused_rows, rule_counts

    caller, lake = caller_of(request), page_of(request).lake()
    status = read_status(lake)
    line = line_of(status, caller, feed)
    found = deliveries(lake, feed, batch=batch)
    if not found:
        raise not_found()
    rows = None
    if text:
        require(caller.is_steward_of(feed), "forbidden.steward")
        details = {"batch": batch, "rows": f"{offset + 1} to {offset + ROWS}"}
        with recorded(lake, caller.actor, "look", feed, "refused rows shown on the page", details):
            rows = refused_rows(lake, feed, batch, limit=ROWS, offset=offset)
    return show(
        request,
        "refused.html",
        synthetic=status.synthetic,
        clock=clock_of(request, lake, status.at),
        line=line,
        delivery=found[0],
        counts=rule_counts(lake, feed, batch),
        rows=rows,
        offset=offset,
        more=rows is not None and len(rows) == ROWS,
    )


@router.get("/workbook/{feed}/{batch}")
def workbook(request: Request, feed: str, batch: str) -> Response:
    """The workbook of a refused delivery, for its steward."""
    from dags.today.reads import deliveries
    from ingestion.intervals import Interval
    from warehouse.actions.ledger import recorded
    from warehouse.stewards.workbook import workbook, workbook_name

    caller, lake = caller_of(request), page_of(request).lake()
    require(caller.may_read(feed), "forbidden.feed")
    require(caller.is_steward_of(feed), "forbidden.steward")
    found = deliveries(lake, feed, batch=batch) if feed in lake.contracts else []
    if not found:
        raise not_found()
    interval = Interval(found[0].interval.start, found[0].interval.end)
    with (
        recorded(lake, caller.actor, "look", feed, "workbook of refused rows downloaded", {"batch": batch}),
        TemporaryDirectory(dir=_scratch(lake.settings.scratch_root)) as folder,
    ):
        made = workbook(lake, feed, batch, Path(folder) / "workbook.xlsx")
        content, name = made.read_bytes(), workbook_name(lake.contract(feed), interval)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=XLSX, headers=headers)


@router.get("/outbox")
def outbox(request: Request) -> HTMLResponse:
    """What stewards were told, and the workbooks made for them."""
    from warehouse.stewards import outbox

    caller, lake = caller_of(request), page_of(request).lake()
    require(caller.is_operator or caller.is_steward, "forbidden.operator")
    items = [item for item in outbox.items(lake) if _is_for(caller, item.feed)]
    mails = outbox.mails(lake, MAILS)
    return show(
        request,
        "outbox.html",
        synthetic=is_synthetic(lake),
        clock=clock_of(request, lake),
        items=items[:FILES],
        mails=[mail for mail in mails if any(_is_for(caller, one.feed) for one in [*mail.refused, *mail.corrected])],
    )


def _is_for(caller: Caller, feed: str) -> bool:
    return caller.may_read(feed) and (caller.is_operator or caller.is_steward_of(feed))


def _scratch(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
