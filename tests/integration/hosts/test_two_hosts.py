"""Two hosts on one bucket, with locks in a database: one receipt a delivery, corrections judged by what they meet,
one pointer. The bucket is a real server's, the locks are PostgreSQL's, a host is a process with a home of its own."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from ingestion import keys
from ingestion.lake import Lake
from ingestion.receipts.model import Receipt
from tests.integration.hosts.conftest import Hosts
from tests.support.lakes import counted, drop, lake, rows
from tests.support.small_city import SmallCity
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.release import ledger, pointer

pytestmark = pytest.mark.faults

FEED = "feeds/readings"


def opened(hosts: Hosts, number: int = 3) -> Lake:
    """The lake as a further host sees it, which knows nothing but the store."""
    return lake(hosts.settings(number).home, settings=hosts.settings(number))


def receipts(hosts: Hosts) -> list[Receipt]:
    """All receipts, in the order of commits."""
    store = opened(hosts).store
    return [Receipt.model_validate_json(store.get_bytes(info.key)) for info in store.list(f"{keys.RECEIPTS}/")]


def file(hosts: Hosts, number: int, *, ids: int, value: object = 1) -> Path:
    """The day's delivery, or its n-th correction, an hour later each."""
    text = rows(range(ids), value=value)
    return drop(opened(hosts), f"readings_20260302_{number}.csv", text, hours=24 + number)


def outcomes(ended: list[dict[str, Any]]) -> list[str]:
    return [fact.get("outcome", fact.get("error")) for fact in ended]


def test_the_same_deliveries_at_once_are_committed_once_each(hosts: Hosts) -> None:
    files = [file(hosts, number, ids=10, value=number) for number in range(4)]
    first = hosts.at_work(1, "--pause", "stored_bronze", "ingest", *files)
    first.until("paused")
    second = hosts.at_work(2, "ingest", *files)
    second.until("step", "conformed")
    first.go_on()
    both = [first.ended(), second.ended()]
    assert sorted(set(outcomes(both[0] + both[1]))) == ["accepted", "duplicate"]
    committed = receipts(hosts)
    assert [len(committed), len({one.batch for one in committed})] == [4, 4]
    assert counted(opened(hosts)) == {str(n): 3.0 for n in range(10)}


def test_a_correction_is_judged_by_what_another_host_has_just_committed(hosts: Hosts) -> None:
    """It would lose keys of a delivery that is on its way: it waits for its receipt, and is held."""
    whole, smaller = file(hosts, 0, ids=10), file(hosts, 1, ids=2, value=9)
    first = hosts.at_work(1, "--pause", "stored_bronze", "ingest", whole)
    first.until("paused")
    second = hosts.at_work(2, "ingest", smaller)
    second.until("step", "conformed")
    time.sleep(0.5)
    assert second.process.poll() is None
    assert receipts(hosts) == []
    first.go_on()
    assert outcomes(first.ended()) == ["accepted"]
    assert outcomes(second.ended()) == ["held"]
    assert [one.outcome for one in receipts(hosts)] == ["accepted", "held"]
    assert len(counted(opened(hosts))) == 10


def test_a_killed_holder_frees_the_feed(hosts: Hosts) -> None:
    delivered = file(hosts, 0, ids=3)
    first = hosts.at_work(1, "--pause", "stored_bronze", "ingest", delivered)
    first.until("paused")
    second = hosts.at_work(2, "ingest", delivered)
    second.until("step", "conformed")
    first.process.send_signal(signal.SIGKILL)
    assert outcomes(second.ended()) == ["accepted"]
    assert first.process.wait(timeout=10) == -signal.SIGKILL
    assert outcomes(hosts.at_work(1, "ingest", delivered).ended()) == ["duplicate"]
    assert len(receipts(hosts)) == 1


def test_a_holder_whose_session_was_ended_commits_nothing(hosts: Hosts) -> None:
    whole, other = file(hosts, 0, ids=10), file(hosts, 1, ids=10, value=2)
    first = hosts.at_work(1, "--pause", "stored_bronze", "ingest", whole)
    first.until("paused")
    assert hosts.database.terminate(FEED) == 1
    assert outcomes(hosts.at_work(2, "ingest", other).ended()) == ["accepted"]
    first.go_on()
    (refused,) = first.ended()
    assert refused["error"] == "LockUnavailable"
    assert f"the lock '{FEED}' is lost" in refused["message"]
    assert "left:  this step was not committed" in refused["message"]
    assert [one.outcome for one in receipts(hosts)] == ["accepted"]
    # Run again it is judged by the correction that was committed meanwhile, which is newer.
    assert outcomes(hosts.at_work(1, "ingest", whole).ended()) == ["accepted"]
    assert counted(opened(hosts)) == {str(n): 2.0 for n in range(10)}


