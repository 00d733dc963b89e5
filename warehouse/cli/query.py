"""Commands that read a release: `sql`, one query or a session, and `export`, one self-contained file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from warehouse.cli.arguments import Edition, Purpose, opening
from warehouse.cli.output import problems, write
from warehouse.cli.session import Session

Release = Annotated[str | None, typer.Option("--release", metavar="ID", help="Default the current one.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("sql")(sql_command)
    app.command("export")(export_command)


def sql_command(
    context: typer.Context,
    command: Annotated[str | None, typer.Option("-c", "--command", help="Run this and leave.")] = None,
    edition: Edition = "internal",
    release: Release = None,
    purpose: Purpose = None,
    as_json: Annotated[bool, typer.Option("--json", help="Rows as one JSON array; with -c.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Rows as CSV; with -c.")] = False,
) -> None:
    """Query a release, read-only. Without -c an interactive session."""
    from warehouse.cli.answers import release_line, run_query, show, stream
    from warehouse.cli.shell import Shell
    from warehouse.sql import connect, released

    session: Session = context.obj
    if (as_json and as_csv) or ((as_json or as_csv) and command is None):
        raise typer.BadParameter("--json or --csv goes with -c")
    asked = opening(edition, purpose, "sql")
    manifest = released(session.lake, edition, release)
    problems().print(release_line(manifest), style="dim", markup=False, soft_wrap=True)
    with closing(connect(session.lake, edition, manifest.id, opening=asked)) as connection:
        if command is None:
            history = session.settings.state_root / "sql_history"
            Shell(connection, manifest, history, store=session.lake.store).run()
            return
        rows = run_query(connection, command, session.lake.store)
    if as_json or as_csv:
        stream(rows, "json" if as_json else "csv")
    else:
        show(rows)


def export_command(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(metavar="FILE", help="A new DuckDB file.")],
    edition: Edition = "internal",
    release: Release = None,
    purpose: Purpose = None,
) -> None:
    """Write a release as one DuckDB file. It needs nothing else."""
    from warehouse.cli.answers import release_line
    from warehouse.export import export

    session: Session = context.obj
    asked = opening(edition, purpose, "export", file=target.name)
    manifest = export(session.lake, target, edition=edition, release=release, opening=asked)
    write(f"{target}: {len(manifest.tables)} tables of {release_line(manifest)}")
