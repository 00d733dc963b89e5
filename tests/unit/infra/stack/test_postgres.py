"""The database of the stack, on a real server."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.stack.postgres import Postgres
from infra.stack.processes import StackError, start, stop, wait_until
from infra.stack.secrets import stack_secrets
from tests.support.ports import free_port


@contextmanager
def _running(server: Postgres, log: Path) -> Iterator[None]:
    server.prepare()
    running = start(server.service(), log)
    try:
        wait_until(server.answers, running, log, seconds=60)
        yield
    finally:
        stop([running], first=signal.SIGINT)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Postgres]:
    server = Postgres(tmp_path / "postgres", free_port(), stack_secrets(tmp_path / "one.json"))
    yield server
    shutil.rmtree(server.data.parent, ignore_errors=True)


def test_secrets_of_another_stack_are_told_at_once(made: Postgres, tmp_path: Path) -> None:
    with _running(made, tmp_path / "postgres.log"):
        other = Postgres(made.root, made.port, stack_secrets(tmp_path / "two.json"))
        with pytest.raises(StackError, match=f"the database in {made.data} was made with another password") as raised:
            other.answers()
        assert "put back the secrets/stack.json" in str(raised.value)


def test_a_home_made_anew_gets_a_database_of_its_own(made: Postgres, tmp_path: Path) -> None:
    """As root the data may lie outside the home, and is still there when the home is removed."""
    made.prepare()
    before = (made.data / "PG_VERSION").stat().st_ino
    made.prepare()
    assert (made.data / "PG_VERSION").stat().st_ino == before
    shutil.rmtree(made.root)
    again = Postgres(made.root, made.port, stack_secrets(tmp_path / "two.json"))
    with _running(again, tmp_path / "postgres.log"):
        assert again.data == made.data
