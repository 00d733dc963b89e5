"""Locks as PostgreSQL advisory locks: for a lake that many hosts work on (docs/adr/0026).

Owns the sessions that hold them. A lock has a session of its own and lives exactly as long as that session: the server
ends it when the holder's process dies, and when its host has not answered for half a minute. So a holder asks the
server before each commit step whether its session still has the lock (`Locks.require_held`).

The database holds no table and belongs to one lake: a name is one lock, whatever store its holder works on. Sessions
must be the server's own; those of a pooler that gives each transaction another one do not pass the check.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import select
import socket
import time
import weakref
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, parse_dsn
from psycopg2.extensions import connection as Session
from pydantic import SecretStr

from ingestion import clocks
from ingestion.errors import CitylakeError, ConfigurationError, LockUnavailable
from ingestion.locks.base import Held, Locks

POLL_SECONDS = 0.05
MAX_IDLE = 2
"""Sessions kept for the next lock: opening one takes longer than anything else that is done with it."""
SILENCE_SECONDS = 30
"""How long a host may be silent before the server ends its sessions."""
ANSWER_SECONDS = 20.0
"""How long a question may wait for its answer; then its session counts as lost."""

_CLIENT: dict[str, Any] = {
    # Questions are waited for here (`_wait`): libpq's own waiting has no end and cannot be interrupted.
    "async_": True,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": (SILENCE_SECONDS - 10) // 5,
    # Advisory locks can be taken on a standby too, where they hold back nobody on the primary.
    "target_session_attrs": "primary",
}
_SERVER: dict[str, int] = {
    # A holder may work for hours without a word to the server.
    "idle_session_timeout": 0,
    "statement_timeout": int(ANSWER_SECONDS) * 1000,
    "tcp_user_timeout": SILENCE_SECONDS * 1000,
    "tcp_keepalives_idle": 10,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": (SILENCE_SECONDS - 10) // 5,
}
_FOR_GOOD = (
    "password",
    "does not exist",
    "permission denied",
    "pg_hba.conf",
    "invalid",
    "unsupported startup parameter",
)
"""Words of refusals that another try does not change."""
_URI = re.compile(r"postgres(ql)?://")
_APPLICATION = re.compile(r"(?P<process>\d+)@(?P<host>\S+) (?P<since>\S+Z) ")
_FREE_SESSION = "citylake, holds no lock"

_GRANTED = """
locktype = 'advisory' and granted and objsubid = 1 and classid = %(high)s and objid = %(low)s
and database = (select oid from pg_database where datname = current_database())
"""
_TAKE = "select pg_try_advisory_lock(%(key)s), pg_backend_pid(), set_config('application_name', %(application)s, false)"
_FREE = "select pg_advisory_unlock(%(key)s), set_config('application_name', %(application)s, false)"
_IS_HELD = f"""
select pg_backend_pid() = %(backend)s
    and exists (select from pg_locks where pid = pg_backend_pid() and {_GRANTED})
