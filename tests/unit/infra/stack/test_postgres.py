"""The database of the stack, on a real server."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from infra.stack.postgres import Postgres
from infra.stack.processes import StackError, start, stop, wait_until
from infra.stack.secrets import stack_secrets
from tests.support.ports import free_port


def test_secrets_of_another_stack_are_told_at_once(tmp_path: Path) -> None:
    """A home made anew where one was before: the data may lie elsewhere, and is still there."""
    made = Postgres(tmp_path / "postgres", free_port(), stack_secrets(tmp_path / "one.json"))
    running = None
    try:
        made.prepare()
        log = tmp_path / "postgres.log"
        running = start(made.service(), log)
        wait_until(made.answers, running, log, seconds=60)
        other = Postgres(made.root, made.port, stack_secrets(tmp_path / "two.json"))
        with pytest.raises(StackError, match=f"the database in {made.data} was made with another password") as told:
            other.answers()
        assert "put back the secrets/stack.json" in str(told.value)
    finally:
        if running is not None:
            stop(running, first=signal.SIGINT)
        shutil.rmtree(made.data.parent, ignore_errors=True)
