"""What every task needs when it runs: the lake, the run's own parameters, and errors an operator can read."""

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
    from ingestion.lake import Lake
    from ingestion.settings import Settings

log = logging.getLogger("citylake")
LOG_WIDTH = 96
PASSING = (StoreError, SourceError, LakeBusy, UnexpectedError)
"""Errors that may be gone at the next try; the others need a person, and are not retried."""


@contextmanager
def for_operators() -> Iterator[None]:
    """Turn an error into a message an operator can act on; retried where trying again can help.

    Of an exception nobody expected the log names the type and the crash log: its text may hold values of the data,
    and every account of the page reads the log.
    """
    try:
        yield
    except AirflowException:
        raise
    except Exception as error:
        known = as_known_error(error, _settings(), "the task")
        failed = AirflowException if isinstance(known, PASSING) else AirflowFailException
        raise failed(str(known)) from None


def _settings() -> Settings:
    from ingestion.settings import Settings

    return Settings()


def open_lake() -> Lake:
    """The lake of this environment's settings, its connections Airflow's, or else the environment's."""
    from dataclasses import replace

    from ingestion.lake import open_lake
    from ingestion.settings import Settings

    settings = Settings()
    return replace(open_lake(settings), connections=partial(connection, settings))


def connection(settings: Settings, name: str) -> Connection:
    """The connection of that id in Airflow; where there is none, `CITYLAKE_CONN_<NAME>`. Raises ConfigurationError."""
    from airflow.sdk import Connection as AirflowConnection
    from airflow.sdk.exceptions import AirflowNotFoundException

    from ingestion.connections import Connection, from_settings

    try:
        found = AirflowConnection.get(name)
    except AirflowNotFoundException:
        return from_settings(settings, name)
    return Connection.from_fields(
        name=name,
        host=found.host,
        conn_type=found.conn_type,
        port=found.port,
        schema=found.schema,
        login=found.login,
        password=found.password,
        extra=found.extra_dejson,
    )


def folded(text: str, *, indent: int = 2) -> list[str]:
    """Lines that fit Airflow's log page, which does not wrap."""
    return textwrap.wrap(text, LOG_WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + 4))


def parameter(name: str) -> Any:
    """A parameter of the run, as typed into the trigger form or given on the command line."""
    return get_current_context()["params"].get(name)


def own_day(lake: Lake) -> date:
    """The local day of the run: that of its logical date, and today in the city where that is still to come there.

    The trigger form offers the machine's time, which a simulated city has not reached. Raises ConfigurationError.
    """
    now = lake.city_time()
    logical = get_current_context().get("logical_date")
    return min(logical.astimezone(now.tzinfo).date(), now.date()) if logical else now.date()


class OutOfRange(AirflowFailException):
    """The run's days hold nothing that could be done: red, since Airflow shows an empty run as a success.

    The person who asked for them reads it; no steward is told (dags.factory.failures).
    """


def feed_days(lake: Lake, feed: str) -> tuple[date, date]:
    """As `days`. Raises OutOfRange where the feed's calendar has no interval in them."""
    from warehouse.capture import intervals_of

    first, last = days(lake)
    contract = lake.contracts[feed]
    if not intervals_of(contract, first) and not intervals_of(contract, last):
        begun = contract.calendar.start
        raise OutOfRange(
            f"{feed}: no interval in {first} to {last}; its calendar begins on {begun} ({contract.calendar.timezone})\n"
            "  left:  nothing was done\n"
            f"  next:  trigger it with `from` and `to` on or after {begun}"
        )
    return first, last


def nothing_new(lake: Lake, feed: str, first: date, last: date, awaited: int) -> str:
    """What to tell of a run that found nothing new. Raises OutOfRange where its days are still to come."""
    today = lake.city_time().date()
    if first > today:
        raise OutOfRange(
            f"{feed}: {first} is still to come, it is {today} in the city; no file lies there for it yet\n"
            "  left:  nothing was done\n"
            f"  next:  trigger it with `from` on or before {today}, or clear this run when the day has come"
        )
    return f"nothing new in {first} to {last} and the recapture before; {awaited} intervals of them have no file yet"


def days(lake: Lake) -> tuple[date, date]:
    """First and last local day of the run: as asked for, else its own day. Raises ConfigurationError."""
    from ingestion.intervals import check_days

    first, last = parameter("from"), parameter("to")
    begin = date.fromisoformat(first) if first else own_day(lake)
    end = date.fromisoformat(last) if last else begin
    check_days(begin, end)
    return begin, end


def judged_day(lake: Lake) -> date:
    """The local day the run judges: as asked for, else today in the city. Raises ConfigurationError."""
    from ingestion.intervals import check_days

    asked = parameter("as_of")
    day = date.fromisoformat(asked) if asked else lake.city_time().date()
    check_days(day, day)
    return day
