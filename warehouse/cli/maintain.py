"""Commands that keep the lake small and lawful: retention, orphans, compaction, erasure, the log, dbt's pages."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.cli.arguments import AsJson, By, Feed, Reason, account
from warehouse.cli.output import progress, write, write_json
from warehouse.cli.session import Session

if TYPE_CHECKING:
    from warehouse.maintenance import Removed

DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing; list what would be done.")]
app = typer.Typer(help="Retention, orphans, compaction and the receipt log.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands that are not below `maintain`."""
    app.command("erase")(erase_command)
    app.command("docs")(docs_command)
    app.command("runbooks")(runbooks_command)


@app.command("collect")
def collect_command(
    context: typer.Context,
    days: Annotated[int, typer.Option("--days", min=0, help="Leave what is younger alone.")] = 7,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Delete what nothing names. Objects of dead processes, merged copies nobody reads, unpublished releases."""
    from warehouse.maintenance import collect

    session: Session = context.obj
    with progress("list every object"):
        removed = collect(session.lake, grace=timedelta(days=days), dry_run=dry_run)
    _show(removed, dry_run=dry_run, as_json=as_json)
    if not as_json:
        write(f"{removed.residue} pieces of residue removed")
        for key in removed.unfinished:
            write(f"waits for a receipt, the next run goes on from it: {key}")


@app.command("expire")
def expire_command(context: typer.Context, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Delete what is past its retention. Raw bytes (a tombstone stays) and refused rows; bronze stays."""
    from warehouse.maintenance import expire

    session: Session = context.obj
    with progress("look for what is past its retention"):
        removed = expire(session.lake, dry_run=dry_run)
    _show(removed, dry_run=dry_run, as_json=as_json)


@app.command("unpublish")
def unpublish_command(context: typer.Context, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Take records whose last day is over out of the open edition. Older releases that hold one are withdrawn."""
    from warehouse.maintenance import unpublish

    session: Session = context.obj
    with progress("look for records whose last day is over"):
        lefts = unpublish(session.lake, dry_run=dry_run)
    if as_json:
        write_json(lefts)
        return
    for left in lefts:
        write(f"{left} {'would leave' if dry_run else 'left'}; current: {left.release or 'no release'}")
        if left.without_build:
            write(f"by their own dates alone, without the last build: {left.without_build}")
        for release in left.withdrawn:
            write(f"{'would be ' if dry_run else ''}withdrawn: {release}")


@app.command("compact")
def compact_command(context: typer.Context, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Merge small bronze files. Of settled days and months, so that builds open fewer; no row changes."""
    from warehouse.maintenance import compact

    session: Session = context.obj
    with progress("merge small files"):
        done = compact(session.lake, dry_run=dry_run)
    if as_json:
        write_json(done)
        return
    verb = "would be" if dry_run else "are"
    for name, feed in done.items():
        write(f"{name}: {feed.files:,} files with {feed.rows:,} rows {verb} merged into {len(feed.merged):,}")
        for why in feed.left:
            write(f"left as it is: {why}")
    if not done:
        write("nothing to merge")


@app.command("rebuild-log")
def rebuild_log_command(context: typer.Context) -> None:
    """Fold every receipt again. The log is a cache; the receipts in the store are the truth."""
    from warehouse.maintenance import rebuild_log

    session: Session = context.obj
    with progress("fold every receipt"):
        count = rebuild_log(session.lake)
    write(f"{count:,} receipts and decisions folded")


def erase_command(
    context: typer.Context,
    feed: Feed,
    batch: Annotated[str, typer.Argument(metavar="BATCH", help="A batch of `citylake deliveries`.")],
    reason: Reason,
    by: By = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Erase a delivery for good. Raw bytes, bronze, refused rows, merged copies; a tombstone stays."""
    from ingestion.upkeep.collect import erase, to_erase

    session: Session = context.obj
    contract = session.contract(feed)
    lake = session.lake
    erasable = to_erase(lake, contract, batch)
    for key in erasable:
        write(key)
    write(f"{len(erasable)} objects {'would be' if dry_run else 'are to be'} erased")
    if dry_run:
        return
    if not yes and typer.prompt("This cannot be undone. Type the batch to erase it", err=True) != batch:
        write("nothing was erased")
        raise typer.Exit(1)
    stone = erase(lake, contract, batch, reason=reason, by=account(by))
    write(f"erased {stone.batch}; the next `citylake run` releases without it, then withdraw releases that hold it")


def docs_command(
    context: typer.Context,
    to: Annotated[Path | None, typer.Option("--to", help="Folder; default docs below the state folder.")] = None,
) -> None:
    """Write the dbt documentation. One page that needs no server, with the columns of the current release."""
    from warehouse.docs import write_docs

    session: Session = context.obj
    with progress("dbt docs") as say:
        page = write_docs(session.lake, to, progress=say)
    write(str(page))


def _show(removed: Removed, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        write_json(removed)
        return
    for where, keys in removed.keys.items():
        for key in keys:
            write(f"{where}: {key}")
    write(f"{removed.count:,} objects {'would be' if dry_run else 'were'} deleted")


def runbooks_command(context: typer.Context) -> None:
    """Write the runbooks as web pages. They lie where the static pages are served; Airflow's pages link them there."""
    from warehouse.runbooks import write_runbooks

    session: Session = context.obj
    write(f"{write_runbooks(session.settings.pages_root)[-1]}")
