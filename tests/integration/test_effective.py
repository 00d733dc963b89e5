"""Effective files and affected days for every kind of delivery, through the real log.

The yardstick is an oracle in this file: a day's content is what a full rebuild would read, and every day
whose content differs between two moments must be among the affected days.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from ingestion.contract.model import Contract
from ingestion.delivery.holds import decide
from ingestion.delivery.ingest import ingest_file
from ingestion.delivery.reconform import reconform
from ingestion.lake import Lake
from ingestion.upkeep.collect import erase, expire
from tests.support.lakes import START, contract, counted, day, drop, lake, rows
from warehouse.build import state
from warehouse.build.inputs import read_effective

TABLE = ("office.readings", "reading")


class Warehouse:
    """A build file without dbt: what the build's own state says must be made again, build after build."""

    def __init__(self, made: Lake) -> None:
        self.made = made
        self.content: dict[str, object] = {}
        self.file = duckdb.connect()
        self.file.execute("set timezone = 'UTC'")

    def affected(self) -> list[int]:
        """Affected days counted from START; fails when a day changed that is not among them."""
        run = state.Run("build", START.date(), START, full_refresh=False)
        state.begin(self.file, read_effective(self.made), run, dated_tables=[TABLE])
        days = self.file.execute("select distinct day from _citylake.affected_day order by day").fetchall()
        content = self._content(self.file)
        self._complete()
        affected = {str(one) for (one,) in days}
        changed = {one for one in self.content.keys() | content.keys() if self.content.get(one) != content.get(one)}
        assert changed <= affected
        self.content = content
        return [(one - START.date()).days for (one,) in days]

    def _complete(self) -> None:
        state.complete(self.file, state.Outcome("digest", True, [], [], START))

    def _content(self, connection: duckdb.DuckDBPyConnection) -> dict[str, object]:
        """Event day to its rows, later precedence winning by key within an interval."""
        files = connection.execute(
            "select key, precedence, interval_start, delivery from _citylake.effective_file"
        ).fetchall()
        content: dict[str, set[object]] = {}
        latest: dict[object, tuple[int, str, object]] = {}
        for key, precedence, start, delivery in files:
            query = "select id, cast(seen as varchar), value from read_parquet($url)"
            for one, seen, value in connection.execute(query, {"url": self.made.store.url(key)}).fetchall():
                identity = (one, start) if delivery == "interval" else (one, seen)
                if identity not in latest or latest[identity][0] < precedence:
                    latest[identity] = (precedence, seen, (one, value))
        for _, seen, row in latest.values():
            content.setdefault(seen, set()).add(row)
        return {seen: frozenset(found) for seen, found in content.items()}


@pytest.fixture
def made(tmp_path: Path) -> Lake:
    return lake(tmp_path)


def send(made: Lake, feed: Contract, text: str, hours: float, *, on: int = 0) -> str:
    number = len(list(made.settings.drop_root.rglob("*.csv")))
    delivery = ingest_file(made, feed, drop(made, f"readings_{number}.csv", text, hours=hours), day(on))
    return delivery.batch


def test_nothing_new_affects_nothing(made: Lake) -> None:
    warehouse, feed = Warehouse(made), contract()
    assert warehouse.affected() == []
    send(made, feed, rows("ab"), 1)
    assert warehouse.affected() == [0]
    assert warehouse.affected() == []


def test_full_correction_affects_days_that_came_and_went(made: Lake) -> None:
    warehouse, feed = Warehouse(made), contract(max_key_loss=1)
    send(made, feed, rows("ab", at=0), 1)
    send(made, feed, rows("cd", at=5), 1, on=1)
    assert warehouse.affected() == [0, 5]
    send(made, feed, rows("ab", at=3), 2)
    assert warehouse.affected() == [0, 3]
    send(made, feed, rows("ab", at=9), 1.5)  # older content arriving late: nothing counts anew
    assert warehouse.affected() == []
    send(made, feed, rows("ab", at=0), 4)  # the first bytes again: back to day 0
    assert warehouse.affected() == [0, 3]


def test_snapshots_replace_the_feed(made: Lake) -> None:
    warehouse, feed = Warehouse(made), contract("snapshot", max_key_loss=1)
    send(made, feed, rows("ab", at=0), 1)
    assert warehouse.affected() == [0]
    send(made, feed, rows("ab", at=4), 30, on=1)
    assert warehouse.affected() == [0, 4]
    send(made, feed, rows("abc", at=7), 2)  # a late older state
    assert warehouse.affected() == []
    with made.log.connect() as connection:
        assert connection.execute("select count(*) from standing where effective").fetchone() == (1,)


