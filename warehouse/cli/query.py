"""Commands that read a release: `sql`, one query or a session, and `export`, one self-contained file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.cli.arguments import Edition
from warehouse.cli.output import problems, write
from warehouse.cli.session import Session

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from ingestion.store.base import Store
    from warehouse.release.manifest import Manifest

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
    as_json: Annotated[bool, typer.Option("--json", help="Rows as one JSON array; with -c.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Rows as CSV; with -c.")] = False,
) -> None:
    """Query a release, read-only. Without -c an interactive session."""
    from warehouse.cli.answers import show, stream
    from warehouse.cli.shell import Shell
    from warehouse.sql import connect, released

    session: Session = context.obj
    if (as_json and as_csv) or ((as_json or as_csv) and command is None):
        raise typer.BadParameter("--json or --csv goes with -c")
    manifest = released(session.lake, edition, release)
    problems().print(notice(manifest), style="dim", markup=False, soft_wrap=True)
    with closing(connect(session.lake, edition, manifest.id)) as connection:
        if command is None:
            history = session.settings.state_root / "sql_history"
            Shell(connection, manifest, history, store=session.lake.store).run()
            return
        rows = run_query(connection, command, session.lake.store)
    if as_json or as_csv:
        stream(rows, "json" if as_json else "csv")
    else:
        show(rows)


def run_query(connection: duckdb.DuckDBPyConnection, command: str, store: Store | None = None) -> pa.Table:
    """The rows. Raises QueryFailed with DuckDB's own message for a wrong query, StoreError where `store` fails."""
    import duckdb

    from warehouse.cli.problems import QueryFailed
    from warehouse.sql import query

    try:
        return query(connection, command)
    except duckdb.Error as error:
        told = store.told("query", error) if store is not None else None
        if told is not None:
            raise told from error
        raise QueryFailed(str(error), left="the release is read-only and unchanged") from error


def notice(manifest: Manifest) -> str:
    """Which release this is, and that its values are synthetic where they are."""
    synthetic = "; SYNTHETIC: made by the simulated city, no real person or business" if manifest.synthetic else ""
    missing = f"; never released: {', '.join(manifest.never_released)}" if manifest.never_released else ""
    return f"{manifest.edition} release {manifest.id} of {manifest.created_at:%Y-%m-%d %H:%MZ}{missing}{synthetic}"


def export_command(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(metavar="FILE", help="A new DuckDB file.")],
    edition: Edition = "internal",
    release: Release = None,
) -> None:
    """Write a release as one DuckDB file. It needs nothing else."""
    from warehouse.release.export import export

    session: Session = context.obj
    manifest = export(session.lake, target, edition=edition, release=release)
    write(f"{target}: {len(manifest.tables)} tables of {notice(manifest)}")
