"""Merged copies: fewer files, the very same rows, whatever comes later or dies half-way."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingestion.delivery.reconform import reconform
from ingestion.lake import Lake
from ingestion.upkeep.collect import collect, erase, to_erase
from ingestion.upkeep.compaction.catalogue import listed
from ingestion.upkeep.compaction.compact import compact
from tests.support.hourly_lake import IN_MARCH, IN_MAY, correct, hourly_lake, in_merged, seen, take_in
from tests.support.office import CALL, LOCAL, READING, REGISTER
from warehouse.reconcile.run import reconcile

pytestmark = pytest.mark.faults

CHILD = Path(__file__).parents[2] / "support" / "compaction_child.py"
NOW = timedelta(0)


@pytest.fixture(scope="module")
def taken_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("taken_in")
    take_in(hourly_lake(home))
    return home


@pytest.fixture
def home(taken_in: Path, tmp_path: Path) -> Path:
    shutil.copytree(taken_in, tmp_path / "home")
    return tmp_path / "home"


def same_rows(made: Lake, name: str, days: list[date] | None = None) -> tuple[int, int]:
    """Files opened without and with merged copies; the rows must be equal."""
    plain, apart = seen(made, name, merged=False, days=days)
    rows, opened = seen(made, name, days=days)
    assert rows == plain
    assert rows
    return len(apart), len(opened)


def off(made: Lake) -> list[str | None]:
    """What does not agree, of a lake nothing was built from."""
    return [row.reason for row in reconcile(made, deep=True).off if row.step != "warehouse"]


def files_holding(made: Lake, batch: str) -> list[str]:
    """Every Parquet object of bronze or a merged copy, record or not, with a row of the batch."""
    urls = [
        made.store.url(i.key) for zone in ("bronze/", "merged/") for i in made.store.list(zone) if "parquet" in i.key
    ]
    query = "select distinct filename from read_parquet($1, union_by_name = true, filename = true) where _batch_id = $2"
    return [name for (name,) in duckdb.execute(query, [urls, batch]).fetchall()]


@pytest.mark.parametrize(("correction", "opens"), [("full", (72, 3, 1)), ("delta", (73, 3, 1))])
def test_a_feed_by_hour_is_merged_by_day_then_by_month(
    home: Path, correction: str, opens: tuple[int, int, int]
) -> None:
    if correction == "delta":
        # Receipts carry the semantics, so this one is taken in as such.
        home = home.parent / "delta"
        take_in(hourly_lake(home, correction=correction))
    made = hourly_lake(home, correction=correction)
    before, days, month = opens
    assert same_rows(made, READING) == (before, before)
    done = compact(made, made.contracts[READING])
    assert (done.files, done.left) == (before, [])
    assert compact(made, made.contracts[READING]).merged == []
    assert same_rows(made, READING) == (before, days)
    one_day = [date(2026, 3, 3)]
    apart, together = same_rows(made, READING, one_day)
    assert together <= (1 if correction == "full" else 2) < apart
    later = hourly_lake(home, now=IN_MAY, correction=correction)
    assert len(compact(later, later.contracts[READING]).merged) == 1
    assert same_rows(later, READING) == (before, month)
    assert same_rows(later, READING, one_day)[1] <= together
    assert off(later) == []


def test_events_are_merged_by_month_and_resolved_as_before(home: Path) -> None:
    made = hourly_lake(home)
    assert compact(made, made.contracts[CALL]).merged == []
    later = hourly_lake(home, now=IN_MAY)
    assert len(compact(later, later.contracts[CALL]).merged) == 1
    apart, together = same_rows(later, CALL)
    assert (apart > 1, together) == (True, 1)


def test_what_is_not_settled_is_left_alone(home: Path) -> None:
    made = hourly_lake(home, now=datetime(2026, 3, 6, 12, tzinfo=UTC))
    done = compact(made, made.contracts[READING], dry_run=True)
    assert done.merged == ["reading day=2026-03-02"]
    assert listed(made).live == {}
    snapshot = made.contracts[REGISTER]
    assert compact(hourly_lake(home, now=IN_MAY), snapshot).merged == []


def test_a_correction_of_a_member_counts_at_once(home: Path) -> None:
    made = hourly_lake(home)
    compact(made, made.contracts[READING])
    old_rows, _ = seen(made, READING)
    correct(made, datetime(2026, 3, 3, 5, tzinfo=LOCAL))
    new_rows, _ = seen(made, READING)
    assert len(old_rows) - len(new_rows) == 1
    assert same_rows(made, READING) == (72, 2 + 24)
    assert len(compact(made, made.contracts[READING]).merged) == 1
    assert same_rows(made, READING) == (72, 3)
    assert len(listed(made).live) == 4
    made = replace(made, clock=_after_writing)
    collect(made, grace=NOW)
    assert len(listed(made).live) == 3
    assert same_rows(made, READING) == (72, 3)


def test_a_month_replaces_its_days(home: Path) -> None:
    for now in (IN_MARCH, IN_MAY):
        made = hourly_lake(home, now=now)
        compact(made, made.contracts[READING])
    assert len(listed(made).live) == 4
    assert len(collect(replace(made, clock=_after_writing), grace=NOW, dry_run=True).orphans) == 3
    collect(replace(made, clock=_after_writing), grace=NOW)
    assert [key.split("/")[-2] for key in listed(made).live] == ["month=2026-03"]
    assert same_rows(made, READING) == (72, 1)


def test_reconformed_members_leave_the_merged_copy(home: Path) -> None:
    made = hourly_lake(home)
    compact(made, made.contracts[READING])
    changed = replace(made.contracts[READING], version="2.0.0")
    made = replace(made, contracts={**made.contracts, READING: changed})
    assert len(reconform(made, changed)) == 73
    assert same_rows(made, READING) == (72, 72)
    compact(made, changed)
    assert same_rows(made, READING) == (72, 3)


def test_erasing_a_batch_takes_every_merged_copy_of_it(home: Path) -> None:
    for now in (IN_MARCH, IN_MAY):
        made = hourly_lake(home, now=now)
        compact(made, made.contracts[CALL])
        compact(made, made.contracts[READING])
    contract = made.contracts[CALL]
    batch = min(in_merged(made) & {k.split("/")[5] for k in (i.key for i in made.store.list("bronze/office/call/"))})
    assert len(files_holding(made, batch)) == 2
    planned = to_erase(made, contract, batch)
    stone = erase(made, contract, batch, reason="court order 7", by="office")
    assert set(stone.objects) <= set(planned)
    assert [key for key in planned if made.store.head(key)] == []
    assert files_holding(made, batch) == []
    assert batch not in in_merged(made)
    same_rows(made, CALL)
    compact(made, contract)
    assert files_holding(made, batch) == []
    assert same_rows(made, READING) == (72, 1)


def test_a_copy_another_host_made_meanwhile_is_found_by_collect(home: Path) -> None:
    """On another host the feed's lock is another file: its copy may appear after the erasure."""
    made = hourly_lake(home, now=IN_MAY)
    contract = made.contracts[CALL]
    compact(made, contract)
    kept = [(info.key, made.store.get_bytes(info.key)) for info in made.store.list("merged/")]
    batch = min(in_merged(made))
    erase(made, contract, batch, reason="court order 7", by="office")
    for key, data in kept:
        made.store.put_bytes(key, data)
    assert files_holding(made, batch)
    same_rows(made, CALL)
    collect(made)
    assert files_holding(made, batch) == []


