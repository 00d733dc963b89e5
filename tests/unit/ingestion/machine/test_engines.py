"""An engine serves one user at a time, and only a clean one is used again."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from ingestion.machine import engines


class Setup:
    """Counts the engines it was called for; as a key of its own it gets engines of its own."""

    def __init__(self) -> None:
        self.opened = 0

    def __call__(self, engine: duckdb.DuckDBPyConnection) -> None:
        self.opened += 1
        engine.execute(f"create macro number() as {self.opened}")


def test_an_engine_is_kept_and_its_session_is_not() -> None:
    setup = Setup()
    with engines.session(setup, zone="Asia/Tokyo") as session:
        session.execute("create temp table left_over as select 1")
    with engines.session(setup, zone="Asia/Tokyo") as session:
        assert session.execute("select number()").fetchone() == (1,)
        assert session.execute("select current_setting('timezone')").fetchone() == ("Asia/Tokyo",)
        with pytest.raises(duckdb.CatalogException):
            session.execute("from left_over")
    assert setup.opened == 1


def test_two_users_at_once_never_share() -> None:
    setup = Setup()
    with engines.session(setup) as one, engines.session(setup) as other:
        assert one.execute("select number()").fetchone() == (1,)
        assert other.execute("select number()").fetchone() == (2,)


@pytest.mark.parametrize("limits", [{"threads": 1}, {"memory_limit": "200MB"}, {"zone": "Asia/Tokyo"}])
def test_other_limits_are_another_engine(limits: dict[str, int | str]) -> None:
    setup = Setup()
    with engines.session(setup):
        pass
    with engines.session(setup, **limits) as session:  # type: ignore[arg-type]
        assert session.execute("select number()").fetchone() == (2,)
        name, value = next(iter(limits.items()))
        name = {"zone": "timezone"}.get(name, name)
        found = session.execute(f"select current_setting('{name}')").fetchone()
    assert found in ((value,), ("190.7 MiB",))


def test_what_ended_in_an_error_is_not_lent_again() -> None:
    setup = Setup()
    with pytest.raises(duckdb.CatalogException), engines.session(setup) as session:
        session.execute("from nowhere")
    with engines.session(setup) as session:
        assert session.execute("select number()").fetchone() == (2,)


def test_spilled_rows_go_with_their_use(tmp_path: Path) -> None:
    setup, spill = Setup(), tmp_path / "spill"
    spill.mkdir()
    with engines.session(setup, threads=1, memory_limit="60MB", spill=spill) as session:
        session.execute("create temp table big as select md5(cast(range as varchar)) as text from range(4_000_000)")
        (own,) = spill.iterdir()
        assert any(own.iterdir())
    assert list(spill.iterdir()) == []
    for opened in (2, 2):  # the one that spilled is gone; one that did not is kept
        with engines.session(setup, threads=1, memory_limit="60MB", spill=spill) as session:
            found = session.execute("select current_setting('temp_directory')").fetchone()
            assert Path(str(found[0] if found else "")).parent == spill
            assert session.execute("select number()").fetchone() == (opened,)
    with engines.session(setup, threads=1, memory_limit="60MB", spill=tmp_path) as session:
        assert session.execute("select number()").fetchone() == (3,)


def test_the_pool_is_bounded() -> None:
    setup = Setup()
    for number in range(100, 100 + 2 * engines.MAX_IDLE):
        with engines.session(setup, threads=1, memory_limit=f"{number}MB"):
            pass
    assert len(engines._idle) <= engines.MAX_IDLE
    with engines.session(setup, threads=1, memory_limit=f"{number}MB") as session:
        assert session.execute("select number()").fetchone() == (2 * engines.MAX_IDLE,), "the newest is kept"


@pytest.mark.parametrize(
    "query",
    [
        "from read_text('{file}')",
        "from read_csv('{file}')",
        "from glob('{file}')",
        "from '{file}'",
        "copy (select 1) to '{file}.out'",
        "attach '{file}.duckdb' as other",
        "install httpfs",
        "load httpfs",
        "set timezone = 'UTC'",
        "set enable_external_access = true",
        "set global lock_configuration = false",
        "reset enable_external_access",
        "pragma temp_directory='{file}'",
    ],
)
def test_a_closed_engine_reads_and_sets_nothing(tmp_path: Path, query: str) -> None:
    file = tmp_path / "file.csv"
    file.write_text("a\n1\n")
    with pytest.raises(duckdb.Error), engines.session(Setup()) as session:
        session.execute(query.format(file=file))
    assert [path.name for path in tmp_path.iterdir()] == ["file.csv"]


def test_an_open_engine_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    file.write_text("a\n1\n")
    with engines.session(Setup(), closed=False) as session:
        assert session.execute(f"from read_csv('{file}')").fetchall() == [(1,)]


def test_a_forked_child_opens_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = Setup()
    with engines.session(setup):
        pass
    own = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: own + 1)
    with engines.session(setup) as session:
        assert session.execute("select number()").fetchone() == (2,)
