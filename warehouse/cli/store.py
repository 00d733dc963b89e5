"""Commands on the object store itself: `store create` makes the bucket, which nothing else does."""

from __future__ import annotations

import typer

from warehouse.cli.output import write
from warehouse.cli.session import Session

app = typer.Typer(help="Set up the object store.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def group() -> None:
    """Set up the object store."""


@app.command("create")
def create_command(context: typer.Context) -> None:
    """Make the bucket of CITYLAKE_STORE, if it is not there. Only needed once, on S3."""
    from ingestion.store import open_store
    from ingestion.store.s3 import S3Store

    session: Session = context.obj
    store = open_store(session.settings)
    if not isinstance(store, S3Store):
        write("the store is a folder; it is made when the first object comes")
        return
    made = "made" if store.ensure_bucket() else "was there already"
    write(f"bucket {store.options.bucket} at {store.options.endpoint} {made}; the lake is {store.options.url}")
