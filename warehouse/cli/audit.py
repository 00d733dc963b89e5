"""Commands that check a release: `trace` (what a table was made from), `reconcile` (do all stages agree)."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.cli.arguments import AsJson, Edition, Purpose, opening
from warehouse.cli.output import progress, results, show_grid, write, write_json
from warehouse.cli.session import Session

if TYPE_CHECKING:
    from warehouse.reconcile.run import Reconciliation, Row


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
    purpose: Purpose = None,
    as_json: AsJson = False,
) -> None:
    """Name the raw files behind a table. With their sha256."""
    from warehouse.trace import trace

    session: Session = context.obj
    asked = opening(edition, purpose, "trace", table=table)
    traced = trace(
        session.lake, table, edition=edition, release=release, day=day.date() if day else None, opening=asked
    )
    if as_json:
        write_json(traced)
        return
    made = "" if traced.made_in == traced.release else f", made in release {traced.made_in}"
    write(f"{traced.table} of {traced.edition} release {traced.release}: {traced.rows:,} rows, {traced.product}{made}")
    for origin in traced.objects:
        write(f"{origin.raw_sha256}  {origin.raw_key or 'erased'}  {origin.feed}")
    write(f"made from {len(traced.objects)} deliveries")


def reconcile_command(
    context: typer.Context,
    deep: Annotated[bool, typer.Option("--deep", help="Read every object again and compare hashes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare every stage with the one before. Source, raw, bronze, warehouse, release; exit 1 when anything is off."""
    from warehouse.reconcile.last import keep
    from warehouse.reconcile.run import reconcile

    session: Session = context.obj
    with progress("compare every stage"):
        reconciliation = reconcile(session.lake, deep=deep)
    keep(session.lake, reconciliation, deep=deep)
    if as_json:
        write_json(reconciliation)
    else:
        _show_reconciliation(reconciliation)
    if not reconciliation.ok:
        raise typer.Exit(1)


def _show_reconciliation(reconciliation: Reconciliation) -> None:
    """Show each step with the number of comparisons, then every row that is off."""
    compared = Counter(row.step for row in reconciliation.rows)
    off = Counter(row.step for row in reconciliation.off)
    rows = [(step, count, off[step]) for step, count in compared.items()]
    show_grid(results(), "reconciliation", ("step", "compared", "off"), rows, right="compared off")
    for row in reconciliation.off:
        results().print(_format_row(row), style="red", markup=False)
    off_rows, rows_compared = reconciliation.off, reconciliation.rows
    write(f"{len(off_rows)} of {len(rows_compared)} comparisons are off" if off_rows else "every comparison agrees")


def _format_row(row: Row) -> str:
    where = " ".join(part for part in (row.feed, row.interval, row.table) if part)
    numbers = "" if row.expected is None and row.found is None else f" expected {row.expected}, found {row.found}"
    return f"off: {row.step} {where}:{numbers} {row.reason or ''}".rstrip()
