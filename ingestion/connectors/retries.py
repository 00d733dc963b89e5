"""Read again after a failure that may pass, until attempts or time are used up; each wait is logged.

For sources that are not read by HTTP requests of one answer each, whose retries `ingestion.connectors.web` owns.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from ingestion.connectors.fetch_errors import RetryableFetchError

T = TypeVar("T")

_BACKOFF = wait_random_exponential(multiplier=0.5, max=30)

log = logging.getLogger(__name__)


def read_with_retries(read: Callable[[], T], *, attempts: int, deadline: float, again: str) -> T:
    """What `read` gives. `again` says in the log what happens next: `asked again`.

    `deadline` is a moment of `time.monotonic()`, after which no further attempt begins. Raises the last FetchError.
    """

    def log_retry(state: RetryCallState) -> None:
        problem = state.outcome.exception() if state.outcome else None
        following = f"attempt {state.attempt_number + 1} of {attempts}"
        log.warning("%s; %s in %.1f s, %s", problem, again, state.upcoming_sleep, following)

    def stop(state: RetryCallState) -> bool:
        return time.monotonic() >= deadline or stop_after_attempt(attempts)(state)

    retrying = Retrying(
        retry=retry_if_exception_type(RetryableFetchError), wait=_BACKOFF, stop=stop, before_sleep=log_retry,
        reraise=True,
    )  # fmt: skip
    return retrying(read)
