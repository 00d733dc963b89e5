"""The root command: options before the command's name, and which module holds which command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from warehouse.cli import (
    actions,
    audit,
    contracts,
    feeds,
    incidents,
    ingest,
    load,
    maintain,
    pipeline,
    query,
    receipts,
    releases,
    store,
)
from warehouse.cli.session import Session

HELP = """A municipal data lake: departments' files in, checked data products out.

Exit codes: 0 done, 1 an error was shown, 2 wrong usage, 3 some product is blocked (the others were published)."""

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich help doubles the time of --help
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option("--home", help="Folder of all local state; default CITYLAKE_HOME, else .citylake."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Options before the command's name."""
    session: Session = context.obj
    session.home, session.debug = home, debug


for module in (pipeline, ingest, load, receipts, releases, actions, audit, query, maintain):
    module.register(app)
app.add_typer(contracts.app, name="contracts")
app.add_typer(feeds.app, name="feed")
app.add_typer(incidents.app, name="incidents")
app.add_typer(maintain.app, name="maintain")
app.add_typer(store.app, name="store")
