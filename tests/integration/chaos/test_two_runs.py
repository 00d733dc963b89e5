"""Two `citylake run` of one day beside one another: one waits, or says that the lake is busy; the result is right."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingestion.lake import open_lake
from ingestion.settings import Settings
from tests.integration.store.conftest import bucket_of
from tests.support import office, s3_servers
from tests.support.lake_state import state_of
from warehouse.reconcile.run import reconcile
from warehouse.release import ledger
from warehouse.release.layout import EDITIONS
from warehouse.run import run

pytestmark = pytest.mark.faults

CITYLAKE = Path(sys.executable).with_name("citylake")
BUSY = ("another build is running", "another process is publishing", "in another process", "another program has")


@contextmanager
def place(kind: str, folder: Path) -> Iterator[Settings]:
    if kind == "local":
        yield Settings(home=folder / "home")
        return
    with getattr(s3_servers, kind)(folder / "server" / "data") as server:
        yield bucket_of(server, folder / "home")


def command(settings: Settings) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [CITYLAKE, "run", "--day", office.FIRST.isoformat()],
        env=os.environ | settings.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize(("kind", "patience"), [("local", 0), ("rclone", 300)])
def test_two_runs_at_once(kind: str, patience: float, tmp_path: Path) -> None:
    """With no patience the later one may give up at the lock, with patience both must succeed."""
    drop = tmp_path / "drop"
    office.arrive(drop, 0)
    alone = open_lake(office.settings(tmp_path / "alone", drop))
    assert run(alone, office.FIRST).exit_code == 0
    with place(kind, tmp_path) as chosen:
        settings = office.fixture(chosen, drop).model_copy(update={"lock_timeout_seconds": patience})
        both = [command(settings) for _ in range(2)]
        outputs = [one.communicate(timeout=300)[0] for one in both]
        codes = [one.returncode for one in both]
        assert 0 in codes, outputs
        for code, text in zip(codes, outputs, strict=True):
            assert code == 0 or (patience == 0 and any(busy in text for busy in BUSY) and "next:" in text), text
        lake = open_lake(settings)
        assert state_of(lake) == state_of(alone)
        for edition in EDITIONS:
            assert [line.event for line in ledger.verify_ledger(lake, edition)] == ["published"]
        assert reconcile(lake, deep=True).off == []
        again = command(settings)
        assert again.communicate(timeout=300)[0]
        assert again.returncode == 0
        assert state_of(lake) == state_of(alone)
