"""Command line of the simulated city: `deliver`, `serve` and `truth`."""

from __future__ import annotations

import os
from collections import Counter
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated

import typer

from infra.simulator.city import DAYS, SEED, START, City
from infra.simulator.deliver import deliver, write_whole
from infra.simulator.feeds import FEEDS
from infra.simulator.history import hand_over
from infra.simulator.model import LOCAL, Delivery
from infra.simulator.truth import write_truth

app = typer.Typer(help="A simulated city that hands over synthetic files.", no_args_is_help=True, add_completion=False)

_DATE = ["%Y-%m-%d"]
_DEFAULT_START = datetime(START.year, START.month, START.day)  # noqa: DTZ001  a date for the command line

Out = Annotated[Path, typer.Option(help="Folder that gets drop/ and truth/.")]
Seed = Annotated[int, typer.Option(help="Everything follows from it.")]
Start = Annotated[datetime, typer.Option(formats=_DATE, help="First local day.")]
Days = Annotated[int, typer.Option(min=1, help="Days of the run.")]
Scale = Annotated[int, typer.Option(min=1, help="Multiplies rows and planted counts.")]
Clock = Annotated[Path | None, typer.Option(help="File for the city's time: the evening of the last day delivered.")]
Unresolved = Annotated[
    bool, typer.Option("--unresolved", help="End the last day with a late feed and a correction to decide about.")
]
EVENING = time(23, tzinfo=LOCAL)


@app.callback()
def private() -> None:
    """A simulated city that hands over synthetic files; they are its account's, as real deliveries would be."""
    os.umask(0o077)


@app.command("deliver")
def deliver_command(
    out: Out,
    day: Annotated[datetime | None, typer.Option(formats=_DATE, help="Local day of arrival.")] = None,
    every_day: Annotated[bool, typer.Option("--all", help="Every day of the run.")] = False,
    seed: Seed = SEED,
    start: Start = _DEFAULT_START,
    days: Days = DAYS,
    scale: Scale = 1,
    clock: Clock = None,
    *,
    unresolved: Unresolved = False,
) -> None:
    """Write what arrives on a day (late files and corrections with it) below OUT/drop."""
    if (day is None) == (not every_day):
        raise typer.BadParameter("give either --day or --all")
    city = City(seed, start.date(), days, scale, unresolved=unresolved)
    wanted = range(1, days + 1) if day is None else (city.day_no(day.date()),)
    for day_no in wanted:
        if not 1 <= day_no <= days:
            raise typer.BadParameter(f"the run has {days} days from {city.start}; {city.date_of(day_no)} is not one")
        _report(city, day_no, deliver(city, day_no, out))
        _write_time(city.date_of(day_no), clock)


@app.command("history")
def history_command(
    out: Out,
    history: Annotated[int, typer.Option("--history", min=1, help="Days before the first one.")],
    seed: Seed = SEED,
    start: Start = _DEFAULT_START,
    days: Days = DAYS,
    scale: Scale = 1,
) -> None:
    """Write what departments hand over of the days before the run, in bulk, below OUT/drop/history."""
    for handed in hand_over(City(seed, start.date(), days, scale), history, out):
        typer.echo(
            f"{handed.first} to {handed.last}  {handed.feed:<24} {len(handed.files):>3} files {handed.rows:>8} rows"
        )


@app.command("serve")
def serve_command(
    out: Out,
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    ready: Annotated[Path | None, typer.Option(help="File that gets url, tokens and environment as JSON.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; in a container 0.0.0.0.")] = "127.0.0.1",
    day: Annotated[datetime | None, typer.Option(formats=_DATE, help="Deliver this local day first.")] = None,
    clock: Clock = None,
    token: Annotated[str | None, typer.Option(envvar="SIMULATOR_TOKEN", help="Bearer token; default made up.")] = None,
    control: Annotated[str | None, typer.Option(envvar="SIMULATOR_CONTROL", help="Token of the outages.")] = None,
    *,
    sftp_port: Annotated[int, typer.Option("--sftp-port", help="Of the SFTP server; 0 takes a free one.")] = 0,
) -> None:
    """Serve what was delivered below OUT/drop over HTTP and SFTP, until Ctrl-C. The web address is printed."""
    from infra.simulator.serve import serve

    if day is not None and not (clock is not None and _is_later(clock, day.date())):
        # A restarted server does not set the city back to its first day.
        deliver_command(out, day=day, clock=clock)
    serve(out, port=port, sftp_port=sftp_port, ready=ready, say=typer.echo, host=host, token=token, control=control)


@app.command("truth")
def truth_command(
    out: Out,
    seed: Seed = SEED,
    start: Start = _DEFAULT_START,
    days: Days = DAYS,
    scale: Scale = 1,
    unresolved: Unresolved = False,
) -> None:
    """Write OUT/truth/truth.json: exact counts of what `deliver` writes, for tests."""
    typer.echo(str(write_truth(City(seed, start.date(), days, scale, unresolved=unresolved), out)))


def _write_time(day: date, clock: Path | None) -> None:
    if clock is not None:
        write_whole(clock, datetime.combine(day, EVENING).isoformat().encode())


def _is_later(clock: Path, day: date) -> bool:
    return clock.is_file() and datetime.fromisoformat(clock.read_text(encoding="utf-8")).date() > day


def _report(city: City, day_no: int, delivered: list[Delivery]) -> None:
    for feed in FEEDS:
        files = [d for d in delivered if f"{d.department}.{d.feed}" == feed.id]
        rows = sum(table.rows for d in files for table in d.tables.values())
        notes = Counter(d.note for d in files if d.note)
        remark = "".join(f", {count} {note}" for note, count in sorted(notes.items()))
        typer.echo(f"{city.date_of(day_no)}  {feed.id:<24} {len(files):>3} files {rows:>8} rows{remark}")
