"""Rollback and withdraw hold an edition until someone resumes; the ledger shows every step."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingestion.errors import ConfigurationError, IntegrityError, LakeBusy, LockUnavailable
from ingestion.lake import Lake
from ingestion.locks import open_locks
from tests.support.small_city import SmallCity
from warehouse import sql
from warehouse.gate.decide import gate
from warehouse.publish.run import Published, publish
from warehouse.release import layout, ledger, moves, pointer
from warehouse.release.collect import collect, orphans
from warehouse.release.lock import publisher


def run(city: SmallCity) -> Published:
    report = city.build()
    return publish(city.lake, report, gate(city.lake, report), approver="duty officer")[0]


@pytest.fixture
def city(tmp_path: Path) -> SmallCity:
    """Two releases: days 2 to 4, then day 5."""
    small = SmallCity(tmp_path / "lake-home")
    run(small)
    small.add_day("2026-03-05")
    run(small)
    return small


def releases(city: SmallCity) -> list[str]:
    return [e.release for e in ledger.entries(city.lake.store, "internal") if e.event == "published" and e.release]


def days(city: SmallCity) -> int:
    with sql.connect(city.lake) as connection:
        return int(sql.query(connection, "select count(distinct observed_date) as n from fct_weather")["n"][0].as_py())


def test_rollback_serves_the_old_release_and_holds_the_edition_until_resumed(city: SmallCity) -> None:
    first, second = releases(city)
    moves.rollback(city.lake, "internal", first, reason="wrong totals", by="duty officer")
    assert days(city) == 3
    held = run(city)
    assert held.outcome == "on_hold"
    assert "wrong totals" in held.message
    assert held.release == first
    moves.resume(city.lake, "internal", reason="repaired", by="duty officer")
    again = run(city)
    assert (again.outcome, again.parent) == ("published", first)
    assert days(city) == 4
    assert [e.event for e in ledger.verify_ledger(city.lake, "internal")] == [
        "published", "published", "rollback", "resumed", "published",
    ]  # fmt: skip
    assert second in releases(city)


def test_the_other_edition_goes_on_while_one_is_held(city: SmallCity) -> None:
    moves.rollback(city.lake, "internal", releases(city)[0], reason="wrong", by="duty officer")
    city.add_day("2026-03-06")
    report = city.build()
    results = publish(city.lake, report, gate(city.lake, report), approver=None)
    assert [r.outcome for r in results] == ["on_hold", "published"]


def test_withdraw_leaves_nothing_to_read_and_says_so(city: SmallCity) -> None:
    moves.withdraw(city.lake, "internal", reason="leak suspected", by="privacy officer")
    with pytest.raises(ConfigurationError, match="withdrawn by privacy officer: leak suspected"):
        sql.connect(city.lake)
    assert run(city).outcome == "on_hold"
    with pytest.raises(ConfigurationError, match="no current release"):
        moves.withdraw(city.lake, "internal", reason="again", by="privacy officer")
    moves.resume(city.lake, "internal", reason="repaired", by="privacy officer")
    assert run(city).outcome == "published"
    assert days(city) == 4


def test_rollback_needs_a_release_that_was_published(city: SmallCity) -> None:
    with pytest.raises(ConfigurationError, match="never published release 'nope'"):
        moves.rollback(city.lake, "internal", "nope", reason="x", by="y")
    assert pointer.hold(city.lake, "internal") is None


def test_resume_without_a_hold_is_an_error(city: SmallCity) -> None:
    with pytest.raises(ConfigurationError, match="not on hold"):
        moves.resume(city.lake, "internal", reason="repaired", by="y")


def test_one_publisher_at_a_time(city: SmallCity) -> None:
    city.add_day("2026-03-06")
    another = replace(city.lake, locks=open_locks(city.lake.settings))
    with publisher(another), pytest.raises(LakeBusy, match="publishing"):
        run(city)


class LosingStore:
    """The store of a publisher that loses its locks with one of its writes, such as by deleting the state folder."""

    def __init__(self, city: SmallCity, losing: str) -> None:
        self._city = city
        self._losing = losing

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._city.lake.store, name)

        def write(key: str, *given: Any) -> Any:
            written = real(key, *given)
            if self._losing in key:
                shutil.rmtree(self._city.lake.settings.state_root / "locks")
            return written

        return write if name in ("put_bytes", "replace") else real


def publish_and_lose(city: SmallCity, losing: str) -> None:
    city.add_day("2026-03-06")
    report = city.build()
    verdicts = gate(city.lake, report)
    lake = replace(city.lake, store=LosingStore(city, losing))  # type: ignore[arg-type]
    with pytest.raises(LockUnavailable, match="the lock 'publish' is lost"):
        publish(lake, report, verdicts, approver="duty officer", editions=["internal"])


def test_a_publisher_that_lost_its_lock_does_not_move_the_pointer(city: SmallCity) -> None:
    before = pointer.pointer(city.lake.store, "internal")
    publish_and_lose(city, "/manifest.json")
    assert pointer.pointer(city.lake.store, "internal") == before
    assert len(ledger.verify_ledger(city.lake, "internal")) == 2
    assert run(city).outcome == "published"


def test_a_publisher_that_lost_its_lock_leaves_the_ledger_to_the_next(city: SmallCity) -> None:
    publish_and_lose(city, "/current.json")
    assert len(ledger.entries(city.lake.store, "internal")) == 2
    assert run(city).outcome == "nothing_new"
    assert len(ledger.verify_ledger(city.lake, "internal")) == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda lake: pointer.move(lake, "internal", None, None, lake.clock()),
        lambda lake: ledger.append(lake, "internal", "resumed", ledger.Move(None, None, None, "y")),
    ],
    ids=["pointer", "ledger"],
)
def test_nothing_readers_see_changes_without_the_lock(city: SmallCity, change: Callable[[Lake], object]) -> None:
    before = [city.lake.store.get_bytes(info.key) for info in city.lake.store.list("")]
    with pytest.raises(LockUnavailable, match="does not hold it"):
        change(city.lake)
    assert [city.lake.store.get_bytes(info.key) for info in city.lake.store.list("")] == before


def test_a_line_changed_or_removed_breaks_the_ledger(city: SmallCity) -> None:
    store = city.lake.store
    keys = [info.key for info in store.list(layout.ledger("internal"))]
    original = store.get_bytes(keys[0])
    store.replace(keys[0], json.dumps(json.loads(original) | {"by": "someone else"}).encode())
    with pytest.raises(IntegrityError, match="was changed"):
        ledger.verify_ledger(city.lake, "internal")
    store.delete(keys[0])
    with pytest.raises(IntegrityError, match="missing"):
        ledger.verify_ledger(city.lake, "internal")
    with pytest.raises(IntegrityError, match="missing"):
        run(city)


def test_a_manifest_changed_after_publication_is_not_served(city: SmallCity) -> None:
    key = layout.manifest("internal", releases(city)[1])
    city.lake.store.replace(key, city.lake.store.get_bytes(key) + b" ")
    with pytest.raises(IntegrityError, match="not the one that was published"):
        sql.connect(city.lake)


def test_what_no_release_names_is_collected_and_nothing_else(city: SmallCity) -> None:
    store = city.lake.store
    left = [
        layout.fact_file("internal", "fct_weather", "2026-03-05", "crashed"),
        layout.open_sql("internal", "crashed"),
    ]
    for key in left:
        store.put_bytes(key, b"left by a crash")
    assert orphans(city.lake, "internal") == sorted(left)
    assert collect(city.lake, "internal") == sorted(left)
    assert orphans(city.lake, "internal") == []
    assert days(city) == 4
