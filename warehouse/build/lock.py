"""One at a time at the build file: who writes it, and who judges or publishes what is in it.

Owns the lock on `<state>/build.lock` and the note that says who holds it. Airflow's one-slot
pool keeps tasks in order; this lock holds where a person runs a command beside it.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingestion import clocks
from ingestion.errors import LakeBusy
from ingestion.machine.locks import exclusive


@contextmanager
def build_lock(state: Path, *, timeout: float = 0.0) -> Iterator[None]:
    """Hold the build lock of a state folder for the time of the block.

    `timeout` is in seconds; 0 does not wait. Raises LakeBusy naming process, host and since when.
    """
    holder = state / "build.lock.holder"

    def busy() -> LakeBusy:
        return LakeBusy(
            f"another build is running or being published ({_describe(holder)})",
            left="the build file and the last release are untouched",
            next_step="wait for it to end, then run the command again; or set CITYLAKE_LOCK_TIMEOUT_SECONDS to wait",
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
