"""A real PostgreSQL server with a department's exchange database, as the stack makes it; ended by its process id."""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from infra.stack.postgres import Postgres
from infra.stack.processes import Running, start, stop, wait_until
from infra.stack.secrets import stack_secrets
from tests.support.ports import free_port


@dataclass
class ExchangeDatabase:
    """A running server. `writer` and `reader` are the addresses of its roles, with passwords."""

    postgres: Postgres
    log: Path
    running: Running
    writer: str
    reader: str

    def execute(self, statement: str, *values: object, role: str = "writer") -> list[tuple[Any, ...]]:
        """Run a statement of one of the roles, committed at once; its rows."""
        with contextlib.closing(psycopg2.connect(getattr(self, role))) as session:
            session.autocommit = True
            with session.cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []

    def administer(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement of the administrator in the exchange database."""
        with self.postgres._server.administer("exchange") as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def restart(self) -> None:
        """End the server with all sessions, and start it again."""
        self.stop()
        self.start()

    def start(self) -> None:
        """Start it again."""
        self.running = start(self.postgres.service(), self.log)
        wait_until(self.postgres.answers, self.running, self.log, seconds=60)

    def stop(self) -> None:
        """End it, with every session."""
        stop([self.running], first=signal.SIGINT)


@contextlib.contextmanager
def exchange_database(folder: Path) -> Iterator[ExchangeDatabase]:
    """A new server with its data below `folder`."""
    postgres = Postgres(folder / "postgres", free_port(), stack_secrets(folder / "stack.json"))
    postgres.prepare()
    log = folder / "postgres.log"
    running = start(postgres.service(), log)
    made = ExchangeDatabase(postgres, log, running, **postgres.exchange)
    try:
        wait_until(postgres.answers, running, log, seconds=60)
        postgres.ensure_roles()
        postgres.ensure_exchange()
        yield made
    finally:
        made.stop()
        shutil.rmtree(postgres.data.parent, ignore_errors=True)
