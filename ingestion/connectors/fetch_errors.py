"""Errors of fetching from a department's server, and the SourceError an operator reads.

A `FetchError` says what the server did; `as_source_error` adds the feed, the interval, the state of the store and the
next step. A `RetryableFetchError` may succeed when the request is repeated.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ingestion import clocks
from ingestion.contract.model import Contract
from ingestion.contract.sources import FileDrop
from ingestion.errors import SourceError
from ingestion.intervals import Interval

RUNBOOK = "docs/runbooks/source-unreachable.md"


class FetchError(Exception):
    """`what` the server at `where` (host and path, no secret) did wrong.

    `is_refusal`: it rejected the credential, or wants one. `advice`: what to do about it, where that is known.
    `is_whole_source`: no other file or page of the source can be fetched now either.
    """

    is_whole_source = False

    def __init__(self, what: str, where: str, *, is_refusal: bool = False, advice: str | None = None) -> None:
        super().__init__(f"{where} {what}")
        self.what = what
        self.is_refusal = is_refusal
        self.advice = advice


class RetryableFetchError(FetchError):
    """A request that may be repeated; `wait` is the server's Retry-After in seconds, None where it gave none."""

    def __init__(self, what: str, where: str, *, wait: float | None = None, is_refusal: bool = False) -> None:
        super().__init__(what, where, is_refusal=is_refusal)
        self.wait = wait


def as_source_error(error: FetchError, contract: Contract, interval: Interval) -> SourceError:
    """The error that an operator reads, with feed, interval and the command to run next."""
    feed = f"{contract.department}.{contract.feed}"
    source = contract.citylake.source
    name = None if isinstance(source, FileDrop) else source.connection
    command = f"citylake ingest {feed} --interval {interval.id}"
    if error.advice:
        step = f"{error.advice} (see {RUNBOOK}); then {command}"
    elif error.is_refusal and name:
        step = f"renew the credential: CITYLAKE_CONN_{name.upper()} or the Airflow connection {name!r}, then {command}"
    elif error.is_refusal:
        step = f"the server wants a credential: name a `connection` in {contract.path.name}, then {command}"
    elif isinstance(error, RetryableFetchError):
        step = f"the next run asks again; by hand: {command}; if it stays, see {RUNBOOK}"
    else:
        step = f"ask the department, see {RUNBOOK}; then {command}"
    source_error = SourceError(
        str(error),
        feed=feed,
        interval=str(interval),
        left="nothing was stored; what was committed before, and the last release, stay as they are",
        next_step=step,
    )
    source_error.is_whole_source = error.is_whole_source
    return source_error


def retry_after(value: str | None, date: str | None = None) -> float | None:
    """Seconds that a Retry-After header asks to wait: a number or an HTTP date (RFC 9110, 10.2.3); None for neither.

    An HTTP date is compared with `date`, the response's own Date header, as the server's clock may differ from ours.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = http_date(text)
    except ValueError:
        return None
    try:
        now = http_date(date or "")
    except ValueError:
        now = clocks.now()
    return max(0.0, (moment - now).total_seconds())


def http_date(text: str) -> datetime:
    """An HTTP date as UTC. Raises ValueError."""
    moment = parsedate_to_datetime(text)
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a date outside the calendar") from None
