"""Bells that ring together are answered together: the warehouse waits a moment for feeds that are running.

Only seconds are at stake. Without the wait the first feed of a morning would start a build that the others ring for
again; with it the first build finds what all of them brought, and the second nothing new.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from airflow.sdk import get_current_context

from dags.factory.runtime import log

ACTIVE = ["queued", "running"]
LOOK_SECONDS = 0.3


def wait_for_feeds(feeds: Collection[str], seconds: float, active: Callable[[str], bool] | None = None) -> list[str]:
    """Wait until no feed's run is active, at most so many seconds; the feeds that still were.

    `active` says so of one feed; by default Airflow is asked.
    """
    active = active or _is_active
    deadline = time.monotonic() + seconds
    waiting = [feed for feed in feeds if active(feed)] if seconds else []
    if waiting:
        log.info("waiting, at most %.0f s, for feeds that are running: %s", seconds, ", ".join(waiting))
    while waiting and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(LOOK_SECONDS, left))
        waiting = [feed for feed in waiting if active(feed)]
    if waiting:
        log.info("not waited for any longer: %s; they ring again when they are done", ", ".join(waiting))
    return waiting


def _is_active(feed: str) -> bool:
    return bool(get_current_context()["ti"].get_dr_count(dag_id=feed, states=ACTIVE))
