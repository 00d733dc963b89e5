"""Records leave the open edition of every kind of store on their day, and so do older releases that hold them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ingestion.errors import ConfigurationError
from ingestion.settings import Settings
from ingestion.store import open_store
from tests.support.notices import CITY_TIME, FIRST, built, notice_city, public, published, set_date, shown
from warehouse import sql
from warehouse.publish.leave import unpublish
from warehouse.reconcile.run import reconcile
from warehouse.release import ledger

NOTICES = {"one": FIRST + timedelta(days=1), "two": FIRST + timedelta(days=2), "early": FIRST + timedelta(days=9)}


def test_on_their_day_and_earlier_where_another_model_ends_them(
    place: Callable[[Path], Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = place(tmp_path / "home").model_copy(update={"city_time": tmp_path / "home" / CITY_TIME})
    monkeypatch.setattr("tests.support.small_city.open_store", lambda _: open_store(settings))
    city = notice_city(tmp_path / "home", dict(NOTICES))
    published(city, built(city))
    first = str(ledger.entries(city.lake.store, "open")[-1].release)
    city.notices = {**NOTICES, "more": None}
    published(city, built(city))
    assert len([rows for rows in public(city.lake).values() if "one" in rows]) == 2
    set_date(city.lake, FIRST + timedelta(days=1))
    city.endings["early"] = FIRST
    result = published(city, built(city, blocked=True))
    assert (result.expired, len(result.withdrawn)) == ({"pub_notice": 2}, 2)
    assert set(shown(city.lake)) == {"two", "more"}
    assert [set(rows) for rows in public(city.lake).values() if rows] == [{"two", "more"}]
    with pytest.raises(ConfigurationError, match="was withdrawn: expired records"):
        sql.connect(city.lake, "open", first)
    set_date(city.lake, FIRST + timedelta(days=2))
    (left,) = unpublish(city.lake)
    assert (left.rows, len(left.withdrawn), set(shown(city.lake))) == ({"pub_notice": 1}, 1, {"more"})
    assert not [row for row in reconcile(city.lake, deep=True).off if row.step == "release"]
