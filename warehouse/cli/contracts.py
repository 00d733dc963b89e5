"""`citylake contracts`: list and check contract files, draft one from a sample, try one on a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.cli.arguments import AsJson, Feed, parse_interval
from warehouse.cli.output import results, show_grid, write, write_json
from warehouse.cli.session import Session

if TYPE_CHECKING:
    from ingestion.contract.model import Contract

app = typer.Typer(help="Contract files: one declares one feed.", no_args_is_help=True)


@app.command("list")
def list_command(context: typer.Context, as_json: AsJson = False) -> None:
    """List the feeds that have a contract."""
    session: Session = context.obj
    if as_json:
        write_json([_summary(contract) for contract in session.contracts.values()])
        return
    columns = ("feed", "title", "product", "delivery", "every", "tables", "revision", "source", "status")
    rows = [tuple(_summary(contract).values()) for contract in session.contracts.values()]
    show_grid(results(), f"{len(rows)} feeds", columns, rows, right="tables")
    for name in session.feeds.broken:
        write(f"{name}: its contract file is wrong: citylake contracts check")


def _summary(contract: Contract) -> dict[str, object]:
    spec = contract.citylake
    return {
        "feed": f"{spec.department}.{spec.feed}",
        "title": contract.title,
        "product": contract.product,
        "delivery": f"{spec.delivery}/{spec.correction}" if spec.correction else spec.delivery,
        "every": spec.calendar.every,
        "tables": len(contract.tables),
        "revision": contract.revision,
        "source": "synthetic" if spec.synthetic else spec.source.connector,
        "status": contract.status,
    }


@app.command("check")
def check_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Check every contract file. Exit 1 when one is wrong, unfinished or cannot be run.

    Says also which feeds no model publishes.
    """
    from ingestion.authoring.check import check_feeds
    from warehouse.modelling.unread import message, unread_feeds

    session: Session = context.obj
    contracts, problems = session.contracts, check_feeds(session.feeds)
    unread = unread_feeds(contracts, session.settings.dbt_project)
    if as_json:
        write_json({"contracts": list(contracts), "problems": problems, "unread": unread})
    else:
        for problem in problems:
            write(str(problem))
        if unread:
            write(message(unread))
        checked = len(contracts) + len(session.feeds.broken)
        write(f"{checked} contracts checked, {len(problems)} problems")
    if problems or not contracts:
        raise typer.Exit(1)


@app.command("init")
def init_command(
    sample: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file as the department sends it.")],
    department: Annotated[str, typer.Option("--department", help="Short name of the department.")] = "department",
    feed: Annotated[str, typer.Option("--feed", help="Short name of the feed.")] = "feed",
    out: Annotated[Path | None, typer.Option("--out", help="Write the draft here; default standard output.")] = None,
) -> None:
    """Draft a contract from a file. Every guess in it is marked."""
    from ingestion.authoring.draft import draft
    from ingestion.errors import ConfigurationError

    text = draft(sample, department=department, feed=feed)
    if out is None:
        write(text)
        return
    if out.exists():
        raise ConfigurationError(f"{out} exists", left="it was not changed", next_step="give another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    write(f"{out}: read every line marked as a guess or a decision, then: citylake contracts check")


@app.command("try")
def try_command(
    context: typer.Context,
    feed: Feed,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file of this feed.")],
    interval: Annotated[
        str | None, typer.Option("--interval", help="Moment inside the interval, local time; default the file's time.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Refused rows to show.")] = 10,
    show_text: Annotated[bool, typer.Option("--show-text", help="Show refused text unmasked (personal data).")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what would be refused of a file. Conforms it in a scratch folder; the lake is not touched."""
    from datetime import UTC, datetime

    from warehouse.cli.trial import try_file

    session: Session = context.obj
    contract = session.contract(feed)
    modified = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    meant = parse_interval(contract, interval) if interval else contract.calendar.at(modified)
    trial = try_file(contract, file, meant, session.settings, limit=limit, show_text=show_text)
    if as_json:
        write_json(trial)
    else:
        trial.show(results())
    if trial.refused:
        raise typer.Exit(1)