@pytest.mark.parametrize(
    "behind",
    [
        30 * 3600,
        pytest.param(600, marks=pytest.mark.faults),
        pytest.param(-30 * 3600, marks=pytest.mark.faults),
    ],
    ids=["30h", "10min", "ahead"],
)
def test_a_host_whose_clock_is_wrong_commits_after_what_it_meets(hosts: Hosts, behind: int) -> None:
    """Both know the day before; then one commits, and the other corrects it at once."""
    before = file(hosts, 0, ids=10)
    assert outcomes(hosts.at_work(2, "ingest", before).ended()) == ["accepted"]
    assert outcomes(hosts.at_work(1, "ingest", before).ended()) == ["duplicate"]
    corrected, smaller = file(hosts, 1, ids=12, value=2), file(hosts, 2, ids=1, value=3)
    assert outcomes(hosts.at_work(1, "ingest", corrected).ended()) == ["accepted"]
    assert outcomes(hosts.at_work(2, "--clock", -behind, "ingest", smaller).ended()) == ["held"]
    assert outcomes(hosts.at_work(1, "ingest", file(hosts, 3, ids=12, value=4)).ended()) == ["accepted"]
    committed = receipts(hosts)
    assert [one.outcome for one in committed] == ["accepted", "accepted", "held", "accepted"]
    assert [one.committed_at for one in committed] == sorted({one.committed_at for one in committed})
    for number in (1, 2, 3):
        assert counted(opened(hosts, number)) == {str(n): 4.0 for n in range(12)}


@pytest.fixture
def built(hosts: Hosts) -> Hosts:
    """Both hosts have a city whose first release is published, and the build of one more day."""
    settings = hosts.settings(1)
    city = SmallCity(settings.home, settings=settings)
    report = city.build()
    publish(city.lake, report, gate(city.lake, report), approver=None, editions=["internal"])
    city.add_day("2026-03-05")
    city.build()
    hosts.copy_home(1, 2)
    return hosts


def released(hosts: Hosts) -> tuple[str | None, list[str | None]]:
    """The current release, and the releases of the ledger, which must be whole."""
    made = opened(hosts)
    current = pointer.pointer(made.store, "internal")
    return current.release if current else None, [e.release for e in ledger.verify_ledger(made, "internal")]


def test_of_two_publishers_one_moves_the_pointer(built: Hosts) -> None:
    first = built.at_work(1, "--pause", "composed", "publish")
    first.until("paused")
    second = built.at_work(2, "publish")
    second.until("step", "gate")
    with pytest.raises(subprocess.TimeoutExpired):
        second.process.wait(timeout=3)
    first.go_on()
    one, other = first.ended(), second.ended()
    assert [outcomes(one), outcomes(other)] == [["published"], ["nothing_new"]]
    current, lines = released(built)
    assert (current, len(lines)) == (one[0]["release"], 2)


@pytest.mark.parametrize("meanwhile", [False, pytest.param(True, marks=pytest.mark.faults)])
def test_a_publisher_whose_session_was_ended_does_not_move_the_pointer(built: Hosts, meanwhile: bool) -> None:
    """Whether the other host has moved it meanwhile, or is about to."""
    first = built.at_work(1, "--pause", "composed", "publish")
    first.until("paused")
    assert [built.database.terminate(name) for name in ("publish", "build")] == [1, 1]
    before = built.at_work(2, "publish").ended() if meanwhile else []
    first.go_on()
    assert outcomes(first.ended()) == ["LakeBusy" if meanwhile else "LockUnavailable"]
    assert len(released(built)[1]) == 1 + meanwhile
    (published,) = before or built.at_work(2, "publish").ended()
    assert published["outcome"] == "published"
    current, lines = released(built)
    assert (current, lines[-1], len(lines)) == (published["release"], published["release"], 2)


def test_a_killed_publisher_frees_the_pointer(built: Hosts) -> None:
    first = built.at_work(1, "--pause", "composed", "publish")
    first.until("paused")
    second = built.at_work(2, "publish")
    first.process.kill()
    assert outcomes(second.ended()) == ["published"]
    assert len(released(built)[1]) == 2
