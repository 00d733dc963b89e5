"""A real PostgreSQL server with the database of the lake's locks, as `infra` makes it; ended by its process id."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.stack.postgres import Postgres
from infra.stack.postgres_roles import LOCKS, Server, ensure_locks, ensure_roles
from infra.stack.processes import Running, start, stop, wait_until
from infra.stack.secrets import stack_secrets
from tests.support.ports import free_port


@dataclass
class LockDatabase:
    """A running server. `dsn` is what a lake is given."""

    postgres: Postgres
    password: str
    log: Path
    running: Running

    @property
    def server(self) -> Server:
        """The server as its administrator reaches it."""
        known = self.postgres.secrets
        passwords = (known.postgres_admin.get_secret_value(), known.postgres.get_secret_value())
        return Server("127.0.0.1", self.postgres.port, *passwords)

    @property
    def dsn(self) -> str:
        """The value of CITYLAKE_LOCK_DATABASE."""
        return f"postgresql://{LOCKS}:{self.password}@127.0.0.1:{self.postgres.port}/{LOCKS}"

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a query of the administrator in the locks' database."""
        with self.server.administer(LOCKS) as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    def holders(self, name: str = "") -> list[int]:
        """Server processes of the sessions that hold a lock whose name ends with `name`."""
        query = """select pid from pg_locks inner join pg_stat_activity using (pid)
            where locktype = 'advisory' and granted and application_name like %s"""
        return [pid for (pid,) in self.ask(query, f"%{name}")]

    def terminate(self, name: str) -> int:
        """End the sessions that hold it, as an administrator or a failover does; their number."""
        ended = [self.ask("select pg_terminate_backend(%s, 5000)", pid) for pid in self.holders(name)]
        return len(ended)

    def restart(self) -> None:
        """End the server and all its sessions, and start it again."""
        self.stop()
        self.start()

    def start(self) -> None:
        """Start it again."""
        self.running = _started(self.postgres, self.log)

    def stop(self) -> None:
        """End it, with every session."""
        stop([self.running], first=signal.SIGINT)


@contextlib.contextmanager
def lock_database(folder: Path) -> Iterator[LockDatabase]:
    """A new server with its data below `folder`."""
    postgres = Postgres(folder / "postgres", free_port(), stack_secrets(folder / "stack.json"))
    postgres.prepare()
    log = folder / "postgres.log"
    made = LockDatabase(postgres, secrets.token_urlsafe(12), log, _started(postgres, log))
    try:
        ensure_roles(made.server)
        ensure_locks(made.server, made.password)
        yield made
    finally:
        made.stop()
        shutil.rmtree(postgres.data.parent, ignore_errors=True)


def _started(postgres: Postgres, log: Path) -> Running:
    running = start(postgres.service(), log)
    wait_until(postgres.answers, running, log, seconds=60)
    return running