def test_deltas_affect_every_day_of_their_interval(made: Lake) -> None:
    warehouse, feed = Warehouse(made), contract(correction="delta")
    send(made, feed, rows("ab", at=0) + rows("c", at=1).split("\n", 1)[1], 1)
    send(made, feed, rows("xyz", at=8), 1, on=1)
    assert warehouse.affected() == [0, 1, 8]
    send(made, feed, rows("a", at=2), 3)  # moves `a` from day 0, which only the base knows
    assert warehouse.affected() == [0, 1, 2]
    send(made, feed, rows("a", at=6, value=5), 2)  # an older delta arrives late, and loses to the newer
    assert warehouse.affected() == [0, 1, 2, 6]
    assert counted(made)["a"] == 7  # base 1, delta 1, late delta 5: all stay effective
    send(made, feed, rows("a", at=6, value=5), 9)  # its bytes again, now newest: only the order changes
    assert warehouse.affected() == [0, 1, 2, 6]
    assert warehouse.affected() == []


def test_events_add(made: Lake) -> None:
    warehouse, feed = Warehouse(made), contract("events")
    send(made, feed, rows("ab", at=0), 1)
    assert warehouse.affected() == [0]
    send(made, feed, rows("ab", at=0) + rows("c", at=1).split("\n", 1)[1], 2, on=1)
    assert warehouse.affected() == [0, 1]
    assert warehouse.file.execute("select count(*) from _citylake.effective_file").fetchone() == (2,)


def test_held_counts_only_when_accepted(made: Lake) -> None:
    warehouse, feed = Warehouse(made), contract()
    send(made, feed, rows("abcde", at=0), 1)
    assert warehouse.affected() == [0]
    held = send(made, feed, rows("a", at=2), 2)
    assert warehouse.affected() == []
    decide(made, held, "reject", "wrong", "steward")
    assert warehouse.affected() == []
    decide(made, held, "accept", "right", "steward")
    assert warehouse.affected() == [0, 2]
    decide(made, held, "reject", "wrong after all", "steward")
    assert warehouse.affected() == [0, 2]
    assert counted(made) == dict.fromkeys("abcde", 1)


def test_reconform_replaces_files_and_keeps_order(made: Lake) -> None:
    warehouse, feed = Warehouse(made), contract(content_as_of="interval_end", max_key_loss=1)
    send(made, feed, rows("ab", at=0), 1)
    send(made, feed, rows("ab", at=1), 1)  # same content time: the later commit wins
    assert warehouse.affected() == [1]
    reconform(made, replace(feed, version="1.1.0"))
    assert warehouse.affected() == [1]
    assert list(warehouse.content) == ["2026-03-03"]


def test_erased_rows_are_gone_with_every_batch_that_holds_them(made: Lake) -> None:
    warehouse, feed = Warehouse(made), contract(max_key_loss=1)
    first = send(made, feed, rows("ab", at=0), 1)
    send(made, feed, rows("ba", at=0), 2)  # unchanged: the same rows
    send(made, feed, rows("cd", at=1), 1, on=1)
    warehouse.affected()
    stone = erase(made, feed, first, reason="court order 7", by="office")
    assert (stone.cause, len(stone.objects)) == ("erasure", 2)
    assert warehouse.affected() == [0]
    assert counted(made) == dict.fromkeys("cd", 1)
    (kept,) = [info.key for info in made.store.list("raw/") if "/payload/" in info.key]
    assert "/20260303T" in kept
    assert sum(info.key.endswith("tombstone.json") for info in made.store.list("raw/")) == 2
    again = drop(made, "readings_again.csv", rows("ab", at=0), hours=50)
    delivery = ingest_file(made, feed, again, day(0))
    assert (delivery.outcome, "erased" in (delivery.message or "")) == ("duplicate", True)
    assert erase(made, feed, first, reason="court order 7", by="office").objects == stone.objects


def test_raw_past_retention_goes_bronze_stays(made: Lake) -> None:
    feed = contract()
    batch = send(made, feed, rows("abc") + "d,2026-03-02,bad\n", 1)
    loaded = made.clock()
    assert expire(made, feed) == []
    quarantine_only = expire(replace(made, clock=lambda: loaded + timedelta(days=11)), feed)
    assert [key.split("/")[0] for key in quarantine_only] == ["quarantine"]
    assert len(expire(replace(made, clock=lambda: loaded + timedelta(days=31)), feed)) == 1
    assert counted(made) == dict.fromkeys("abc", 1)
    (kept,) = reconform(made, replace(feed, version="1.1.0"))
    assert (kept.batch, kept.outcome, "past retention" in (kept.message or "")) == (batch, "duplicate", True)


def test_columns(made: Lake) -> None:
    send(made, contract(), rows("ab"), 1)
    files = read_effective(made).files
    assert set(files.column_names) >= {
        "feed", "department", "feed_name", "table_name", "key", "rows", "row_hash", "sha256", "batch", "revision",
        "interval_start", "interval_end", "dt", "content_as_of", "committed_at", "loaded_at", "precedence",
        "delivery", "correction",
    }  # fmt: skip
    assert files["content_as_of"].to_pylist() == [START + timedelta(hours=1)]
