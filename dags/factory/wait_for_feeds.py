"""Let the warehouse wait a moment for feeds that are running, so that one build takes in what all of them bring.

Without the wait the first feed of a morning would start a build, and the asset events of the others a second full one;
with it the second build finds nothing new. Not waiting costs seconds and no data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from airflow.sdk import get_current_context

from dags.factory.runtime import log

ACTIVE = ["queued", "running"]
POLL_SECONDS = 0.3


def wait_for_feeds(feeds: Collection[str], seconds: float, active: Callable[[str], bool] | None = None) -> list[str]:
    """Wait at most `seconds` until no feed has an active run; the feeds that still have one.

    `active` says whether a feed has one, by default as Airflow knows it.
    """
    active = active or _is_active
    deadline = time.monotonic() + seconds
    waiting = [feed for feed in feeds if active(feed)] if seconds else []
    if waiting:
        log.info("waiting, at most %.0f s, for feeds that are running: %s", seconds, ", ".join(waiting))
    while waiting and (remaining := deadline - time.monotonic()) > 0:
        time.sleep(min(POLL_SECONDS, remaining))
        waiting = [feed for feed in waiting if active(feed)]
    if waiting:
        log.info("not waited for any longer: %s; they trigger another run when they are done", ", ".join(waiting))
    return waiting


def _is_active(feed: str) -> bool:
    return bool(get_current_context()["ti"].get_dr_count(dag_id=feed, states=ACTIVE))
