"""One process at a time at a lock file, and what whoever comes second is told."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ingestion.errors import LakeBusy, StoreError
from ingestion.machine.locks import exclusive, within


def busy() -> LakeBusy:
    return LakeBusy("somebody else works on it", next_step="wait")


def test_the_second_is_told_what_the_caller_says_until_the_first_is_done(tmp_path: Path) -> None:
    lock = tmp_path / "made" / "feed.lock"
    with exclusive(lock, busy=busy):
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600
        with pytest.raises(LakeBusy, match="somebody else works on it"), exclusive(lock, busy=busy, timeout=0.05):
            pytest.fail("two hold the lock")
        with within(lock, 0.0) as is_mine:
            assert not is_mine
    with exclusive(lock, busy=busy), within(tmp_path / "another.lock", 0.0) as is_mine:
        assert is_mine


def test_an_error_inside_frees_the_lock_and_passes(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="of the block"), exclusive(tmp_path / "x.lock", busy=busy):
        raise OSError("of the block")
    with within(tmp_path / "x.lock", 0.0) as is_mine:
        assert is_mine


@pytest.mark.parametrize(
    "hold", [lambda path: exclusive(path, busy=busy), lambda path: within(path, 0.0)], ids=["exclusive", "within"]
)
def test_a_lock_that_cannot_be_made_names_itself(tmp_path: Path, hold: object) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"the lock x\.lock cannot be taken: .*"), hold(tmp_path / "file" / "x.lock"):  # type: ignore[operator]
        pytest.fail("it was taken")
