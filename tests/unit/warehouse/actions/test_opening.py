"""Nothing of a restricted edition is opened through the lake before the record of it is stored."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion import keys
from ingestion.errors import ConfigurationError, StoreError
from tests.support.small_city import SmallCity
from warehouse import sql, trace
from warehouse.actions import ledger
from warehouse.actions.model import Actor
from warehouse.actions.opening import Opening, PurposeNeeded, openings
from warehouse.export import export
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.release import editions, pointer

FOOD = editions.restricted("food")
DOCTOR = Actor(account="li.si", role="command line", via="command line")


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> SmallCity:
    """A released city with a restricted fact; tests add to its ledger of actions alone."""
    city = SmallCity(tmp_path_factory.mktemp("opening") / "home", restricted={"fct_inspection"})
    report = city.build()
    publish(city.lake, report, gate(city.lake, report), approver="test")
    return city


def opening(purpose: str = "an outbreak at a school", command: str = "sql") -> Opening:
    return Opening(DOCTOR, purpose, command)


def opened(city: SmallCity) -> list[tuple[str, str, str, str | None]]:
    return [
        (asked.actor.account, asked.details["command"], asked.reason, ended.event if ended else None)
        for asked, ended in openings(city.lake, 100)
    ]


def test_every_way_to_read_one_asks_what_for(released: SmallCity, tmp_path: Path) -> None:
    before, target = opened(released), tmp_path / "copy.duckdb"
    for purpose in (None, opening(""), opening("  ")):
        with pytest.raises(PurposeNeeded, match=r"every opening is recorded(.|\n)*--purpose"):
            sql.connect(released.lake, FOOD, opening=purpose)
        with pytest.raises(PurposeNeeded):
            export(released.lake, target, edition=FOOD, opening=purpose)
        with pytest.raises(PurposeNeeded):
            trace.trace(released.lake, "fct_inspection", edition=FOOD, opening=purpose)
    with pytest.raises(ConfigurationError, match="U\\+000A"):
        sql.connect(released.lake, FOOD, opening=opening("two\nlines"))
    assert opened(released) == before
    assert not target.exists()


def test_who_opened_which_release_what_for_is_on_record(released: SmallCity, tmp_path: Path) -> None:
    with closing(sql.connect(released.lake, FOOD, opening=opening())) as session:
        assert session.execute("select count(*) from fct_inspection").fetchall() == [(9,)]
    export(released.lake, tmp_path / "copy.duckdb", edition=FOOD, opening=opening("handed to the court", "export"))
    traced = trace.trace(
        released.lake, "fct_inspection", edition=FOOD, day=date(2026, 3, 2), opening=opening("who sent it", "trace")
    )
    assert traced.rows == 3
    assert opened(released)[:3] == [
        ("li.si", "trace", "who sent it", "done"),
        ("li.si", "export", "handed to the court", "done"),
        ("li.si", "sql", "an outbreak at a school", "done"),
    ]
    current = pointer.current(released.lake, FOOD)
    assert current is not None
    asked, _ = openings(released.lake, 1, FOOD)[0]
    assert (asked.subject, asked.details["release"]) == (FOOD, current.id)
    assert openings(released.lake, 1, editions.restricted("weather")) == []
    assert all(key.key.startswith(f"{keys.ACTIONS}/") for key in released.lake.store.list(keys.ACTIONS))
    # Others' ledger entries are no openings.
    with ledger.recorded(released.lake, DOCTOR, "close", "x", "done"):
        pass
    assert openings(released.lake, 1)[0][0].verb == "open"


class _ReadOnlyActions:
    """The lake's store, in which nothing can be recorded."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put_bytes(self, key: str, data: bytes) -> Any:
        if key.startswith(f"{keys.ACTIONS}/"):
            raise StoreError("put: the store is full", left="nothing was written")
        return self._store.put_bytes(key, data)


def test_without_a_record_nothing_is_opened(
    released: SmallCity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = replace(released.lake, store=_ReadOnlyActions(released.lake.store))  # type: ignore[arg-type]
    connected: list[str] = []
    monkeypatch.setattr("warehouse.sql._open", lambda *_: connected.append("opened"))
    for attempt in (
        lambda: sql.connect(lake, FOOD, opening=opening()),
        lambda: export(lake, tmp_path / "copy.duckdb", edition=FOOD, opening=opening()),
        lambda: trace.trace(lake, "fct_inspection", edition=FOOD, opening=opening()),
    ):
        with pytest.raises(StoreError, match="the store is full"):
            attempt()
    assert connected == []
    assert list(tmp_path.iterdir()) == []
    # Editions whose openings are not recorded do not ask the ledger.
    sql.connect(lake).close()
    assert connected == ["opened"]


def test_an_opening_that_fails_is_recorded_as_failed(released: SmallCity) -> None:
    with pytest.raises(ConfigurationError, match="no table 'fct_nothing'"):
        trace.trace(released.lake, "fct_nothing", edition=FOOD, opening=opening("a try", "trace"))
    assert opened(released)[0] == ("li.si", "trace", "a try", "failed")


def test_a_session_is_named_after_its_edition_and_reads_nothing_else(released: SmallCity) -> None:
    with closing(sql.connect(released.lake, FOOD, opening=opening())) as session:
        assert session.execute("select current_database()").fetchall() == [("restricted_food",)]
        with pytest.raises(duckdb.Error):
            session.execute("select * from mart_weather")
