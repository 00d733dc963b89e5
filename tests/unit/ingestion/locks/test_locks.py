"""What all locks do: one holder at a time, and a holder that has lost its lock is told before it commits."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from ingestion.errors import CitylakeError, ConfigurationError, LakeBusy, LockUnavailable
from ingestion.locks import FileLocks, Locks, open_locks
from ingestion.locks.postgres import PostgresLocks
from ingestion.settings import Settings
from tests.support.lock_database import LockDatabase

NAME = "feeds/office.reading"
HOLD = """
import json, os, signal, sys, time
# A test run in a shell's background ignores it, and so would its children.
signal.signal(signal.SIGINT, signal.default_int_handler)
from ingestion.errors import LakeBusy
from ingestion.locks import open_locks
from ingestion.settings import Settings
with open_locks(Settings()).exclusive(sys.argv[1], busy=lambda holder: LakeBusy("taken"), timeout=30):
    print("held", flush=True)
    if len(sys.argv) > 2 and os.fork() == 0:
        print("child", os.getpid(), flush=True)
        time.sleep(60)
        os._exit(0)
    time.sleep(60)
"""


def busy(holder: str | None) -> CitylakeError:
    return LakeBusy(f"taken by {holder}")


@contextmanager
def another_process(settings: Settings, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until it is ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, NAME, *arguments],
        env=os.environ | settings.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def is_free(locks: Locks, name: str = NAME) -> bool:
    with locks.if_free(name) as is_mine:
        return is_mine


def test_one_holder_at_a_time_and_other_names_are_other_locks(opened: Callable[[], Locks]) -> None:
    one, other = opened(), opened()
    with one.exclusive(NAME, busy=busy):
        with pytest.raises(LakeBusy, match="taken by"), other.exclusive(NAME, busy=busy, timeout=0.1):
            pytest.fail("two hold it")
        assert not is_free(other)
        assert is_free(other, "publish")
    assert is_free(other)
    assert is_free(one)


def test_taking_it_twice_does_not_nest(opened: Callable[[], Locks]) -> None:
    locks = opened()
    with locks.exclusive(NAME, busy=busy):
        assert not is_free(locks)
        locks.require_held(NAME)
    assert is_free(locks)


def test_an_error_inside_frees_the_lock_and_passes(opened: Callable[[], Locks]) -> None:
    locks = opened()
    with pytest.raises(OSError, match="of the block"), locks.exclusive(NAME, busy=busy):
        raise OSError("of the block")
    assert is_free(opened())


def test_who_waits_goes_on_when_the_holder_is_done(opened: Callable[[], Locks]) -> None:
    order: list[str] = []

    def wait() -> None:
        with opened().exclusive(NAME, busy=busy, timeout=30):
            order.append("second")

    waiting = threading.Thread(target=wait)
    with opened().exclusive(NAME, busy=busy):
        waiting.start()
        time.sleep(0.2)
        order.append("first")
    waiting.join(timeout=30)
    assert order == ["first", "second"]


def test_a_killed_holder_frees_it(opened: Callable[[], Locks], settings: Settings) -> None:
    with another_process(settings) as process:
        assert not is_free(opened())
        process.send_signal(signal.SIGKILL)
        with opened().exclusive(NAME, busy=busy, timeout=10):
            assert process.wait(timeout=10) == -signal.SIGKILL


def test_require_held_is_about_the_lock_of_this_process(opened: Callable[[], Locks]) -> None:
    locks = opened()
    with pytest.raises(LockUnavailable, match="this process does not hold it"):
        locks.require_held(NAME)
    with locks.exclusive(NAME, busy=busy):
        locks.require_held(NAME)
        with pytest.raises(LockUnavailable, match="does not hold it"):
            locks.require_held("publish")
        with pytest.raises(LockUnavailable, match="does not hold it"):
            opened().require_held(NAME)
    with pytest.raises(LockUnavailable, match="not committed"):
        locks.require_held(NAME)


def test_a_forked_child_neither_has_nor_frees_it(opened: Callable[[], Locks]) -> None:
    locks = opened()
    with locks.exclusive(NAME, busy=busy):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                locks.require_held(NAME)
            except LockUnavailable:
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        locks.require_held(NAME)
        assert not is_free(opened())
    assert is_free(opened())


def test_a_lost_lock_is_told_and_the_next_one_gets_it(
    opened: Callable[[], Locks], settings: Settings, request: pytest.FixtureRequest
) -> None:
    """The folder of lock files is deleted, or the session ended, while the lock is held."""
    locks = opened()
    with locks.exclusive(NAME, busy=busy):
        locks.require_held(NAME)
        if settings.lock_database is None:
            shutil.rmtree(settings.state_root)
        else:
            assert request.getfixturevalue("database").terminate(NAME) == 1
        with opened().exclusive(NAME, busy=busy, timeout=10):
            with pytest.raises(LockUnavailable, match="is lost") as lost:
                locks.require_held(NAME)
            assert "this step was not committed" in str(lost.value)
            assert "next:" in str(lost.value)
    assert is_free(locks)


def test_files_have_no_holder_to_name_and_a_folder_for_a_slash(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path)
    with locks.exclusive(NAME, busy=busy):
        assert (tmp_path / "feeds" / "office.reading.lock").is_file()
        with pytest.raises(LakeBusy, match="taken by None"), FileLocks(tmp_path).exclusive(NAME, busy=busy):
            pytest.fail("two hold it")


def test_a_session_names_its_holder(database: LockDatabase, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, lock_database=database.dsn)  # type: ignore[arg-type]
    with (
        another_process(settings) as process,
        pytest.raises(LakeBusy) as told,
        open_locks(settings).exclusive(NAME, busy=busy),
    ):
        pytest.fail("two hold it")
    assert re.search(rf"taken by process {process.pid} on \S+ since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(told.value))


def test_a_child_of_a_killed_holder_does_not_keep_its_session(database: LockDatabase, tmp_path: Path) -> None:
    """Else the server would wait for the child to end: it has a copy of the connection."""
    settings = Settings(home=tmp_path, lock_database=database.dsn)  # type: ignore[arg-type]
    with another_process(settings, "fork") as process:
        assert process.stdout is not None
        child = int(process.stdout.readline().split()[1])
        try:
            process.kill()
            with open_locks(settings).exclusive(NAME, busy=busy, timeout=10):
                os.kill(child, 0)
        finally:
            os.kill(child, signal.SIGKILL)


def test_sessions_are_kept_for_the_next_lock_and_replaced_where_they_ended(
    database: LockDatabase, tmp_path: Path
) -> None:
    locks = open_locks(Settings(home=tmp_path, lock_database=database.dsn))  # type: ignore[arg-type]
    backends = []
    for _ in range(2):
        with locks.exclusive(NAME, busy=busy):
            backends += database.holders(NAME)
    assert len(set(backends)) == 1
    assert database.holders() == []
    database.restart()
    with locks.exclusive(NAME, busy=busy):
        locks.require_held(NAME)
        assert database.holders(NAME) != backends[:1]


def test_a_database_that_is_away_is_told_and_may_be_back_at_the_next_try(
    database: LockDatabase, tmp_path: Path
) -> None:
    locks = open_locks(Settings(home=tmp_path, lock_database=database.dsn))  # type: ignore[arg-type]
    with locks.exclusive(NAME, busy=busy):
        database.stop()
        with pytest.raises(LockUnavailable, match="is lost: the session with the locks' database ended"):
            locks.require_held(NAME)
    with pytest.raises(LockUnavailable, match="cannot be reached") as told, locks.exclusive(NAME, busy=busy):
        pytest.fail("it was taken")
    assert database.password not in str(told.value)
    database.start()
    assert is_free(locks)


def test_a_session_that_is_not_the_one_that_took_the_lock_is_told(database: LockDatabase, tmp_path: Path) -> None:
    """As behind a pooler that gives the check another session than the lock."""
    locks = PostgresLocks(SecretStr(database.dsn))
    with locks.exclusive(NAME, busy=busy):
        held: Any = locks._held[NAME]
        locks.ask(held._session, "select pg_advisory_unlock_all()", {})
        with pytest.raises(LockUnavailable, match="behind a pooler that shares sessions"):
            locks.require_held(NAME)


@pytest.mark.parametrize(
    "address",
    [
        "locks",
        "http://a:b@host/locks",
        "postgresql://host/locks",
        "postgresql://role:hidden@host",
    ],
)
def test_an_address_that_cannot_work_is_told_at_once_and_not_shown(address: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="CITYLAKE_LOCK_DATABASE is not the address of a database") as told:
        open_locks(Settings(home=tmp_path, lock_database=address))  # type: ignore[arg-type]
    assert "hidden" not in str(told.value)
    assert "next:  set it to postgresql://" in str(told.value)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (("citylake_locks:", "another:"), "password authentication failed"),
        ((r"/citylake_locks$", "/postgres"), "permission denied"),
        ((r"/citylake_locks$", "/another"), "does not exist"),
        ((r":\d+/", ":x/"), "invalid"),
    ],
)
def test_a_database_that_refuses_is_a_matter_of_settings(
    database: LockDatabase, tmp_path: Path, wrong: tuple[str, str], says: str
) -> None:
    locks = open_locks(Settings(home=tmp_path, lock_database=re.sub(*wrong, database.dsn)))  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=says) as told, locks.exclusive(NAME, busy=busy):
        pytest.fail("it was taken")
    assert database.password not in str(told.value)
    assert "many-hosts.md" in str(told.value)


def test_a_server_that_is_silent_counts_as_lost(database: LockDatabase, tmp_path: Path) -> None:
    """Its process is stopped: the machine still acknowledges every packet, and no answer comes."""
    locks = PostgresLocks(SecretStr(database.dsn), answer_seconds=1)
    with locks.exclusive(NAME, busy=busy):
        (server_process,) = database.holders(NAME)
        os.kill(server_process, signal.SIGSTOP)
        try:
            with pytest.raises(LockUnavailable, match="no answer within 1 seconds"):
                locks.require_held(NAME)
        finally:
            os.kill(server_process, signal.SIGCONT)
        with locks.exclusive(NAME, busy=busy, timeout=10):
            locks.require_held(NAME)


def test_who_waits_can_be_interrupted(database: LockDatabase, tmp_path: Path) -> None:
    """A task that is ended must not wait for a lock, or for a silent server, to the end."""
    settings = Settings(home=tmp_path, lock_database=database.dsn)  # type: ignore[arg-type]
    with open_locks(settings).exclusive(NAME, busy=busy):
        waiting = subprocess.Popen(
            [sys.executable, "-c", HOLD, NAME],
            env=os.environ | settings.environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        named = "select count(*) from pg_stat_activity where application_name like %s"
        while database.ask(named, f"%{NAME}") != [(2,)]:
            assert waiting.poll() is None
            time.sleep(0.05)
        waiting.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in waiting.communicate(timeout=10)[1]


def test_the_sessions_settings_outlast_long_work_and_notice_a_silent_host(
    database: LockDatabase, tmp_path: Path
) -> None:
    locks = PostgresLocks(SecretStr(database.dsn))
    names = ("idle_session_timeout", "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count")
    with locks.exclusive(NAME, busy=busy):
        held: Any = locks._held[NAME]
        shown = ", ".join(f"current_setting('{name}')" for name in names)
        assert locks.ask(held._session, f"select {shown}", {}) == ("0", "10", "5", "4")
