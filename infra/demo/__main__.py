"""The command of `make demo`: start the stack, run the city's days, then leave it running or, with --once, end it.

Days that are done are not run again, so a second call continues where the first ended.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from infra.demo import summary
from infra.demo.days import Days
from infra.demo.departments import serve_departments
from infra.simulator.city import SEED, START, City
from infra.stack.processes import StackError
from infra.stack.stack import Stack
from infra.web_contracts import web_contracts
from ingestion import clocks
from ingestion.errors import CitylakeError
from ingestion.lake import open_lake
from ingestion.machine.rights import keep_private, own_folder
from ingestion.settings import Settings
from warehouse.cli.output import results
from warehouse.cli.session import Session
from warehouse.cli.status import show_status

FAILED, INTERRUPTED = 1, 130
HISTORY_DAYS, LIVE_DAYS = 60, 3
RETRY_SECONDS = 5.0
LOCK_SECONDS = 120.0
POLL_SECONDS = 2.0


def demo(
    home: Annotated[Path, typer.Option("--home", help="Folder of the demonstration's lake.")] = Path(".citylake"),
    days: Annotated[int, typer.Option("--days", min=1, help="Days of the city.")] = LIVE_DAYS,
    history: Annotated[
        int, typer.Option("--history", min=0, help="Days before them, handed over in bulk.")
    ] = HISTORY_DAYS,
    seed: Annotated[int, typer.Option("--seed", help="Everything the city makes follows from it.")] = SEED,
    once: Annotated[bool, typer.Option("--once", help="End everything after the last day's release.")] = False,
) -> None:
    """Run the simulated city through Airflow, from the first delivery to the release."""
    keep_private()
    console = results()
    console.print(
        f"A simulated city, {days} days from {START} and {history} before, seed {seed}. "
        "[bold]Every value is synthetic.[/bold]"
    )
    # SIGINT too, because a shell script that starts this in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    city = City(seed=seed, start=START, days=days, unresolved=True)
    stack = None
    try:
        lake = open_lake(demo_settings(home, city))
        stack = Stack(lake.settings, say=lambda line: console.print(f"            {line}", style="dim"))
        _run(Days(lake, stack, city, console), history, once=once)
    except KeyboardInterrupt:
        console.print("interrupted; what was committed stays, the next `make demo` goes on from it")
        raise typer.Exit(INTERRUPTED) from None
    except CitylakeError as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(FAILED) from error
    finally:
        if stack is not None:
            stack.down()


def demo_settings(home: Path, city: City) -> Settings:
    """The demonstration's lake: departments on the web, the city's own time, schedules that end with its last day,
    quick retries."""
    # What departments deliver is as private as the raw zone.
    own_folder(home / "city")
    contracts = web_contracts(home / "city" / "contracts", exchange=True)
    return Settings(
        home=home,
        contracts=contracts,
        drop=home / "city" / "drop",
        city_time=home / "city" / "time.txt",
        schedule_until=city.date_of(city.days),
        retry_delay_seconds=RETRY_SECONDS,
        lock_timeout_seconds=LOCK_SECONDS,
        # One account is the steward of every department, and its mail is composed at once.
        stewards={"steward": sorted(folder.name for folder in contracts.iterdir() if folder.is_dir())},
        steward_mail_minutes=0,
    )


def _run(days: Days, history: int, *, once: bool) -> None:
    since = clocks.now()
    days.load_done()
    for done_before in sorted(days.done):
        days.console.print(f"[bold]{done_before}[/bold]  done before")
    if once and not days.remaining:
        summary.show(days.lake, days.console, days.done, since)
        summary.show_next_steps(days.lake, days.console)
        return
    started = clocks.now()
    serve_departments(days.stack, days.folder)
    days.lake.settings.save()
    days.stack.up()
    days.console.print(f"            Airflow answers after {(clocks.now() - started).total_seconds():.0f} s")
    days.load_history(history)
    days.catch_up()
    for day in days.remaining:
        days.run(day)
    days.sweep()
    summary.show(days.lake, days.console, days.done, since)
    if once:
        show_status(Session(home=days.lake.settings.root), department=None, state=None, as_json=False)
    summary.show_next_steps(days.lake, days.console)
    if not once:
        _keep_running(days)


def _keep_running(days: Days) -> None:
    """Leave everything running until Ctrl-C; a person at a terminal gets an SQL prompt meanwhile."""
    from warehouse.status.read import read_status

    stack, console = days.stack, days.console
    summary.show_addresses(stack, read_status(days.lake), console)
    if sys.stdin.isatty():
        from warehouse.cli import main

        console.print("An SQL prompt on the release; .quit leaves it, the pages stay until Ctrl-C.", style="bold")
        main(["--home", str(stack.settings.root), "sql"])
    console.print("Ctrl-C ends all of it.")
    while stack.running():
        time.sleep(POLL_SECONDS)
    raise StackError("the stack's processes have ended", next_step="`make demo` starts them again")


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(demo)
    app()
