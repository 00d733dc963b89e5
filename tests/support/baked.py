"""Folders that take seconds to make (a lake with a release, a delivered city), made once for one state of the code.

    home = baked.copied("two-days", make_two_days, tmp_path / "home")

`make_two_days(folder)` fills an empty folder. What it made is kept in `.cache/baked/<digest>/<name>` of the checkout
and each test gets a copy of its own. The digest is over everything the content depends on, `SOURCES`: with any change
there it is made anew, and what was made of older code goes. It is also made anew after a day, because lakes carry
the machine's time and tests compare with it. A function's name for a folder says all that changes its content: two
functions, or one with other parameters, take two names. Several workers, or runs, wait for the one that makes it.

A copied lake is built, read (`warehouse.sql.connect`) and reconciled with the original gone
(`tests/selftest/test_baked.py`). Two files hold paths of the folder they were made in: the build file, whose source
views a build makes anew, and a release's `warehouse.duckdb`, so that attaching that one directly reads the original.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from filelock import FileLock

from ingestion.settings import PROJECT_ROOT

SOURCES = (
    "ingestion",
    "warehouse",
    "dbt_project",
    "infra/simulator",
    "tests/support",
    "tests/fixture_project",
    "requirements.lock",
)
"""Contracts are below `ingestion`."""
LEFT_OUT = frozenset({"__pycache__", "target", "logs"})
MOST_SECONDS = 24 * 3600
CACHE = PROJECT_ROOT / ".cache" / "baked"


def copied(name: str, make: Callable[[Path], None], target: Path) -> Path:
    """A copy of the folder in `target`, which must not exist yet; returned. It is the test's own."""
    shutil.copytree(shared(name, make), target, symlinks=True)
    return target


def shared(name: str, make: Callable[[Path], None]) -> Path:
    """The kept folder itself, for tests that only read it; it is made if it is not there."""
    place = CACHE / digest()
    folder, lock = place / name, FileLock(CACHE / f"{name}.lock")
    CACHE.mkdir(parents=True, exist_ok=True)
    with lock:
        if folder.is_dir() and time.time() - folder.stat().st_mtime < MOST_SECONDS:
            return folder
        _remove_older(place)
        unfinished = place / f"{name}.unfinished"
        for old in (folder, unfinished):
            if old.exists():
                shutil.rmtree(old)
        unfinished.mkdir(parents=True)
        make(unfinished)
        unfinished.rename(folder)
    return folder


@cache
def digest() -> str:
    """Of names and contents of all sources; read once a process."""
    found = hashlib.sha256()
    for source in SOURCES:
        top = PROJECT_ROOT / source
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            parts = path.relative_to(PROJECT_ROOT)
            if path.is_file() and not LEFT_OUT.intersection(parts.parts):
                found.update(f"{parts.as_posix()}\0{path.stat().st_size}\0".encode())
                found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _remove_older(current: Path) -> None:
    """Folders of other digests that no run has made anything in for an hour: a run that began before may read them."""
    for place in CACHE.iterdir():
        if place.is_dir() and place != current and time.time() - place.stat().st_mtime > 3600:
            shutil.rmtree(place, ignore_errors=True)
