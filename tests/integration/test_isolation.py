"""A defect met by one delivery, whatever exception it is and at whatever step, stops no other one."""

from __future__ import annotations

import errno
import stat
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from ingestion.conform.table import TableConform
from ingestion.delivery.outcome import Delivery
from ingestion.delivery.reconform import reconform
from ingestion.errors import CitylakeError, DiskError, IntegrityError, StoreError, UnexpectedError
from ingestion.isolation import Isolated, combined
from ingestion.lake import Lake
from ingestion.settings import Settings
from tests.support.lakes import contract, counted, day, drop, lake, rows
from warehouse.capture import Captured, capture, conform_days, extract_days
from warehouse.capture import Extracted as Landed
from warehouse.incidents.book import Book
from warehouse.incidents.sweep import sweep

pytestmark = pytest.mark.faults

DEFECTS: dict[str, Callable[[], Exception]] = {
    "UnicodeDecodeError": lambda: UnicodeDecodeError("utf-8", b"\xd6\xd0", 0, 1, "invalid continuation byte"),
    "MemoryError": MemoryError,
    "RecursionError": RecursionError,
    "KeyError": lambda: KeyError("13800138000"),
    "ValueError": lambda: ValueError("13800138000"),
    "AssertionError": AssertionError,
    "StopIteration": StopIteration,
    "OSError": lambda: OSError("Not a gzipped file"),
    "ArrowInvalid": lambda: pa.ArrowInvalid("13800138000"),
    "ConversionException": lambda: duckdb.ConversionException("13800138000"),
    "OutOfMemoryException": lambda: duckdb.OutOfMemoryException("13800138000"),
}
LANDING = ("landed_payload", "landed_manifest")
CONFORMING = ("conform", "conformed", "stored_bronze", "stored_quarantine")
REAL_TAKE = TableConform.take
PLANTED: list[Planted] = []
COUNTS = {"a": 1.0, "b": 1.0, "c": 1.0}


@dataclass
class Planted:
    """Raises at one step of the second delivery, once it is armed."""

    step: str
    make: Callable[[], Exception]
    armed: bool = True
    passed: dict[str, int] = field(default_factory=dict)

    def __call__(self, step: str) -> None:
        self.passed[step] = self.passed.get(step, 0) + 1
        if self.armed and step == self.step and self.passed[step] == 2:
            raise self.make()

    def take(self, *arguments: Any) -> None:
        self("conform")
        REAL_TAKE(*arguments)


