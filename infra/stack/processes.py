"""Start services that keep running after the command that started them, and stop them.

A service is started in a session of its own. A process is identified by id and start time, so that no signal goes to
another process to which the system has given the id since.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ingestion.errors import CitylakeError

POLL_SECONDS = 0.1
TERM_SECONDS, INT_SECONDS = 60.0, 10.0
TAIL_LINES = 15
_STARTED: list[subprocess.Popen[bytes]] = []
"""Keeps the handles of started processes until this command ends; the services keep running after it."""


class StackError(CitylakeError):
    """A service of the local stack did not start, answer or end."""


@dataclass(frozen=True)
class Service:
    """One program of the stack. `user` is the id of the account it runs under, None for this process's."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: int | None = None


@dataclass(frozen=True)
class Running:
    """A started service: process id and start time (seconds since the epoch)."""

    name: str
    pid: int
    started: float

    def process(self) -> psutil.Process | None:
        """The process, or None when it has ended."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if same else None


def start(service: Service, log: Path) -> Running:
    """Start a service; its output is appended to `log` (mode 0600). Raises StackError."""
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(  # noqa: S603 - the stack's own commands
            list(service.command),
            env=dict(service.environment),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=service.user,
            group=service.user,
            extra_groups=[] if service.user is not None else None,
            cwd="/",
        )
    except OSError as error:
        raise StackError(f"{service.name} cannot be started: {error}", next_step=f"see {log}") from error
    finally:
        os.close(descriptor)
    _STARTED.append(process)
    return Running(service.name, process.pid, psutil.Process(process.pid).create_time())


def wait_until(ready: Callable[[], bool], running: Running, log: Path, *, seconds: float) -> None:
    """Wait for a service to answer. Raises StackError with the end of its log when it ends or takes too long."""
    deadline = time.monotonic() + seconds
    while not ready():
        ended = running.process() is None
        if ended or time.monotonic() > deadline:
            what = "ended while it started" if ended else f"does not answer after {seconds:.0f} s"
            raise not_ready(running.name, what, log)
        time.sleep(POLL_SECONDS)


def not_ready(name: str, what: str, log: Path) -> StackError:
    """The error for a service that did not come up, with the end of its log."""
    return StackError(f"{name} {what}\n{tail(log)}", next_step=f"see {log}; then `citylake up` again")


def stop(services: Sequence[Running], *, first: signal.Signals = signal.SIGTERM) -> None:
    """Stop services together with their child processes, by the signal `first`, then SIGINT, then SIGKILL."""
    processes = [process for service in services if (process := service.process()) is not None]
    family = [*processes, *(child for process in processes for child in _children(process))]
    remaining = processes
    for sign, timeout in ((first, TERM_SECONDS), (signal.SIGINT, INT_SECONDS)):
        for process in remaining:
            _signal(process, sign)
        remaining = psutil.wait_procs(remaining, timeout=timeout)[1]
    remaining = psutil.wait_procs(family, timeout=1)[1]
    for process in remaining:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(remaining, timeout=5)


def tail(log: Path) -> str:
    """The last lines of a log, indented."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    return "\n".join(f"    {line}" for line in lines[-TAIL_LINES:])


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _signal(process: psutil.Process, sign: signal.Signals) -> None:
    try:
        process.send_signal(sign)
    except psutil.NoSuchProcess:
        return
