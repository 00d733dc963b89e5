"""What every task needs when it runs: the lake, the run's parameters, and errors that an operator can act on."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from ingestion.errors import LakeBusy, SourceError, StoreError, UnexpectedError
from ingestion.isolation import as_known_error

if TYPE_CHECKING:
    from ingestion.connections import Connection
    from ingestion.database_connection import DatabaseConnection
    from ingestion.lake import Lake
    from ingestion.settings import Settings
    from ingestion.sftp_connection import SftpConnection

log = logging.getLogger("citylake")
LOG_WIDTH = 96
RETRIED = (StoreError, SourceError, LakeBusy, UnexpectedError)
"""Errors that may not occur at the next try; tasks with other errors are not retried, since a person must act."""


@contextmanager
def for_operators() -> Iterator[None]:
    """Raise an exception of the block as one of Airflow's: AirflowException, which is retried, or AirflowFailException.

    Of an unexpected exception the message names only type and crash log: its text may hold values of the data, and
    every Airflow account can read the log.
    """
    try:
        yield
    except AirflowException:
        raise
    except Exception as error:
        known = as_known_error(error, _settings(), "the task")
        failed = AirflowException if isinstance(known, RETRIED) else AirflowFailException
        raise failed(str(known)) from None


def _settings() -> Settings:
    from ingestion.settings import Settings

    return Settings()


def open_lake() -> Lake:
    """The lake of this environment's settings; it takes connections from Airflow, or else from the environment."""
    from dataclasses import replace

    from ingestion.lake import open_lake
    from ingestion.settings import Settings

    settings = Settings()
    return replace(
        open_lake(settings), connections=partial(connection, settings), databases=partial(database, settings),
        sftp_servers=partial(sftp_server, settings),
    )  # fmt: skip


def connection(settings: Settings, name: str) -> Connection:
    """The connection of that id in Airflow; where there is none, `CITYLAKE_CONN_<NAME>`. Raises ConfigurationError."""
    from ingestion.connections import Connection, from_settings

    stored = _stored(name)
    return from_settings(settings, name) if stored is None else Connection.from_fields(name=name, **stored)


def database(settings: Settings, name: str) -> DatabaseConnection:
    """As `connection`, for a database: an Airflow connection of the type Postgres or Generic."""
    from ingestion.database_connection import DatabaseConnection, from_settings

    stored = _stored(name)
    return from_settings(settings, name) if stored is None else DatabaseConnection.from_fields(name=name, **stored)


def sftp_server(settings: Settings, name: str) -> SftpConnection:
    """As `connection`, for an SFTP server: an Airflow connection of the type SFTP, SSH or Generic."""
    from ingestion.sftp_connection import SftpConnection, from_settings

    stored = _stored(name)
    return from_settings(settings, name) if stored is None else SftpConnection.from_fields(name=name, **stored)


def _stored(name: str) -> dict[str, Any] | None:
    """The fields of the Airflow connection of that id; None where there is none."""
    from airflow.sdk import Connection as AirflowConnection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        stored = AirflowConnection.get(name)
    except AirflowNotFoundException:
        return None
    fields = ("host", "conn_type", "port", "schema", "login", "password")
    return {**{field: getattr(stored, field) for field in fields}, "extra": stored.extra_dejson}


def folded(text: str, *, indent: int = 2) -> list[str]:
    """The text as lines of at most 96 characters, because Airflow's log page does not wrap."""
    return textwrap.wrap(text, LOG_WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + 4))


def runbook_at(name: str) -> str:
    """Where a person who reads a task's log finds a runbook."""
    from warehouse.runbooks import runbook

    return runbook(_settings(), name)


def parameter(name: str) -> Any:
    """A parameter of the run, as typed into the trigger form or given on the command line."""
    return get_current_context()["params"].get(name)


def logical_day(lake: Lake) -> date:
    """The local day of the run's logical date, but never later than today in the city.

    Airflow's trigger form offers the machine's time, which a simulated city may not have reached. Raises
    ConfigurationError.
    """
    now = lake.city_time()
    logical = get_current_context().get("logical_date")
    return min(logical.astimezone(now.tzinfo).date(), now.date()) if logical else now.date()


class AskedWrong(AirflowFailException):
    """What a person asked of Airflow cannot be done. They read the message; it opens no incident
    (dags.factory.failures)."""


class OutOfRange(AskedWrong):
    """The run's days have no interval or lie in the future. The task fails, since Airflow shows an empty run as a
    success."""


def feed_days(lake: Lake, feed: str) -> tuple[date, date]:
    """First and last local day of the run, as `days`. Raises OutOfRange where the feed has no interval in them."""
    from warehouse.capture import intervals_of

    first, last = days(lake)
    contract = lake.contracts[feed]
    if not intervals_of(contract, first) and not intervals_of(contract, last):
        calendar_start = contract.calendar.start
        raise OutOfRange(
            f"{feed}: no interval in {first} to {last}; "
            f"its calendar begins on {calendar_start} ({contract.calendar.timezone})\n"
            "  left:  nothing was done\n"
            f"  next:  trigger it with `from` and `to` on or after {calendar_start}"
        )
    return first, last


def nothing_new(lake: Lake, feed: str, first: date, last: date, awaited: int) -> str:
    """The message of a run that found nothing new. Raises OutOfRange where its days lie in the future."""
    today = lake.city_time().date()
    if first > today:
        raise OutOfRange(
            f"{feed}: {first} is still to come, it is {today} in the city; no file lies there for it yet\n"
            "  left:  nothing was done\n"
            f"  next:  trigger it with `from` on or before {today}, or clear this run when the day has come"
        )
    return f"nothing new in {first} to {last} and the recapture before; {awaited} intervals of them have no file yet"


def days(lake: Lake) -> tuple[date, date]:
    """First and last local day of the run: its parameters `from` and `to`, else its logical day. Raises
    ConfigurationError."""
    from ingestion.intervals import check_days

    first, last = parameter("from"), parameter("to")
    begin = date.fromisoformat(first) if first else logical_day(lake)
    end = date.fromisoformat(last) if last else begin
    check_days(begin, end)
    return begin, end


def judged_day(lake: Lake) -> date:
    """The local day the run judges: its parameter `as_of`, else today in the city. Raises ConfigurationError."""
    from ingestion.intervals import check_days

    as_of = parameter("as_of")
    day = date.fromisoformat(as_of) if as_of else lake.city_time().date()
    check_days(day, day)
    return day
