"""Both kinds of locks, for tests of what they have in common; the database is a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingestion.locks import Locks, open_locks
from ingestion.settings import Settings
from tests.support.lock_database import LockDatabase, lock_database


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LockDatabase]:
    """One server for all tests of locks."""
    with lock_database(tmp_path_factory.mktemp("locks")) as running:
        yield running


@pytest.fixture(params=["files", "postgres"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a lake with each kind of locks."""
    if request.param == "files":
        return Settings(home=tmp_path / "home")
    return Settings(home=tmp_path / "home", lock_database=request.getfixturevalue("database").dsn)


@pytest.fixture
def opened(settings: Settings) -> Callable[[], Locks]:
    """The locks as each further process of the lake opens them."""
    return lambda: open_locks(settings)
