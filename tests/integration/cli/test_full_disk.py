"""Days of the fixture project on a disk that runs full a little later each time: it is said, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.support import office
from tests.support.small_disk import leave, mounted
from warehouse.cli import main

pytestmark = pytest.mark.faults

FROM_NOTHING = (0, 16, 64, 512, 3_072, 12_288)
ONE_MORE_DAY = (0, 256, 2_048)
"""KiB free when the command starts."""
SAID = ("no space is left", "No space left on device", "disk is full")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "160m") as folder:
        yield folder


def test_a_full_disk_is_said_by_every_step_and_the_next_run_ends_the_day(
    disk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = disk / "home"
    for name, value in office.settings(home, tmp_path / "drop").environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CITYLAKE_MEMORY_LIMIT", "1GB")

    def run(day: date) -> int:
        return main(["--home", str(home), "run", "--day", day.isoformat()])

    for number, rooms in enumerate((FROM_NOTHING, ONE_MORE_DAY)):
        day = office.arrive(tmp_path / "drop", number)
        for room in rooms:
            capfd.readouterr()
            leave(disk, room)
            code = run(day)
            said = "".join(capfd.readouterr())
            if code == 0:
                break
            assert code in (1, 3), said
            assert "defect" not in said, f"{room} KiB free: {said}"
            assert "Traceback" not in said, f"{room} KiB free: {said}"
            assert any(words in said for words in SAID), f"{room} KiB free: {said}"
        (disk / "filler").unlink()
        assert run(day) == 0, capfd.readouterr()
    assert main(["--home", str(home), "reconcile"]) == 0, capfd.readouterr()
    assert not list((home / "state").glob("crashes/*"))
