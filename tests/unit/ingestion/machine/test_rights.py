"""What another account of the machine may read, whatever the umask was: the open edition, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ingestion.errors import ConfigurationError
from ingestion.lake import open_lake
from ingestion.machine.rights import INTERNAL, OPEN, OWN, PASSAGE, group_id, of_key, own_folder, tighten_passage
from ingestion.settings import Settings
from ingestion.store.local import LocalStore
from tests.support.needs import needs_root
from tests.support.open_edition import OPEN as PUBLIC
from tests.support.small_city import NoKeys, SmallCity
from warehouse.export import export
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.reconcile.run import reconcile
from warehouse.release import moves

UMASKS = (0o000, 0o022, 0o077)
NOBODY = 65534


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder every account can get to (a test's own is closed)."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def opened(home: Path) -> SmallCity:
    """The small city in a lake that was opened as every command opens it."""
    city = SmallCity.__new__(SmallCity)
    lake = open_lake(Settings(home=home, accepted_failures=home / "accepted_failures.yaml"))
    city.__dict__ |= {"home": home, "weather": {}, "inspections": {}, "builds": 0, "receipts": 0, "digest": "code-1"}
    city.restricted = {"fct_inspection"}
    city.towns = [("442000001", "石岐"), ("442000002", "东区")]
    city.lake = replace(lake, contracts={}, open_keys=NoKeys)  # type: ignore[arg-type]
    city.fill()
    return city


def release(city: SmallCity) -> None:
    report = city.build()
    publish(city.lake, report, gate(city.lake, report), approver="duty officer")


def lived(home: Path) -> SmallCity:
    """A lake with releases, a hold, a private record, an export."""
    city = opened(home)
    release(city)
    city.add_day("2026-03-05")
    release(city)
    moves.withdraw(city.lake, "open", reason="a test", by="li.si")
    moves.resume(city.lake, "open", reason="repaired", by="li.si")
    release(city)
    assert reconcile(city.lake).ok
    return city


def expected(home: Path, path: Path) -> int:
    """The mode a path of a lake has, by where it lies."""
    key = path.relative_to(home).as_posix()
    if key in (".", "lake", "lake/published"):
        return PASSAGE
    rights = of_key(key.removeprefix("lake/")) if key.startswith("lake/") else OWN
    return rights.folder if path.is_dir() else rights.file


def tree(home: Path) -> list[Path]:
    return [home, *sorted(home.rglob("*"))]


def read_as_nobody(paths: list[Path]) -> list[Path]:
    """Those of the paths that another account can open; run in a child that has become it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        os.close(reading)
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        found = []
        for path in paths:
            try:
                os.close(os.open(path, os.O_RDONLY))
                found.append(str(path))
            except OSError:
                continue
        with os.fdopen(writing, "w") as out:
            json.dump(found, out)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as message:
        text = message.read()
    assert os.waitpid(child, 0)[1] == 0
    return [Path(path) for path in json.loads(text)]


@pytest.mark.parametrize("umask", UMASKS)
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    os.umask(umask)
    home = tmp_path / "made" / "lake-home"
    city = lived(home)
    found = {path: mode(path) for path in tree(home)}
    wrong = {str(p): oct(m) for p, m in found.items() if m != expected(home, p)}
    assert wrong == {}
    assert mode(home.parent) == PASSAGE
    for edition, wanted in (("open", OPEN.file), ("internal", OWN.file)):
        os.umask(umask)
        export(city.lake, tmp_path / f"{edition}.duckdb", edition=edition)
        assert mode(tmp_path / f"{edition}.duckdb") == wanted


@needs_root
@pytest.mark.parametrize("umask", UMASKS)
def test_another_account_reads_the_open_edition_and_nothing_else(reachable: Path, umask: int) -> None:
    os.umask(umask)
    home = reachable / "lake-home"
    lived(home)
    public = home / "lake" / PUBLIC
    everything = tree(home)
    assert read_as_nobody(everything) == [path for path in everything if path == public or public in path.parents]


@needs_root
@pytest.mark.parametrize(("folders", "files"), [(0o755, 0o644), (0o777, 0o666), (0o700, 0o600)])
def test_a_lake_of_an_earlier_version_is_closed_when_it_is_opened(reachable: Path, folders: int, files: int) -> None:
    home = reachable / "lake-home"
    lived(home)
    for path in tree(home):
        path.chmod(folders if path.is_dir() else files)
    os.umask(0o022)
    open_lake(Settings(home=home))
    public = home / "lake" / PUBLIC
    everything = tree(home)
    readable = [path for path in everything if path == public or public in path.parents]
    # The home's own file is no folder: it was made by the test's city beside the lake.
    assert set(read_as_nobody(everything)) - {home / "accepted_failures.yaml", home / "bronze.parquet"} == set(readable)
    internal = home / "lake" / "published" / "internal"
    for path in [internal, *internal.rglob("*")]:
        assert mode(path) == (INTERNAL.folder if path.is_dir() else INTERNAL.file), path


@needs_root
def test_the_configured_group_reads_the_internal_edition(tmp_path: Path) -> None:
    home = tmp_path / "lake-home"
    lived(home)
    group = group_id("daemon")
    store = LocalStore(home / "lake", group)
    store.tighten()
    store.put_bytes("published/internal/facts/new/day=2026-03-07/x.parquet", b"x")
    store.replace("published/internal/current.json", b"{}")
    store.put_bytes("published/open/new.json", b"x")
    internal, public = home / "lake" / "published" / "internal", home / "lake" / PUBLIC
    assert {path.stat().st_gid for path in [internal, *internal.rglob("*")]} == {group}
    assert {path.stat().st_gid for path in [public, *public.rglob("*")]} == {os.getegid()}


def test_a_group_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="CITYLAKE_INTERNAL_GROUP='nogroup-here' is no group"):
        open_lake(Settings(home=tmp_path / "home", internal_group="nogroup-here"))


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "lake-home"
    lived(home)
    published = home / "lake" / "published"
    before = {path: path.stat().st_ctime_ns for path in tree(published)}
    open_lake(Settings(home=home))
    assert {path: path.stat().st_ctime_ns for path in tree(published)} == before


def test_shared_folders_and_those_that_are_there_keep_their_modes(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    tighten_passage(shared)
    own_folder(shared / "a" / "b")
    assert [oct(mode(path)) for path in (shared, shared / "a", shared / "a" / "b")] == ["0o1777", "0o711", "0o700"]


def test_a_drop_folder_is_closed_where_only_this_account_delivers(tmp_path: Path) -> None:
    own, others = tmp_path / "own", tmp_path / "others"
    for home, drop in ((own, 0o755), (others, 0o775)):
        (home / "city" / "drop").mkdir(parents=True)
        (home / "city" / "drop").chmod(drop)
    for home in (own, others):
        open_lake(Settings(home=home))
    assert [oct(mode(home / "city")) for home in (own, others)] == ["0o700", "0o755"]
