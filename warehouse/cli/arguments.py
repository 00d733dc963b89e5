"""Arguments and options that several commands take, each with one wording."""

from __future__ import annotations

import getpass
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ingestion.machine.accounts import login, process_account

if TYPE_CHECKING:
    from ingestion.contract.model import Contract
    from ingestion.intervals import Interval
    from ingestion.settings import Settings
    from warehouse.actions.model import Actor
    from warehouse.actions.opening import Opening

Feed = Annotated[str, typer.Argument(metavar="FEED", help="department.feed, as in `citylake contracts list`.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Day = Annotated[
    datetime | None,
    typer.Option("--day", formats=["%Y-%m-%d"], help="Local day of the city; default today.", show_default=False),
]
Edition = Annotated[str, typer.Option("--edition", help="internal, open, or restricted/PRODUCT.")]
Purpose = Annotated[
    str | None, typer.Option("--purpose", help="What a restricted edition is opened for; recorded.", show_default=False)
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the record.")]
By = Annotated[
    str | None,
    typer.Option("--by", help="Role or account that decides; default the account.", show_default=False),
]


def local_day(day: datetime | None, settings: Settings) -> date:
    """The day asked for, or today in the city. Raises ConfigurationError."""
    if day is not None:
        from ingestion.intervals import check_days

        check_days(day.date(), day.date())
        return day.date()
    from ingestion.city_time import city_time

    return city_time(settings).date()


def parse_interval(contract: Contract, text: str) -> Interval:
    """The interval that holds a moment in the feed's local time: `2026-03-02`, `2026-03-02T05`.

    Raises ConfigurationError.
    """
    from ingestion.errors import ConfigurationError
    from ingestion.intervals import check_days

    wrong = f"is not a moment such as 2026-03-02 or 2026-03-02T05 ({contract.calendar.timezone})"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is not None:
        check_days(moment.date(), moment.date())
        try:
            return contract.calendar.at(moment)
        except ValueError as error:
            wrong = f"is no interval: {error}"
    raise ConfigurationError(
        f"--interval {text!r} {wrong}",
        feed=f"{contract.department}.{contract.feed}",
        left="nothing was done",
    )


def account(by: str | None) -> str:
    """Who decides: as given, else the account that runs the command."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown account"


def opening(edition: str, purpose: str | None, command: str, **details: str) -> Opening | None:
    """Who opens a restricted edition and what for, None for any other: the machine's account, whatever is claimed.

    Raises BadParameter for a purpose of an edition whose openings are not recorded.
    """
    from warehouse.actions.model import Actor
    from warehouse.actions.opening import Opening
    from warehouse.release.editions import is_restricted

    if not is_restricted(edition):
        if purpose is not None:
            raise typer.BadParameter("only openings of restricted editions are recorded: leave --purpose out")
        return None
    logged_in = login()
    named = {"login": logged_in} if logged_in and logged_in != process_account() else {}
    actor = Actor(account=process_account(), role="command line", via="command line")
    return Opening(actor, purpose or "", command, {**named, **details})


def actor(by: str | None) -> Actor:
    """Who acts on the command line, for the ledger of actions."""
    from warehouse.actions.model import Actor

    return Actor(account=account(by), role="command line", via="command line")
