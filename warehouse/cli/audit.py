"""Commands that prove a number: where a table came from, and whether every stage agrees with the one before."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from warehouse.cli.arguments import AsJson, Edition
from warehouse.cli.output import grid, progress, results, write, write_json
from warehouse.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("trace")(trace_command)
    app.command("reconcile")(reconcile_command)


def trace_command(
    context: typer.Context,
    table: Annotated[str, typer.Argument(metavar="TABLE", help="A table of the release.")],
    day: Annotated[
        datetime | None, typer.Option("--day", formats=["%Y-%m-%d"], help="One event day of a fact.")
    ] = None,
    edition: Edition = "internal",
    release: Annotated[str | None, typer.Option("--release", metavar="ID", help="Default the current one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Name the raw files behind a table. With their sha256."""
    from warehouse.trace import trace

    session: Session = context.obj
    traced = trace(session.lake, table, edition=edition, release=release, day=day.date() if day else None)
    if as_json:
        write_json(traced)
        return
    made = "" if traced.made_in == traced.release else f", made in release {traced.made_in}"
    write(f"{traced.table} of {traced.edition} release {traced.release}: {traced.rows:,} rows, {traced.product}{made}")
    rows = [(o.feed, o.batch, o.raw_sha256, o.raw_key or "erased") for o in traced.origins]
    results().print(grid(f"made from {len(rows)} deliveries", ("feed", "batch", "sha256", "raw object"), rows))


def reconcile_command(
    context: typer.Context,
    deep: Annotated[bool, typer.Option("--deep", help="Read every object again and compare hashes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare every stage with the one before. Source, raw, bronze, warehouse, release; exit 1 when anything is off."""
    from warehouse.reconcile import reconcile

    session: Session = context.obj
    with progress("reconcile"):
        found = reconcile(session.lake, deep=deep)
    if as_json:
        write_json(found)
    else:
        columns = ("stage", "what", "expected", "found", "verdict")
        rows = [(f.stage, f.subject, f.expected, f.found, "ok" if f.ok else "OFF") for f in found]
        results().print(grid("reconciliation", columns, rows, right="expected found"))
        off = sum(not f.ok for f in found)
        write(f"{off} of {len(rows)} comparisons are off" if off else f"all {len(rows)} comparisons agree")
    if any(not f.ok for f in found):
        raise typer.Exit(1)
