"""Two hosts of one lake: each a process with a home of its own, on one bucket and one database of locks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ingestion.settings import Settings
from tests.integration.store.conftest import bucket_of
from tests.support import s3_servers
from tests.support.lock_database import LockDatabase, lock_database
from tests.support.s3_servers import S3Server

CHILD = Path(__file__).resolve().parents[2] / "support" / "host_child.py"
SECONDS = 60


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_servers.rclone(tmp_path_factory.mktemp("rclone") / "data") as running:
        yield running


@pytest.fixture(scope="package")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LockDatabase]:
    with lock_database(tmp_path_factory.mktemp("locks")) as running:
        yield running


@dataclass
class Working:
    """A host at work."""

    process: subprocess.Popen[str]
    said: list[dict[str, Any]] = field(default_factory=list)

    def until(self, fact: str, value: object = None) -> dict[str, Any]:
        """What it says of `fact` next; of that value, where one is given."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))
            if fact in self.said[-1] and value in (None, self.said[-1][fact]):
                return self.said[-1]
        raise AssertionError(f"it ended before it said {fact}: {self.said}")

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def ended(self) -> list[dict[str, Any]]:
        """What it had to say in the end: outcomes and errors."""
        rest, _ = self.process.communicate(timeout=SECONDS)
        self.said += [json.loads(line) for line in rest.splitlines()]
        return [fact for fact in self.said if "outcome" in fact or "error" in fact]


@dataclass
class Hosts:
    """Settings of host 1 and 2 by number; `at_work` starts a process there."""

    bucket: Settings
    folder: Path
    database: LockDatabase
    working: list[Working] = field(default_factory=list)

    def settings(self, number: int) -> Settings:
        """As host 1's, with a home of its own."""
        given = {"home": self.folder / f"host-{number}", "lock_database": self.database.dsn}
        return Settings(**{**self.bucket.model_dump(exclude_unset=True), **given, "lock_timeout_seconds": 60})

    def at_work(self, number: int, *arguments: object) -> Working:
        process = subprocess.Popen(
            [sys.executable, str(CHILD), *map(str, arguments)],
            env=os.environ | self.settings(number).environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.working.append(Working(process))
        return self.working[-1]

    def copy_home(self, source: int, target: int) -> None:
        """The target host gets the source's build file, report and settings of the gate."""
        shutil.copytree(self.settings(source).home, self.settings(target).home)


@pytest.fixture
def hosts(server: S3Server, database: LockDatabase, tmp_path: Path) -> Iterator[Hosts]:
    made = Hosts(bucket_of(server, tmp_path / "host-1"), tmp_path, database)
    yield made
    for one in made.working:
        one.process.kill()
        one.process.communicate()
    assert database.holders() == []
