"""Which files a run takes in, and which it knows without reading them."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.contract.model import Contract
from ingestion.errors import SourceError
from ingestion.lake import Lake
from tests.support.lakes import contract, counted, drop, lake, rows
from warehouse.capture import Captured, Extracted, capture, conform_days, extract_days, intervals_of

DAY = date(2026, 3, 2)


def _captured(made: Lake, feed: Contract, day: date) -> Captured:
    captured = Captured()
    capture(made, feed, day, captured)
    return captured


def test_the_day_and_its_recapture_oldest_first() -> None:
    feed = contract(recapture=timedelta(days=2))
    starts = [interval.start for interval in intervals_of(feed, DAY)]
    assert starts == [datetime(2026, 2, 28, tzinfo=UTC) + timedelta(days=n) for n in range(3)]


@pytest.mark.parametrize(("hours", "days"), [(0, 0), (12, 1), (24, 1), (36, 2)])
def test_a_recapture_of_hours_looks_at_every_day_it_reaches(hours: int, days: int) -> None:
    feed = contract(recapture=timedelta(hours=hours))
    assert len(intervals_of(feed, DAY)) == days + 1


def test_a_known_file_is_not_read_again(tmp_path: Path) -> None:
    made, feed = lake(tmp_path), contract()
    path = drop(made, "readings_20260302.csv", rows(["a", "b"]))
    first = _captured(made, feed, DAY)
    assert [d.outcome for d in first.deliveries] == ["accepted"]
    path.chmod(0o000)  # a reader that is not root would fail on it
    second = _captured(made, feed, DAY)
    assert (second.deliveries, second.known) == ([], 1)


@pytest.mark.parametrize("what", ["content", "time", "name"])
def test_a_file_that_may_have_changed_is_read_again(tmp_path: Path, what: str) -> None:
    made, feed = lake(tmp_path), contract()
    path = drop(made, "readings_20260302.csv", rows(["a", "b"]))
    _captured(made, feed, DAY)
    if what == "content":
        drop(made, path.name, rows(["a", "b", "c"]))
    elif what == "time":
        os.utime(path, (path.stat().st_mtime + 60, path.stat().st_mtime + 60))
    else:
        drop(made, "readings_20260302_r2.csv", rows(["a", "b"]))
    again = _captured(made, feed, DAY)
    assert [d.outcome for d in again.deliveries] == (["accepted"] if what == "content" else ["duplicate"])


def test_a_file_written_again_in_the_second_it_was_read_in_is_taken(tmp_path: Path) -> None:
    """Shares and SFTP keep whole seconds: name, size and time are those of the file that was read."""
    made, feed = lake(tmp_path), contract()
    second = int(time.time()) + 5  # a slow machine reads it later than it was written
    for value in (1, 2):
        path = drop(made, "readings_20260302.csv", rows(["a", "b"], value=value))
        os.utime(path, (second, second))
        assert [d.outcome for d in _captured(made, feed, DAY).deliveries] == ["accepted"]
    assert counted(made) == {"a": 2, "b": 2}


def test_a_late_file_comes_in_with_a_later_day_only_within_recapture(tmp_path: Path) -> None:
    made = lake(tmp_path)
    drop(made, "readings_20260302.csv", rows(["a"]))
    assert _captured(made, contract(), date(2026, 3, 3)).deliveries == []
    within = _captured(made, contract(recapture=timedelta(days=1)), date(2026, 3, 3))
    assert [d.outcome for d in within.deliveries] == ["accepted"]
    assert within.awaited == 1


def test_a_refused_file_is_judged_again_under_a_new_revision(tmp_path: Path) -> None:
    made = lake(tmp_path)
    drop(made, "readings_20260302.csv", rows(["a"], value="x"))
    assert [d.outcome for d in _captured(made, contract(), DAY).deliveries] == ["refused"]
    assert _captured(made, contract(), DAY).known == 1
    relaxed = contract(version="1.1.0", max_refused_share=1.0)
    assert [d.outcome for d in _captured(made, relaxed, DAY).deliveries] == ["accepted"]


def test_a_file_called_manifest_is_a_file(tmp_path: Path) -> None:
    made, feed = lake(tmp_path), contract(source={"path": "office/{interval:%Y%m%d}/*.json"})
    drop(made, "20260302/manifest.json", rows(["a", "b"]))
    for outcomes in (["accepted"], []):
        extracted = Extracted()
        extract_days(made, feed, DAY, DAY, extracted)
        assert [d.outcome for d in conform_days(made, feed, DAY, DAY, extracted.waiting)] == outcomes


def test_a_file_that_goes_away_stops_no_other(tmp_path: Path) -> None:
    """Departments tidy up while a run reads: the files of a day are listed before they are taken."""
    made, feed = lake(tmp_path), contract("events", recapture=timedelta(days=1))
    for name in (
        "readings_20260302_1.csv",
        "readings_20260302_2.csv",
        "readings_20260302_3.csv",
        "readings_20260303.csv",
    ):
        drop(made, name, rows([name]))

    def tidied() -> datetime:
        """The clock is asked before a day's files are listed: at the second day one of the first is gone."""
        asked.append(made.clock())
        if len(asked) > 1:
            (made.settings.drop_root / "office" / "readings_20260302_2.csv").unlink(missing_ok=True)
        return asked[-1]

    asked: list[datetime] = []

    captured = Captured()
    with pytest.raises(SourceError, match=r"'readings_20260302_2.csv' cannot be read: No such file"):
        capture(replace(made, clock=tidied), feed, date(2026, 3, 3), captured)
    taken = [delivery.filename for delivery in captured.deliveries]
    assert taken == ["readings_20260302_1.csv", "readings_20260302_3.csv", "readings_20260303.csv"]


