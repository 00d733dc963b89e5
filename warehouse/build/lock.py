"""One at a time at the build file: who writes it, and who judges or publishes what is in it.

Owns the lock on `<state>/build.lock` with the note that says who holds it, and the lock of the whole lake beside it: a
build reads merged copies that another host could collect. Airflow's one-slot pool keeps tasks in order; these locks
hold where a person runs a command beside it.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion import clocks
from ingestion.errors import LakeBusy
from ingestion.machine.locks import exclusive

if TYPE_CHECKING:
    from ingestion.lake import Lake

_LEFT = "the build file and the last release are untouched"
_NEXT = "wait for it to end, then run the command again; or set CITYLAKE_LOCK_TIMEOUT_SECONDS to wait"


@contextmanager
def building(lake: Lake) -> Iterator[None]:
    """Hold this machine's build file, and be the only one of the lake that builds, judges, publishes or collects.

    Raises LakeBusy naming who does.
    """

    def busy(holder: str | None) -> LakeBusy:
        where = f" ({holder})" if holder else ""
        return LakeBusy(f"another host is building or publishing{where}", left=_LEFT, next_step=_NEXT)

    timeout = lake.settings.lock_timeout_seconds
    with (
        build_lock(lake.settings.state_root, timeout=timeout),
        lake.locks.exclusive("build", busy=busy, timeout=timeout),
    ):
        yield


@contextmanager
def build_lock(state: Path, *, timeout: float = 0.0) -> Iterator[None]:
    """Hold the build file of a state folder for the time of the block.

    `timeout` is in seconds; 0 does not wait. Raises LakeBusy naming process, host and since when.
    """
    holder = state / "build.lock.holder"

    def busy() -> LakeBusy:
        return LakeBusy(
            f"another build is running or being published ({_describe(holder)})",
            left=_LEFT,
            next_step=_NEXT,
        )

    with exclusive(state / "build.lock", busy=busy, timeout=timeout):
        try:
            note = {"pid": os.getpid(), "host": socket.gethostname(), "since": f"{clocks.now():%Y-%m-%dT%H:%M:%SZ}"}
            holder.write_text(json.dumps(note), encoding="utf-8")
            yield
        finally:
            holder.unlink(missing_ok=True)


def _describe(holder: Path) -> str:
    try:
        note = json.loads(holder.read_text(encoding="utf-8"))
        return f"process {note['pid']} on {note['host']} since {note['since']}"
    except (OSError, ValueError, KeyError):
        # The holder writes its note just after it takes the lock.
        return "its note is not written yet"