@pytest.fixture(autouse=True)
def conform_fails_as_planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Conform goes through what was planted last."""

    def take(*arguments: Any) -> None:
        PLANTED[-1].take(*arguments)

    monkeypatch.setattr(TableConform, "take", take)


def use(made: Lake, planted: Planted) -> Lake:
    """The lake with the fault planted in its steps and in conform."""
    PLANTED.append(planted)
    return replace(made, on_step=planted)


def three_files(home: Path, planted: Planted) -> Lake:
    """One feed with a file on each of three days; every file has a row that goes to quarantine."""
    made = use(lake(home), planted)
    for number, name in enumerate("abc"):
        text = rows(name, at=number) + "x,2026-03-02,bad\n"
        drop(made, f"readings_2026030{2 + number}.csv", text, hours=24 * (number + 1))
    return made


def take_in(made: Lake) -> tuple[list[Delivery], CitylakeError | None]:
    captured, error = Captured(), None
    try:
        capture(made, looked_back(), day(2).start.date(), captured)
    except CitylakeError as met:
        error = met
    return captured.deliveries, error


def looked_back() -> Any:
    return contract(recapture=timedelta(days=2))


@pytest.mark.parametrize("defect", DEFECTS)
@pytest.mark.parametrize("step", ["conform", "stored_bronze"])
def test_a_defect_refuses_the_delivery_that_met_it_and_no_other(tmp_path: Path, step: str, defect: str) -> None:
    planted = Planted(step, DEFECTS[defect])
    made = three_files(tmp_path, planted)
    deliveries, error = take_in(made)
    assert error is None
    assert [d.outcome for d in deliveries] == ["accepted", "refused", "accepted"]
    assert counted(made) == {"a": 1.0, "c": 1.0}
    refused = deliveries[1]
    assert refused.rule == "internal_error"
    assert defect in str(refused.message)
    assert "13800138000" not in str(refused.message)
    (log,) = (tmp_path / "state" / "crashes").iterdir()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert log.name in str(refused.message)
    assert "Traceback" in log.read_text(encoding="utf-8")


@pytest.mark.parametrize("step", CONFORMING)
def test_what_met_a_defect_is_tried_again_by_reconform(tmp_path: Path, step: str) -> None:
    planted = Planted(step, DEFECTS["UnicodeDecodeError"])
    made = three_files(tmp_path, planted)
    take_in(made)
    made = replace(made, contracts={"office.readings": looked_back()})
    assert take_in(made) == ([], None)  # known: the next run does not meet it again
    swept = sweep(made, day(3).end)
    (incident,) = [i for i in Book(made).active() if i.kind == "delivery_failed"]
    assert incident.id in swept.opened
    assert incident.intervals == 1
    (again,) = reconform(made, looked_back())
    assert again.outcome == "accepted"
    assert counted(made) == COUNTS
    sweep(made, day(3).end)
    assert not [i for i in Book(made).active() if i.kind == "delivery_failed" and i.is_open]
    assert reconform(made, looked_back()) == []


@pytest.mark.parametrize("step", LANDING)
def test_a_defect_while_landing_leaves_the_others_and_the_next_run_ends_it(tmp_path: Path, step: str) -> None:
    planted = Planted(step, DEFECTS["KeyError"])
    made = three_files(tmp_path, planted)
    deliveries, error = take_in(made)
    assert [d.outcome for d in deliveries] == ["accepted", "accepted"]
    assert counted(made) == {"a": 1.0, "c": 1.0}
    assert isinstance(error, UnexpectedError)
    assert str(day(1)) in str(error)
    assert "13800138000" not in str(error)
    deliveries, error = take_in(made)
    assert ([d.outcome for d in deliveries], error) == (["accepted"], None)
    assert counted(made) == COUNTS


def test_a_defect_after_the_commit_changes_nothing(tmp_path: Path) -> None:
    made = three_files(tmp_path, Planted("committed", DEFECTS["MemoryError"]))
    deliveries, error = take_in(made)
    assert error is None
    assert [d.outcome for d in deliveries] == ["accepted", "duplicate", "accepted"]
    assert counted(made) == COUNTS
    assert len(list(made.store.list("receipts/"))) == 3


@pytest.mark.parametrize("step", [*LANDING, *CONFORMING])
def test_the_two_halves_of_a_task_go_on_too(tmp_path: Path, step: str) -> None:
    made = three_files(tmp_path, Planted(step, DEFECTS["RecursionError"]))
    first, last, spec = day(0).start.date(), day(2).start.date(), looked_back()
    landed = Landed()
    if step in LANDING:
        with pytest.raises(UnexpectedError):
            extract_days(made, spec, first, last, landed)
    else:
        extract_days(made, spec, first, last, landed)
    outcomes = [d.outcome for d in conform_days(made, spec, first, last, landed.waiting)]
    assert outcomes.count("accepted") == (3 if step == "landed_manifest" else 2)
    assert outcomes.count("refused") == (step in CONFORMING)


def test_a_manifest_that_cannot_be_read_stops_its_own_delivery_only(tmp_path: Path) -> None:
    made = three_files(tmp_path, Planted("none", KeyError))
    first, last, spec = day(0).start.date(), day(2).start.date(), looked_back()
    extract_days(made, spec, first, last, Landed())
    broken = [info.key for info in made.store.list("raw/") if info.key.endswith("manifest.json")][1]
    (made.settings.lake_root / broken).write_bytes(b"{}")
    done = []
    with pytest.raises(IntegrityError, match="manifest"):
        done.extend(conform_days(made, spec, first, last, []))
    assert counted(made) == {"a": 1.0, "c": 1.0}


def test_reconform_leaves_what_counts_where_a_defect_is_met(tmp_path: Path) -> None:
    made = three_files(tmp_path, Planted("none", KeyError))
    take_in(made)
    planted = Planted("conform", DEFECTS["ValueError"], passed={"conform": 0})
    made = use(made, planted)
    newer = contract(recapture=timedelta(days=2), version="2.0.0")
    with pytest.raises(UnexpectedError, match=r"reconform office\.readings") as failure:
        reconform(made, newer)
    assert "stands as before" in str(failure.value)
    assert counted(made) == COUNTS
    assert [d.outcome for d in reconform(made, newer)] == ["accepted"]
    assert counted(made) == COUNTS


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_disk_that_refuses_is_no_defect_and_no_refusal(tmp_path: Path, number: int) -> None:
    made = three_files(tmp_path, Planted("stored_bronze", lambda: OSError(number, "refused", "/somewhere")))
    deliveries, error = take_in(made)
    assert [d.outcome for d in deliveries] == ["accepted", "accepted"]
    assert isinstance(error, DiskError)
    assert not (tmp_path / "state" / "crashes").exists()
    deliveries, error = take_in(made)
    assert ([d.outcome for d in deliveries], error) == (["accepted"], None)
    assert counted(made) == COUNTS


def test_the_store_failing_twice_in_a_row_ends_the_turn(tmp_path: Path) -> None:
    isolated, tried = Isolated(Settings(home=tmp_path), "office.readings", "ingest"), []
    with pytest.raises(StoreError, match="also"):
        for number in range(5):
            with isolated.each(number):
                tried.append(number)
                raise StoreError("the store is away", left="nothing", next_step="start it")
    assert tried == [0, 1]


def test_several_errors_are_one_of_the_first_ones_class() -> None:
    errors = [IntegrityError(f"wrong {n}", feed="a.b", interval=f"day {n}", next_step="restore") for n in range(7)]
    one = combined(list(errors))
    assert isinstance(one, IntegrityError)
    assert "wrong 0" in str(one)
    assert "day 4 wrong 4" in str(one)
    assert "and 2 more" in str(one)
    assert "next:  restore" in str(one)
    assert "wrong 4" not in str(errors[0])
