"""Commands on what is published: releases, rollback, withdraw, resume."""

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


def releases_command(
    context: typer.Context,
    edition: Annotated[str | None, typer.Option("--edition", help="One edition; default all.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what was published, newest first. Roll-backs and withdrawals too, and what is current."""
    from warehouse.release import ledger, pointer
    from warehouse.release.editions import of_lake, require

    session: Session = context.obj
    store = session.lake.store
    editions = [require(store, edition)] if edition else of_lake(store)
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
