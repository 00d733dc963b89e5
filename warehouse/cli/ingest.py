"""Commands on deliveries: ingest, conform again, decide held ones, delete what none names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.cli.arguments import AsJson, By, Day, Feed, actor, local_day, parse_interval
from warehouse.cli.output import progress, results, show_grid, write, write_json
from warehouse.cli.session import Session

if TYPE_CHECKING:
    from ingestion.contract.model import Contract
    from ingestion.delivery.outcome import Delivery
    from ingestion.intervals import Interval

IntervalOption = Annotated[
    str | None,
    typer.Option("--interval", help="A moment inside the interval, in the feed's local time: 2026-03-02T05."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("ingest")(ingest_command)
    app.command("reconform")(reconform_command)
    app.command("held")(held_command)
    app.command("collect")(collect_command)


def ingest_command(
    context: typer.Context,
    feed: Feed,
    file: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="One file; default what the source has.")
    ] = None,
    interval: IntervalOption = None,
    day: Day = None,
    as_json: AsJson = False,
) -> None:
    """Take in a feed's deliveries. Of a day, of one interval, or one file."""
    from ingestion.delivery.ingest import ingest_file, ingest_intervals
    from ingestion.errors import CitylakeError, ConfigurationError
    from warehouse.cli.render import show_deliveries

    session: Session = context.obj
    contract = session.contract(feed)
    if file is not None and interval is None:
        raise ConfigurationError(
            f"which interval is {file.name!r} of?",
            feed=feed,
            left="nothing was done",
            next_step=f"citylake ingest {feed} {file} --interval 2026-03-02",
        )
    deliveries: list[Delivery] = []
    try:
        with progress(f"ingest {feed}") as say:
            if file is not None and interval is not None:
                deliveries.append(ingest_file(session.lake, contract, file, parse_interval(contract, interval)))
            else:
                for delivery in ingest_intervals(session.lake, contract, _intervals(session, contract, interval, day)):
                    deliveries.append(delivery)
                    say(f"ingest {feed} {delivery.interval}")
    except CitylakeError:
        # What was committed before is shown before the error is.
        if deliveries:
            show_deliveries(deliveries, as_json=as_json)
        raise
    show_deliveries(deliveries, as_json=as_json)


def _intervals(session: Session, contract: Contract, interval: str | None, day: Day) -> list[Interval]:
    if interval is not None:
        return [parse_interval(contract, interval)]
    from warehouse.capture import intervals_of

    return intervals_of(contract, local_day(day, session.settings))


def reconform_command(
    context: typer.Context,
    feed: Annotated[str | None, typer.Argument(metavar="[FEED]", help="department.feed; default every feed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make bronze again from raw. Only where the contract or the pseudonym key changed."""
    from ingestion.contract.problem import InvalidContract, Problem
    from ingestion.delivery.reconform import reconform
    from ingestion.isolation import Isolated
    from warehouse.cli.render import show_deliveries
    from warehouse.incidents.deliveries import report_deliveries

    session: Session = context.obj
    contracts = [session.contract(feed)] if feed else list(session.feeds.active.values())
    done = []
    wrong: list[Problem] = [] if feed else session.feeds.problems
    isolated = Isolated(session.settings, "every feed", "reconform")
    with progress("reconform") as say:
        for contract in contracts:
            say(f"reconform {contract.department}.{contract.feed}")
            with isolated.each():
                try:
                    done += reconform(session.lake, contract)
                except InvalidContract as error:
                    # A contract that cannot be run ends no other feed.
                    wrong += error.problems
        with isolated.each():
            report_deliveries(session.lake, done)
    if done or not wrong:
        show_deliveries(done, as_json=as_json, nothing="bronze is up to date with every contract")
    isolated.raise_collected()
    if wrong:
        raise InvalidContract(wrong)


def held_command(
    context: typer.Context,
    accept: Annotated[str | None, typer.Option("--accept", metavar="BATCH", help="Let this delivery count.")] = None,
    reject: Annotated[str | None, typer.Option("--reject", metavar="BATCH", help="Keep what counted before.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, for the record; needed to decide.")] = None,
    by: By = None,
    feed: Annotated[str | None, typer.Option("--feed", help="Where feeds share a batch id.")] = None,
    as_json: AsJson = False,
) -> None:
    """List or decide deliveries that wait. They would lose too many keys, or may be incomplete."""
    from ingestion.delivery.holds import held
    from warehouse.actions.perform import decide_held

    session: Session = context.obj
    batch = accept or reject
    if batch is None:
        waiting = held(session.lake)
        if as_json:
            write_json(waiting)
            return
        columns = ("feed", "interval", "batch", "content as of", "why")
        rows = [(h.feed, h.interval_start, h.batch, h.content_as_of, h.message) for h in waiting]
        show_grid(results(), f"{len(rows)} deliveries wait for a steward", columns, rows)
        return
    if (accept and reject) or not reason:
        raise typer.BadParameter("decide one batch at a time, with --reason")
    decide_held(session.lake, actor(by), feed, batch, bool(accept), reason)
    decided = "accepted" if accept else "rejected"
    write(f"{batch}: {decided}; the next `citylake run` or `citylake build` takes it into account")


def collect_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Delete what no receipt or release names. Only what is older than a week."""
    from ingestion.upkeep.collect import collect
    from warehouse.release import collect as unreleased
    from warehouse.release.editions import of_lake

    session: Session = context.obj
    with progress("list every object"):
        collected = collect(session.lake)
        published = [key for name in of_lake(session.lake.store) for key in unreleased.collect(session.lake, name)]
    if as_json:
        write_json({**vars(collected), "unreleased": published})
        return
    write(f"{len(collected.orphans) + len(published)} objects deleted, {collected.residue} pieces of residue removed")
    for key in collected.unfinished:
        write(f"no receipt yet, the next run goes on from it: {key}")
