"""The lake's clock set back by a day and put forward by a month between its steps.

What must hold, whatever the clock says:

- Receipts, decisions, verdicts and releases keep the order in which they were made: each is timed after the newest
  one before it, so after a jump forward times stand still, a microsecond apart, until the true time catches up.
- What supersedes what is told by the files' own times; where a feed has none but the time it was fetched, that time
  never falls behind what was committed before.
- Retention counts from when a delivery was fetched. One fetched while the clock was ahead is kept longer by the
  jump, never shorter; one fetched while it was behind goes earlier by as much as the clock was behind.
- Maintenance while the clock is ahead removes no object that a receipt or a release names, as long as no retention
  is shorter than the jump. A clock that is ahead by more than a retention cannot be told from time that has passed;
  an S3 server can, and refuses requests a quarter of an hour off.
- When the clock is right again every stage agrees with the one before, and the next day's run is as any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

from ingestion.delivery.holds import decide, held
from ingestion.delivery.ingest import ingest_file
from ingestion.lake import Lake
from ingestion.upkeep.collect import expire
from tests.support import office
from tests.support.lake_state import State, state_of, unnamed
from tests.support.lakes import contract, counted, day, drop, lake, rows
from warehouse import maintenance
from warehouse.gate.record import latest
from warehouse.reconcile.run import reconcile
from warehouse.release import layout, ledger, pointer
from warehouse.run import run

pytestmark = pytest.mark.faults

NOW = datetime(2026, 3, 20, 4, tzinfo=UTC)
RIGHT, BACK, AHEAD = timedelta(0), timedelta(days=-1), timedelta(days=31)
JUMPS = ((RIGHT, AHEAD, BACK, RIGHT), (AHEAD, BACK, RIGHT, BACK), (BACK, RIGHT, AHEAD, RIGHT))
"""Of each day: while files are taken in, while it is built and judged, while it is published, while looked after."""


class Clock:
    """Goes a second a look; `by` is how far it is off."""

    def __init__(self) -> None:
        self.by, self.looks = RIGHT, 0

    def __call__(self) -> datetime:
        self.looks += 1
        return NOW + timedelta(seconds=self.looks) + self.by


def jumping(clock: Clock, jumps: tuple[timedelta, ...]) -> Callable[[str], None]:
    """The run's progress, which sets the clock at the begin of a step."""
    clock.by = jumps[0]
    by_step = {"build": jumps[1], "publish": jumps[2]}

    def progress(message: str) -> None:
        clock.by = by_step.get(message, clock.by)

    return progress


def test_a_lake_whose_clock_jumps_ends_like_one_whose_clock_is_right(tmp_path: Path) -> None:
    clock, states = Clock(), list[State]()
    jumped = replace(office.lake(tmp_path / "jumped", tmp_path / "drop"), clock=clock)
    right = replace(office.lake(tmp_path / "right", tmp_path / "drop"), clock=Clock())
    newest = receipts_of(jumped)
    for number, jumps in enumerate(JUMPS):
        today = office.arrive(tmp_path / "drop", number)
        report = run(jumped, today, progress=jumping(clock, jumps))
        expect_newest(jumped, newest, report.verdicts[0].decided_at)
        newest = receipts_of(jumped)
        clock.by = jumps[3]
        look_after(jumped)
        assert run(right, today).exit_code == report.exit_code
        states += [state_of(jumped), state_of(right)]
        assert states[-1] == states[-2]
    clock.by = RIGHT
    assert reconcile(jumped, deep=True).off == []
    for edition in layout.EDITIONS:
        lines = ledger.verify_ledger(jumped, edition)
        releases = [str(line.release) for line in lines]
        assert len(releases) == len(JUMPS)
        assert releases == sorted(set(releases))
        assert [line.at for line in lines] == sorted({line.at for line in lines})
        made = [pointer.load(jumped.store, edition, release).created_at for release in releases]
        assert made == sorted(set(made))


def receipts_of(made: Lake) -> list[str]:
    return [info.key for info in made.store.list("receipts/")]


def expect_newest(made: Lake, before: list[str], decided_at: datetime) -> None:
    """Every new receipt's key sorts after those before it; the newest verdicts are those of this run."""
    found = receipts_of(made)
    assert found[: len(before)] == before
    assert len(found) > len(before)
    recorded = latest(made.store)
    assert recorded is not None
    assert recorded.verdicts[0].decided_at == decided_at


def look_after(made: Lake) -> None:
    """Nothing that is named goes."""
    before = {info.key for info in made.store.list("")}
    assert maintenance.expire(made).count == 0
    maintenance.collect(made)
    gone = before - {info.key for info in made.store.list("")}
    assert gone == set()
    assert {zone: left for zone, left in unnamed(made).items() if left} == {}


def test_where_only_fetching_tells_the_time_the_last_correction_counts(tmp_path: Path) -> None:
    feed = contract(content_as_of="fetched")
    for number, by in enumerate((RIGHT, AHEAD, BACK, RIGHT)):
        made = lake(tmp_path, clock=lambda by=by: NOW + by)
        path = drop(made, f"readings_{number}.csv", rows("abc", value=number))
        assert ingest_file(made, feed, path, day(0)).outcome == "accepted"
        assert counted(made) == dict.fromkeys("abc", number)


@pytest.mark.parametrize("jumps", [(AHEAD, BACK), (BACK, AHEAD), (RIGHT, BACK)])
def test_the_stewards_last_word_stands(tmp_path: Path, jumps: tuple[timedelta, timedelta]) -> None:
    made = lake(tmp_path, clock=lambda: NOW)
    ingest_file(made, contract(), drop(made, "readings_1.csv", rows("abcdefgh")), day(0))
    ingest_file(made, contract(), drop(made, "readings_2.csv", rows("a", value=2), hours=25), day(0))
    (waiting,) = held(made)
    words: tuple[Literal["accept"], Literal["reject"]] = ("accept", "reject")
    for by, word in zip(jumps, words, strict=True):
        decide(replace(made, clock=lambda by=by: NOW + by), waiting.batch, word, "checked by telephone", "steward")
    assert counted(made) == dict.fromkeys("abcdefgh", 1)


@pytest.mark.parametrize("by", [AHEAD, BACK])
def test_retention_counts_from_the_time_of_fetching(tmp_path: Path, by: timedelta) -> None:
    made, feed = lake(tmp_path, clock=lambda: NOW + by), contract()
    assert ingest_file(made, feed, drop(made, "readings.csv", rows("abc") + "d,2026-03-02,bad\n"), day(0)).accepted == 3
    kept = feed.citylake.retention.quarantine + min(by, RIGHT)
    before = replace(made, clock=lambda: NOW + kept - timedelta(seconds=1))
    assert expire(before, feed) == []
    kept = feed.citylake.retention.raw + max(by, RIGHT)
    after = replace(made, clock=lambda: NOW + kept + timedelta(seconds=1))
    assert len(expire(after, feed)) == 2
    assert counted(made) == dict.fromkeys("abc", 1)
