"""Killed processes, processes at once, a full disk, a clock set back: right counts after the next run."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.delivery.ingest import ingest_file
from ingestion.errors import StoreError
from ingestion.lake import Lake
from ingestion.upkeep.collect import collect
from tests.support.lakes import contract, counted, day, drop, lake, rows
from tests.support.small_disk import mounted

pytestmark = pytest.mark.faults

CHILD = Path(__file__).parents[1] / "support" / "child.py"
TEXT = rows("abc") + "d,2026-03-02,bad\n"
COUNTS = dict.fromkeys("abc", 1)


def child(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(CHILD), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> dict[str, str]:
    output, errors = process.communicate(timeout=120)
    assert output, errors
    answer: dict[str, str] = json.loads(output)
    return answer


def receipts(made: Lake) -> list[str]:
    return [info.key for info in made.store.list("receipts/")]


@pytest.mark.parametrize(
    "step",
    [
        "put",
        "landed_payload",
        "landed_manifest",
        "conformed",
        "stored_bronze",
        "stored_quarantine",
        "committed",
        "fold",
    ],
)
def test_killed_at_a_step_then_run_again(tmp_path: Path, step: str) -> None:
    made = lake(tmp_path)
    path = drop(made, "readings.csv", TEXT)
    process = child(tmp_path, path, "--die", step)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, errors
    was_committed = step in ("committed", "fold")
    assert counted(made) == (COUNTS if was_committed else {})
    again = ingest_file(made, contract(), path, day(0))
    assert again.outcome == ("duplicate" if was_committed else "accepted")
    assert counted(made) == COUNTS
    assert len(receipts(made)) == 1
    collected = collect(replace(made, clock=lambda: datetime.now(UTC) + timedelta(minutes=1)), grace=timedelta(0))
    assert collected.unfinished == []
    assert counted(made) == COUNTS
    assert len(list(made.store.list("bronze/"))) == len(list(made.store.list("quarantine/"))) == 1
    assert list((made.settings.lake_root / ".incoming").iterdir()) == []
    assert list(made.settings.scratch_root.iterdir()) == []


def test_an_unfinished_batch_is_reported_not_collected(tmp_path: Path) -> None:
    made = lake(tmp_path)
    child(tmp_path, drop(made, "readings.csv", TEXT), "--die", "landed_manifest").communicate(timeout=120)
    collected = collect(replace(made, clock=lambda: datetime.now(UTC) + timedelta(days=100)))
    assert [key.rsplit("/", 1)[1] for key in collected.unfinished] == ["manifest.json"]
    assert len([info for info in made.store.list("raw/") if "/payload/" in info.key]) == 1


@pytest.mark.parametrize("hosts", ["one", "several"])
def test_processes_at_once_count_once(tmp_path: Path, hosts: str) -> None:
    """On several hosts there is no common lock: equal commits are then told apart by the log alone."""
    made, go = lake(tmp_path / "0"), tmp_path / "go"
    path = drop(made, "readings.csv", TEXT)
    store = made.settings.lake_root
    homes = [tmp_path / (str(number) if hosts == "several" else "0") for number in range(3)]
    running = [child(home, path, "--store", store, "--wait", go) for home in homes]
    go.touch()
    outcomes = sorted(finished(process)["outcome"] for process in running)
    assert set(outcomes) <= {"accepted", "duplicate"}
    assert "accepted" in outcomes
    if hosts == "one":
        assert outcomes == ["accepted", "duplicate", "duplicate"]
    assert counted(made) == COUNTS
    assert len(receipts(made)) == outcomes.count("accepted")
    collect(replace(made, clock=lambda: datetime.now(UTC) + timedelta(days=100)))
    assert len(list(made.store.list("bronze/"))) == 1
    assert counted(made) == COUNTS


def test_equal_commits_without_a_common_lock_count_once(tmp_path: Path) -> None:
    """Two hosts conform the same bytes, neither sees the other before it commits."""
    made = lake(tmp_path / "here")
    path = drop(made, "readings.csv", TEXT)
    there = lake(tmp_path / "there", store=made.store)
    blind = replace(there, log=type(made.log)(lake(tmp_path / "nothing").store, tmp_path / "blind.duckdb"))
    assert ingest_file(blind, contract(), path, day(0)).outcome == "accepted"
    first = counted(made)
    assert ingest_file(blind, contract(), path, day(0)).outcome == "accepted"
    assert first == counted(made) == COUNTS
    assert len(receipts(made)) == 2
    collected = collect(replace(made, clock=lambda: datetime.now(UTC) + timedelta(days=100)))
    assert len(collected.orphans) == 2
    assert counted(made) == COUNTS


def test_a_file_limit_stops_with_a_message(tmp_path: Path) -> None:
    made = lake(tmp_path)
    path = drop(made, "readings.csv", rows(range(200_000)))
    answer = finished(child(tmp_path, path, "--max-file-bytes", 1_000_000))
    assert answer["error"] == "StoreError"
    assert "next:" in answer["message"]
    assert receipts(made) == []
    assert ingest_file(made, contract(), path, day(0)).accepted == 200_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "24m") as folder:
        yield folder


@pytest.mark.faults
def test_a_full_disk_at_any_point(small_disk: Path) -> None:
    """The disk runs full a little later each time; every failure says so and leaves nothing half done."""
    text = rows(range(2_000)) + "x,2026-03-02,bad\n"
    outcomes = []
    for number, room in enumerate(itertools.chain(range(0, 64, 8), range(64, 1024, 64), (2048, 4096))):
        made = lake(small_disk / f"home{number}", clock=lambda: datetime(2026, 3, 3, tzinfo=UTC))
        path = drop(made, "readings.csv", text)
        filler = small_disk / "filler"
        free = os.statvfs(small_disk)
        filler.write_bytes(b"x" * (free.f_bavail * free.f_frsize - room * 1024))
        try:
            outcomes.append(ingest_file(made, contract(), path, day(0)).outcome)
        except StoreError as error:
            outcomes.append("full")
            assert error.next_step
        filler.unlink()
        if outcomes[-1] == "full":
            assert receipts(made) == []
            ingest_file(made, contract(), path, day(0))
        assert len(counted(made)) == 2_000
        assert len(receipts(made)) == 1
        subprocess.run(["rm", "-rf", str(made.settings.root)], check=True)
    assert outcomes[0] == "full"
    assert outcomes[-1] == "accepted"
    assert outcomes.index("accepted") > 3


def test_a_clock_set_back_does_not_reorder(tmp_path: Path) -> None:
    feed = contract(content_as_of="interval_end")
    now = datetime(2026, 3, 5, tzinfo=UTC)
    for number in range(3):
        made = lake(tmp_path, clock=lambda behind=number: now - timedelta(days=5 * behind))
        ingest_file(made, feed, drop(made, f"readings_{number}.csv", rows("abc", value=number)), day(0))
    assert counted(lake(tmp_path)) == dict.fromkeys("abc", 2)
    with lake(tmp_path).log.connect() as connection:
        times = connection.execute("select committed_at from receipt order by committed_at").fetchall()
    assert [moment - times[0][0] for (moment,) in times] == [timedelta(microseconds=n) for n in range(3)]
