"""kill -9 at seeded random moments from ingest to publish, on the folder and on S3; a reader verifies every release.

Each day new files arrive, on the second day late and corrected ones too; the third day's calls are refused. The
day's run is then killed again and again and at last left alone. Days alternate between the path of `citylake run`
and that of Airflow's tasks. What comes of it must be what an undisturbed lake made of the same files.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest

from ingestion.lake import open_lake
from ingestion.settings import Settings
from tests.integration.store.conftest import bucket_of
from tests.support import chaos, office, s3_servers
from tests.support.lake_state import State, state_of, unnamed
from warehouse import maintenance
from warehouse.reconcile.run import reconcile
from warehouse.release import ledger, pointer
from warehouse.release.layout import EDITIONS

pytestmark = pytest.mark.faults

SEED = 442000
FIRST_DAY = dict.fromkeys(chaos.STEPS, 1)
"""Kills of the day that has no release before it and builds everything."""
KILLS = {"ingest": 4, "conform": 3, "build": 2, "test": 1, "gate": 1, "publish": 4}
"""Of each other day."""
ON = {"local": 3, "rclone": 2, "minio": 2}
"""Days on each store: 36 kills on the folder, 21 on each S3 server."""
LEAST = {"local": 32, "rclone": 18, "minio": 18}
"""At least 50 with one S3 server; a run may end before its moment comes, and where many did there is one more day."""
DAYS = max(ON.values()) + 1


@dataclass
class Undisturbed:
    """The departments' files as they lie after each day, and what a lake made of them that nobody killed."""

    arrivals: list[Path] = field(default_factory=list)
    days: list[date] = field(default_factory=list)
    runs: list[chaos.Ran] = field(default_factory=list)
    states: list[State] = field(default_factory=list)


def way(number: int) -> str:
    return ("run", "tasks")[number % 2]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chaos.Runs]:
    made = chaos.Runs(tmp_path_factory.mktemp("runs") / "log")
    yield made
    made.close()


@pytest.fixture(scope="module")
def undisturbed(runs: chaos.Runs, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder, made = tmp_path_factory.mktemp("undisturbed"), Undisturbed()
    settings = office.settings(folder / "home", folder / "drop")
    for number in range(DAYS):
        made.days.append(office.arrive(folder / "drop", number))
        made.arrivals.append(folder / f"drop{number}")
        shutil.copytree(folder / "drop", made.arrivals[-1])
        made.runs.append(runs.run(settings, made.days[-1], way(number)))
        made.states.append(state_of(open_lake(settings)))
    return made


@contextmanager
def store(kind: str, folder: Path) -> Iterator[Settings]:
    if kind == "local":
        yield Settings(home=folder / "home")
        return
    with getattr(s3_servers, kind)(folder / "server" / "data") as server:
        yield bucket_of(server, folder / "home")


@dataclass
class Killed:
    """Kills by step, and when each step of any run was at work."""

    steps: Counter[str] = field(default_factory=Counter)
    spans: list[tuple[str, float, float]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(self.steps.values())


def kill_day(
    settings: Settings, run: Callable[[chaos.Moment | None], chaos.Ran], drawn: list[chaos.Moment], killed: Killed
) -> None:
    """Run the same command again and again, killed at each of the moments, then to its end.

    A run that ends before its moment leaves nothing to kill: the others are not tried.
    """
    lake = open_lake(settings)
    for moment in [*drawn, None]:
        ran = run(moment)
        killed.spans += ran.spans
        if not ran.killed:
            break
        killed.steps[ran.step] += 1
        for edition in EDITIONS:
            pointer.current(lake, edition)
    assert not ran.killed


@pytest.mark.parametrize("kind", ON)
def test_killed_at_any_moment_the_same_command_recovers(
    kind: str, runs: chaos.Runs, undisturbed: Undisturbed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice, killed, drop, last = random.Random(f"{SEED} {kind}"), Killed(), tmp_path / "drop", 0
    with store(kind, tmp_path) as place:
        settings = office.fixture(place, drop)
        with chaos.reader(settings, tmp_path / "reader") as read:
            for number in range(ON[kind] + 1):
                if number == ON[kind] and killed.count >= LEAST[kind]:
                    break
                last = number
                shutil.copytree(undisturbed.arrivals[number], drop, dirs_exist_ok=True)
                drawn = chaos.moments(undisturbed.runs[number], KILLS if number else FIRST_DAY, dice)
                day = undisturbed.days[number]
                kill_day(settings, lambda at, n=number, day=day: runs.run(settings, day, way(n), at), drawn, killed)
                lake = open_lake(settings)
                assert state_of(lake) == undisturbed.states[number]
                manifests = {edition: pointer.current(lake, edition) for edition in EDITIONS}
                read.wait_for({edition: manifest.id for edition, manifest in manifests.items() if manifest})
        expect_clean(settings)
        with capsys.disabled():
            show(kind, killed, read)
        again = runs.run(settings, undisturbed.days[last], way(last))
        assert again.code == undisturbed.runs[last].code
        assert state_of(open_lake(settings)) == undisturbed.states[last]
    assert killed.count >= LEAST[kind], killed.steps
    for step in ("ingest", "conform", "build", "publish"):
        assert killed.steps[step] >= ON[kind], killed.steps
        assert read.during(killed.spans)[step] > 0
    assert all(len(seen) >= ON[kind] for seen in read.releases().values())
    assert set(read.releases()) == set(EDITIONS)


def expect_clean(settings: Settings) -> None:
    """Every stage agrees with the one before; what the dead left can be collected, and nothing else is."""
    lake = open_lake(settings)
    assert reconcile(lake, deep=True).off == []
    removed = maintenance.collect(lake, grace=timedelta(0))
    assert removed.unfinished == []
    assert {zone: left for zone, left in unnamed(lake).items() if left} == {}
    assert list(settings.scratch_root.iterdir()) == []
    if settings.store is None:
        assert list((settings.lake_root / ".incoming").iterdir()) == []
    for edition in EDITIONS:
        lines = ledger.verify_ledger(lake, edition)
        assert [line.event for line in lines] == ["published"] * len(lines)
        assert len({line.release for line in lines}) == len(lines)
    assert reconcile(lake, deep=True).off == []
    assert maintenance.collect(lake, grace=timedelta(0)).count == 0


def show(kind: str, killed: Killed, read: chaos.Reading) -> None:
    steps = ", ".join(f"{step} {killed.steps[step]}" for step in chaos.STEPS)
    loops = read.during(killed.spans)
    seen = ", ".join(f"{step} {loops[step]}" for step in chaos.STEPS)
    releases = ", ".join(f"{len(found)} {edition}" for edition, found in read.releases().items())
    print(f"\n{kind}: {killed.count} kills: {steps}")  # noqa: T201 - the table a person wants to see
    print(f"{kind}: {len(read.loops)} loops of the reader ({seen}); releases: {releases}")  # noqa: T201
