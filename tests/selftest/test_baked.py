"""A folder is made once for one state of the code, and a copied lake needs nothing of the one it was copied from."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import baked, office
from warehouse.reconcile.run import reconcile
from warehouse.run import run
from warehouse.sql import connect


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(baked, "CACHE", tmp_path / "baked")
    monkeypatch.setattr(baked, "digest", lambda: "today")
    return tmp_path / "baked"


class Maker:
    """Counts how often it makes."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, folder: Path) -> None:
        self.made += 1
        time.sleep(0.05)
        (folder / "file").write_text(str(self.made))


def test_made_once_and_a_copy_is_the_tests_own(cache: Path, tmp_path: Path) -> None:
    make = Maker()
    first = baked.copied("lake", make, tmp_path / "first")
    (first / "file").write_text("changed")
    assert (baked.copied("lake", make, tmp_path / "second") / "file").read_text() == "1"
    assert baked.shared("lake", make) == cache / "today" / "lake"
    assert make.made == 1
    baked.shared("other", make)
    assert make.made == 2


def test_workers_wait_for_the_one_that_makes_it(cache: Path) -> None:
    make = Maker()
    with ThreadPoolExecutor(4) as workers:
        folders = list(workers.map(lambda _: baked.shared("lake", make), range(4)))
    assert (make.made, set(folders)) == (1, {cache / "today" / "lake"})


def test_a_maker_that_fails_leaves_nothing_that_looks_made(cache: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise ValueError("no disk")

    with pytest.raises(ValueError, match="no disk"):
        baked.shared("lake", fail)
    assert [path.name for path in baked.shared("lake", Maker()).iterdir()] == ["file"]


def test_other_code_makes_it_anew_and_what_is_old_goes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, hour_ago = Maker(), time.time() - 3700
    old = baked.shared("lake", make).parent
    monkeypatch.setattr(baked, "digest", lambda: "tomorrow")
    baked.shared("lake", make)
    assert (make.made, old.exists()) == (2, True), "a run that began before may still read it"
    os.utime(old, (hour_ago, hour_ago))
    baked.shared("other", make)
    assert not old.exists()


def test_a_folder_of_yesterday_is_made_anew(cache: Path) -> None:
    make, yesterday = Maker(), time.time() - baked.MOST_SECONDS - 1
    os.utime(baked.shared("lake", make), (yesterday, yesterday))
    assert (baked.shared("lake", make) / "file").read_text() == "2"


def test_the_digest_follows_contents_and_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "package").mkdir()
    source, compiled = tmp_path / "package" / "a.py", tmp_path / "package" / "__pycache__" / "a.pyc"
    compiled.parent.mkdir()
    source.write_text("one")
    monkeypatch.setattr(baked, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(baked, "SOURCES", ("package",))
    found = baked.digest.__wrapped__
    before = found()
    compiled.write_text("compiled")
    assert found() == before
    source.write_text("two")
    changed = found()
    assert changed != before
    source.rename(source.with_name("b.py"))
    assert found() not in (before, changed)


def test_every_source_is_there() -> None:
    assert all((baked.PROJECT_ROOT / source).exists() for source in baked.SOURCES)


def one_day(home: Path) -> None:
    assert run(office.lake(home), office.arrive(home / "drop", 0)).exit_code == 0


@pytest.mark.faults
def test_a_copied_lake_needs_nothing_of_the_original(cache: Path, tmp_path: Path) -> None:
    """It is read, built from, reconciled and goes on, with the folder it was made in gone."""
    home = baked.copied("lake", one_day, tmp_path / "home")
    (cache / "today").rename(cache / "gone")
    lake = office.lake(home)
    with connect(lake, "internal") as release:
        assert release.execute("select count(*) from fct_reading").fetchone() == (office.READING_COUNT,)
    assert reconcile(lake, deep=True).off == []
    assert run(lake, office.arrive(home / "drop", 1)).exit_code == 0
    assert reconcile(lake, deep=True).off == []
    with connect(lake, "internal") as release:
        assert release.execute("select count(distinct read_date) from fct_reading").fetchone() == (2,)