"""
_HOLDER = f"select application_name from pg_locks inner join pg_stat_activity using (pid) where {_GRANTED}"

_sessions: weakref.WeakSet[Session] = weakref.WeakSet()
"""Every session of this process."""


class PostgresLocks(Locks):
    """Advisory locks in the database at `dsn`, `postgresql://role:password@host:port/database[?sslmode=verify-full…]`.

    The role needs the right to connect and no other.
    """

    def __init__(self, dsn: SecretStr, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        """Raises ConfigurationError, which does not show the URI."""
        super().__init__()
        self._dsn = _checked(dsn)
        self.answer_seconds = answer_seconds
        self._idle: list[Session] = []
        self._process = os.getpid()

    def holder(self, name: str) -> str | None:
        """Process and host of the holder and since when; None where it has just freed the lock."""
        session = self._session()
        found = self.ask(session, _HOLDER, _facts(name))
        self._keep(session)
        shown = _APPLICATION.match(str(found[0])) if found else None
        if shown is None:
            return str(found[0]) or None if found else None
        return f"process {shown['process']} on {shown['host']} since {shown['since']}"

    def _take(self, name: str, timeout: float) -> Held | None:
        deadline = time.monotonic() + timeout
        session = self._session()
        try:
            while True:
                taken = self.ask(session, _TAKE, _facts(name) | {"application": _application(name)})
                if taken is not None and taken[0]:
                    return _HeldSession(self, session, {**_facts(name), "backend": taken[1]})
                if time.monotonic() >= deadline:
                    break
                time.sleep(POLL_SECONDS)
        except BaseException:
            _close(session)
            raise
        self._keep(session)
        return None

    def _session(self) -> Session:
        """A session without a lock that answers."""
        if self._process != os.getpid():
            self._process, self._idle = os.getpid(), []
        while self._idle:
            session = self._idle.pop()
            with contextlib.suppress(LockUnavailable):
                self.ask(session, "select 1", {})
                return session
            _close(session)
        return self._connect()

    def _connect(self) -> Session:
        settings = " ".join(f"-c {name}={value}" for name, value in _SERVER.items())
        try:
            session: Session = psycopg2.connect(self._dsn, **_CLIENT, application_name=_FREE_SESSION, options=settings)
            _sessions.add(session)
            _wait(session, self.answer_seconds)
        except psycopg2.Error as error:
            raise _refused(error) from None
        return session

    def _keep(self, session: Session) -> None:
        """Keep a session that holds no lock, or close it."""
        if len(self._idle) < MAX_IDLE and not session.closed:
            self._idle.append(session)
        else:
            _close(session)

    def ask(self, session: Session, query: str, facts: dict[str, Any]) -> tuple[Any, ...] | None:
        """The first row. Raises LockUnavailable; the session is then closed, and its lock with it."""
        try:
            with session.cursor() as cursor:
                cursor.execute(query, facts)
                _wait(session, self.answer_seconds)
                return cursor.fetchone()
        except psycopg2.Error as error:
            _close(session)
            raise LockUnavailable(
                f"the session with the locks' database ended: {_first_line(error)}",
                left="nothing was committed by this step",
                next_step="run the same command again",
            ) from None

    def free(self, session: Session, facts: dict[str, Any]) -> None:
        """Free the lock of a session; a session that does not answer is closed, with which the lock is free too."""
        try:
            self.ask(session, _FREE, facts | {"application": _FREE_SESSION})
        except LockUnavailable:
            _close(session)
        else:
            self._keep(session)


class _HeldSession(Held):
    def __init__(self, locks: PostgresLocks, session: Session, facts: dict[str, Any]) -> None:
        super().__init__()
        self._locks = locks
        self._session = session
        self._facts = facts

    def why_lost(self) -> str | None:
        try:
            answer = self._locks.ask(self._session, _IS_HELD, self._facts)
        except LockUnavailable as error:
            return error.message
        if answer is not None and answer[0]:
            return None
        return "its session does not have it any more; is the database behind a pooler that shares sessions?"

    def release(self) -> None:
        self._locks.free(self._session, self._facts)


def _wait(session: Session, seconds: float) -> None:
    """Wait until the session has done what it was asked for. Raises OperationalError, after `seconds` at the latest."""
    deadline = time.monotonic() + seconds
    while (state := session.poll()) != POLL_OK:
        ready = select.poll()
        ready.register(session.fileno(), select.POLLIN if state == POLL_READ else select.POLLOUT)
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not ready.poll(remaining * 1000):
            _close(session)
            raise psycopg2.OperationalError(f"no answer within {seconds:.0f} seconds")


def _close(session: Session) -> None:
    with contextlib.suppress(psycopg2.Error):
        session.close()


def _leave_to_parent() -> None:
    """In a forked child: close its copies of the parent's connections, and say nothing to the server.

    Else a lock would outlive its holder for as long as a child of it runs.
    """
    for session in list(_sessions):
        with contextlib.suppress(psycopg2.Error, OSError):
            os.close(session.fileno())
    _sessions.clear()


os.register_at_fork(after_in_child=_leave_to_parent)


def _facts(name: str) -> dict[str, Any]:
    """The lock's 64 bits, whole and as pg_locks shows them."""
    key = int.from_bytes(hashlib.sha256(f"citylake lock {name}".encode()).digest()[:8], "big", signed=True)
    return {"key": key, "high": (key >> 32) & 0xFFFFFFFF, "low": key & 0xFFFFFFFF}


def _application(name: str) -> str:
    """Who holds it, for pg_stat_activity; PostgreSQL cuts it after 63 bytes."""
    host = socket.gethostname().split(".")[0][:24]
    return f"{os.getpid()}@{host} {clocks.now():%Y-%m-%dT%H:%M:%SZ} {name}"


def _checked(dsn: SecretStr) -> str:
    """The URI. Raises ConfigurationError where it does not say role, host and database."""
    uri = dsn.get_secret_value().strip()
    try:
        parts = parse_dsn(uri) if _URI.match(uri) else {}
    except psycopg2.Error:
        parts = {}
    missing = [
        part for part, name in {"role": "user", "host": "host", "database": "dbname"}.items() if name not in parts
    ]
    if missing:
        # Not shown: it holds a password.
        raise ConfigurationError(
            f"CITYLAKE_LOCK_DATABASE is not the address of a database: {', '.join(missing)} cannot be read from it",
            left="nothing was changed",
            next_step="set it to postgresql://role:password@host:5432/database, special characters as %XX; or unset it",
        )
    return uri


def _refused(error: psycopg2.Error) -> CitylakeError:
    text = _first_line(error)
    if any(word in text for word in _FOR_GOOD):
        return ConfigurationError(
            f"the database of CITYLAKE_LOCK_DATABASE refuses this lake: {text}",
            left="nothing was changed by this step",
            next_step="correct the setting, or make role and database: docs/runbooks/many-hosts.md",
        )
    return LockUnavailable(
        f"the database of the locks cannot be reached: {text}",
        left="nothing was changed by this step; what was committed before stays",
        next_step="start it, then run the same command again",
    )


def _first_line(error: psycopg2.Error) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
