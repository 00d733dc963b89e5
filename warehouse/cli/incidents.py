"""Commands on incidents: list them, run the sweep, close one by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.cli.arguments import AsJson, By, Reason, actor
from warehouse.cli.output import results, show_grid, write, write_json
from warehouse.cli.session import Session

if TYPE_CHECKING:
    from warehouse.incidents.model import Incident

app = typer.Typer(help="What went wrong with a feed or a product, and who was notified.", invoke_without_command=True)


@app.callback()
def incidents_command(
    context: typer.Context,
    only_open: Annotated[bool, typer.Option("--open", help="Only open ones (the default).")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too, newest last.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="With --all, how many resolved ones.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List incidents. Those that are open, with the number of notices sent."""
    if context.invoked_subcommand is not None:
        return
    from warehouse.incidents.book import Book

    session: Session = context.obj
    book = Book(session.lake)
    active = book.active()
    shown = (
        [*reversed(book.ended(limit)), *active] if everything and not only_open else [i for i in active if i.is_open]
    )
    if as_json:
        write_json(shown)
        return
    columns = ("id", "kind", "subject", "since", "over", "from", "to", "times", "notified", "what")
    show_grid(results(), f"{len(shown)} incidents", columns, [_cells(i) for i in shown], right="times")


@app.command("sweep")
def sweep_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Bring incidents in line with receipts and verdicts. Sends what was not sent; run it as often as you like."""
    from warehouse.status.refresh import sweep

    session: Session = context.obj
    swept = sweep(session.lake)
    if as_json:
        write_json(swept)
        return
    write(
        f"{len(swept.opened)} opened, {len(swept.counted)} met again, {len(swept.resolved)} over; {swept.open} open; "
        f"{len(swept.notified.sent)} notices sent, {len(swept.notified.failed)} not sent"
    )
    for incident, event, why in swept.notified.failed:
        write(f"not sent: {incident} {event}: {why}")


@app.command("close")
def close_command(
    context: typer.Context,
    incident: Annotated[str, typer.Argument(metavar="ID", help="An open incident of `citylake incidents`.")],
    reason: Reason,
    by: By = None,
) -> None:
    """End an incident by hand. For an interval that will never come; its intervals open no other."""
    from warehouse.actions.perform import close_incident

    session: Session = context.obj
    change = close_incident(session.lake, actor(by), incident, reason)
    write(f"{change.incident.id} is closed")


def _cells(incident: Incident) -> tuple[object, ...]:
    opened = [notice for notice in incident.notices if notice.said == "opened"]
    sent = sum(notice.sent_at is not None for notice in opened)
    notified = f"{sent} of {len(opened)}" if opened else "no channel"
    first, last = incident.first, incident.last
    return (
        incident.id,
        incident.kind,
        incident.subject,
        incident.opened_at,
        incident.resolved_at,
        first.start if first else None,
        last.end if last else None,
        incident.occurrences,
        notified,
        incident.message,
    )
