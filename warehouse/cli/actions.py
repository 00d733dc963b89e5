"""Commands on what people decide: `approve` (what waits for the open edition), `actions` (the ledger of actions),
`access` (who opened restricted editions)."""

from __future__ import annotations

from typing import Annotated

import typer

from warehouse.cli.arguments import AsJson, By, actor
from warehouse.cli.output import results, show_grid, write, write_json
from warehouse.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("approve")(approve_command)
    app.command("actions")(actions_command)
    app.command("access")(access_command)


def approve_command(
    context: typer.Context,
    candidate: Annotated[
        str | None, typer.Option("--candidate", metavar="ID", help="What is decided; without it, what waits is shown.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, for the record; needed to decide.")] = None,
    refuse: Annotated[bool, typer.Option("--refuse", help="Leave the open edition as it is.")] = False,
    edition: Annotated[str, typer.Option("--edition", help="open; the internal edition never waits.")] = "open",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Show, approve or refuse what waits for the open edition. With CITYLAKE_OPEN_APPROVAL; not by who triggered it."""
    from warehouse.actions import approval

    session: Session = context.obj
    if edition != approval.EDITION:
        raise typer.BadParameter(f"only edition {approval.EDITION} waits for approval")
    if candidate is None:
        _show_pending(session, as_json=as_json)
        return
    if not reason:
        raise typer.BadParameter("decide with --reason")
    if refuse:
        refused = approval.refuse(session.lake, actor(by), candidate, reason)
        write(f"{edition}: candidate {refused.id} is refused; the edition stays as it was")
        return
    published = approval.approve(session.lake, actor(by), candidate, reason)
    if as_json:
        write_json(published)
    else:
        write(f"{edition}: {published.release} is current, with {', '.join(published.fresh)}")


def _show_pending(session: Session, *, as_json: bool) -> None:
    from warehouse.actions.approval import pending

    waiting = pending(session.lake)
    if as_json:
        write_json(waiting)
    elif waiting is None:
        write("nothing waits for approval")
    else:
        columns = ("product", "table", "content as of", "rows", "added", "removed")
        show_grid(results(), f"candidate {waiting.id}", columns, waiting.rows(), right="rows added removed")
        if waiting.triggered_by:
            write(f"triggered by {', '.join(waiting.triggered_by)}, who may not approve it")
        write(f'citylake approve --candidate {waiting.id} --reason "…"')


def actions_command(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List what people did. Who, with which role, why, and how it ended."""
    from warehouse.actions import ledger

    session: Session = context.obj
    if as_json:
        write_json(ledger.recent(session.lake, 2 * limit))
        return
    rows = [
        (
            asked.at,
            asked.actor.signature,
            asked.verb,
            asked.subject,
            ended.event if ended else "unfinished",
            asked.reason,
            ended.message if ended else None,
        )
        for asked, ended in ledger.actions(session.lake, limit)
    ]
    columns = ("at", "by", "action", "on", "ended", "reason", "message")
    show_grid(results(), f"{len(rows)} actions", columns, rows)


def access_command(
    context: typer.Context,
    edition: Annotated[str | None, typer.Option("--edition", help="restricted/PRODUCT; default all.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List who opened restricted editions. Which release, by which command, and what for."""
    from warehouse.actions.opening import openings
    from warehouse.release.editions import require

    session: Session = context.obj
    found = openings(session.lake, limit, edition)
    if edition is not None and not found:  # one that is gone still has its openings
        require(session.lake.store, edition)
    if as_json:
        write_json([{"asked": asked, "ended": ended} for asked, ended in found])
        return
    rows = [
        (
            asked.at,
            asked.actor.account,
            asked.details.get("login"),
            asked.subject,
            asked.details.get("release"),
            asked.details.get("command"),
            asked.reason,
            ended.event if ended else "unfinished",
        )
        for asked, ended in found
    ]
    columns = ("at", "account", "login", "edition", "release", "by", "purpose", "ended")
    show_grid(results(), f"{len(rows)} openings", columns, rows)