def _planted(made: Lake) -> list[str]:
    """Three good files of two days among a link to itself and two that lead nowhere; the names of the bad ones."""
    for name in ("readings_20260302_1.csv", "readings_20260302_3.csv", "readings_20260303.csv"):
        drop(made, name, rows([name]))
    bad = {"readings_20260302_2.csv": "readings_20260302_2.csv", "readings_20260303_b.csv": "nowhere",
           "readings_20260303_c.csv": "/nowhere"}  # fmt: skip
    for name, target in bad.items():
        (made.settings.drop_root / "office" / name).symlink_to(target)
    return [f"'office/{name}'" for name in bad]


def test_bad_files_stop_no_other_and_are_all_named(tmp_path: Path) -> None:
    made, feed = lake(tmp_path), contract("events", recapture=timedelta(days=1))
    bad = _planted(made)
    captured = Captured()
    with pytest.raises(SourceError, match=r"3 items could not be read: \[2026-03-02T00:00Z, 2026-.*\): '") as raised:
        capture(made, feed, date(2026, 3, 3), captured)
    assert all(name in raised.value.message for name in bad)
    assert raised.value.left == "nothing of these was stored; everything else of the feed was taken in"
    taken = [delivery.filename for delivery in captured.deliveries]
    assert taken == ["readings_20260302_1.csv", "readings_20260302_3.csv", "readings_20260303.csv"]
    with pytest.raises(SourceError, match="3 items could not be read"):
        capture(made, feed, date(2026, 3, 3), again := Captured())
    assert (again.deliveries, again.known) == ([], 3)


def test_bad_files_stop_no_other_in_the_first_of_two_tasks(tmp_path: Path) -> None:
    made, feed = lake(tmp_path), contract("events", recapture=timedelta(days=1))
    _planted(made)
    extracted = Extracted()
    with pytest.raises(SourceError, match="3 items could not be read"):
        extract_days(made, feed, date(2026, 3, 3), date(2026, 3, 3), extracted)
    done = list(conform_days(made, feed, date(2026, 3, 3), date(2026, 3, 3), []))
    assert [delivery.outcome for delivery in done] == ["accepted"] * 3 == ["accepted"] * len(extracted.waiting)


def test_a_file_dated_in_the_future_does_not_come_back_over_a_correction_in_every_run(tmp_path: Path) -> None:
    """Its time says nothing: read again beside the correction, it is no newer than when it came."""
    made, feed = lake(tmp_path), contract()
    wrong = drop(made, "readings_20260302.csv", rows(["a", "b"], value=1))
    ahead = time.time() + 400 * 86400
    os.utime(wrong, (ahead, ahead))
    _captured(made, feed, DAY)
    later = replace(made, clock=lambda: datetime.now(UTC) + timedelta(minutes=1))
    corrected = drop(later, "readings_20260302_r2.csv", rows(["a", "b"], value=2))
    os.utime(corrected, (time.time() + 30, time.time() + 30))
    _captured(later, feed, DAY)
    assert counted(later) == {"a": 2, "b": 2}
    much_later = replace(made, clock=lambda: datetime.now(UTC) + timedelta(hours=1))
    again = _captured(much_later, feed, DAY)
    assert [d.outcome for d in again.deliveries] == ["duplicate"]
    assert counted(much_later) == {"a": 2, "b": 2}
