"""Commands on what is published: releases, rollback, withdraw, resume, approve."""

from __future__ import annotations

from typing import Annotated

import typer

from warehouse.cli.arguments import AsJson, By, Edition, Reason, actor
from warehouse.cli.output import results, show_grid, write, write_json
from warehouse.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("releases")(releases_command)
    app.command("rollback")(rollback_command)
    app.command("withdraw")(withdraw_command)
    app.command("resume")(resume_command)
    app.command("approve")(approve_command)


def releases_command(
    context: typer.Context,
    edition: Annotated[str | None, typer.Option("--edition", help="internal or open; default every edition.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what was published, newest first. Roll-backs and withdrawals too, and what is current."""
    from warehouse.release import ledger, pointer
    from warehouse.release.layout import EDITIONS

    session: Session = context.obj
    store = session.lake.store
    editions = [edition] if edition else list(EDITIONS)
    lines = {name: ledger.entries(store, name) for name in editions}
    pointers = {name: pointer.pointer(store, name) for name in editions}
    holds = {name: pointer.hold(session.lake, name) for name in editions}
    if as_json:
        write_json({name: {"pointer": pointers[name], "hold": holds[name], "ledger": lines[name]} for name in editions})
        return
    for name in editions:
        at = pointers[name]
        current = at.release if at else None
        rows = [
            ("→" if e.release == current else "", e.at, e.event, e.release, e.by, e.reason)
            for e in reversed(lines[name])
        ]
        title = f"{name}: {current or 'no current release'}"
        show_grid(results(), title, ("", "at", "event", "release", "by", "reason"), rows)
        held = holds[name]
        if held is not None:
            write(f"on hold since {held.since:%Y-%m-%d %H:%MZ} by {held.by}: {held.reason}; citylake resume lifts it")


def rollback_command(
    context: typer.Context,
    to: Annotated[str, typer.Option("--to", metavar="ID", help="A release of `citylake releases`.")],
    reason: Reason,
    edition: Edition = "internal",
    by: By = None,
) -> None:
    """Make an older release current. Holds the edition until `citylake resume`."""
    from warehouse.actions.perform import roll_back

    session: Session = context.obj
    manifest = roll_back(session.lake, actor(by), edition, to, reason)
    write(f"{edition}: {manifest.id} is current; on hold until: citylake resume --edition {edition}")


def withdraw_command(context: typer.Context, reason: Reason, edition: Edition = "internal", by: By = None) -> None:
    """Take an edition out of service. Holds it until `citylake resume`."""
    from warehouse.actions.perform import withdraw

    session: Session = context.obj
    withdraw(session.lake, actor(by), edition, reason)
    write(f"{edition}: no release is current; on hold until: citylake resume --edition {edition}")


def resume_command(context: typer.Context, reason: Reason, edition: Edition = "internal", by: By = None) -> None:
    """Lift the hold of an edition. The next publish goes on from the current release."""
    from warehouse.actions.perform import resume

    session: Session = context.obj
    resume(session.lake, actor(by), edition, reason)
    write(f"{edition}: the hold is lifted; the next `citylake run` or `citylake publish` releases again")


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