@pytest.mark.parametrize("step", ["merged", "stored_merged", "recorded_merged"])
def test_killed_while_merging(home: Path, step: str) -> None:
    died = subprocess.run([sys.executable, str(CHILD), str(home), "compact", step], check=False, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    made = hourly_lake(home)
    same_rows(made, READING)
    contract = made.contracts[READING]
    assert len(compact(made, contract).merged) == (2 if step == "recorded_merged" else 3)
    assert same_rows(made, READING) == (72, 3)
    collect(replace(made, clock=_after_writing), grace=NOW)
    assert (len(listed(made).live), listed(made).lone) == (3, {})
    assert same_rows(made, READING) == (72, 3)
    assert off(made) == []


def test_an_erasure_takes_a_copy_whose_record_was_never_put(home: Path) -> None:
    died = subprocess.run([sys.executable, str(CHILD), str(home), "compact", "stored_merged"], check=False)
    assert died.returncode == -signal.SIGKILL
    made = hourly_lake(home)
    (orphan,) = [info.key for info in made.store.list("merged/")]
    batch = duckdb.execute("select min(_batch_id) from read_parquet($1)", [made.store.url(orphan)]).fetchall()[0][0]
    erase(made, made.contracts[READING], batch, reason="court order 7", by="office")
    assert files_holding(made, batch) == []


@pytest.mark.parametrize("step", ["removed_merged"])
def test_killed_while_erasing(home: Path, step: str) -> None:
    made = hourly_lake(home)
    contract = made.contracts[READING]
    compact(made, contract)
    batch = min(in_merged(made))
    died = subprocess.run([sys.executable, str(CHILD), str(home), "erase", step, batch], check=False)
    assert died.returncode == -signal.SIGKILL
    same_rows(made, READING)
    erase(made, contract, batch, reason="court order 7", by="office")
    assert files_holding(made, batch) == []
    assert same_rows(made, READING) == (71, 2 + 23)


def test_a_damaged_member_is_not_copied(home: Path) -> None:
    made = hourly_lake(home)
    victim = next(i.key for i in made.store.list("bronze/office/reading/") if "dt=2026-03-03" in i.key)
    path = Path(made.store.url(victim))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    done = compact(made, made.contracts[READING])
    assert len(done.merged) == 2
    assert len(done.left) == 1
    assert victim in done.left[0]


def test_reconcile_finds_a_damaged_copy(home: Path) -> None:
    made = hourly_lake(home)
    compact(made, made.contracts[READING])
    victim = Path(made.store.url(min(listed(made).live)))
    data = bytearray(victim.read_bytes())
    data[200] ^= 1
    victim.write_bytes(data)
    assert [row.reason for row in reconcile(made, deep=True).off if row.step == "bronze"] == [
        f"{min(listed(made).live)} is not the object its record names: delete it, builds then read its members"
    ]
    victim.unlink()
    assert same_rows(made, READING)[1] > 4


def _after_writing() -> datetime:
    """Objects carry the machine's own time, so what is collectable is judged by it."""
    return datetime.now(UTC) + timedelta(minutes=1)
