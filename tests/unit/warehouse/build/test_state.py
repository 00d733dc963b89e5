"""The arithmetic of affected days and listed files."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from warehouse.build import state

NOW = datetime(2026, 3, 9, tzinfo=UTC)
FILES = pa.schema(
    [
        ("feed", pa.string()),
        ("table_name", pa.string()),
        ("key", pa.string()),
        ("batch", pa.string()),
        ("interval_start", pa.timestamp("us", "UTC")),
        ("precedence", pa.int64()),
        ("delivery", pa.string()),
        ("correction", pa.string()),
    ]
)
DAYS = pa.schema(
    [
        ("feed", pa.string()),
        ("table_name", pa.string()),
        ("key", pa.string()),
        ("day", pa.date32()),
        ("rows", pa.int64()),
    ]
)
KINDS = {"full": ("interval", "full"), "delta": ("interval", "delta"), "events": ("events", None)}
DATED = [(f"d.{kind}", "t") for kind in KINDS]


def effective(*files: tuple[str, str, int, list[int]], ranks: dict[str, int] | None = None) -> state.Effective:
    """Files as (kind, key, day of the interval, event days); snapshot files have no days."""
    rows: list[dict[str, Any]] = []
    days: list[dict[str, Any]] = []
    for kind, key, start, held in files:
        delivery, correction = KINDS.get(kind, ("snapshot", None))
        name = {"feed": f"d.{kind}", "table_name": "t", "key": key}
        rows.append(
            name
            | {
                "batch": key,
                "interval_start": datetime(2026, 3, start, tzinfo=UTC),
                "precedence": (ranks or {}).get(key, 1),
                "delivery": delivery,
                "correction": correction,
            }
        )
        days.extend(name | {"day": date(2026, 3, day), "rows": 1} for day in held)
    return state.Effective(pa.Table.from_pylist(rows, FILES), pa.Table.from_pylist(days, DAYS))


class City:
    """A build file in memory, built step by step without dbt."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'")
        self.builds = 0

    def begin(self, now: state.Effective, *, full: bool = False, released: dict[str, set[str]] | None = None) -> None:
        self.builds += 1
        run = state.Run(f"b{self.builds}", date(2026, 3, 9), NOW, full)
        state.begin(self.connection, now, run, dated_tables=DATED, released=released)

    def complete(self, *, complete: bool = True, unpassed: frozenset[str] = frozenset()) -> None:
        feeds = [(feed.split(".")[1], feed) for feed, _ in DATED]
        state.complete(self.connection, state.Outcome("digest", complete, feeds, unpassed, NOW))

    def built(self, now: state.Effective) -> None:
        self.begin(now, full=True)
        self.complete()

    def affected(self) -> dict[str, list[int]]:
        return {feed: [int(day[-2:]) for day in days] for feed, days in state.affected_days(self.connection).items()}

    def listed(self) -> set[str]:
        return {key for (key,) in self.connection.execute("select key from _citylake.listed_file").fetchall()}


@pytest.fixture
def city() -> City:
    return City()


def test_a_new_file_affects_its_days_and_lists_the_files_that_hold_them(city: City) -> None:
    base = [("full", "a", 1, [1]), ("full", "b", 2, [2]), ("snap", "s", 1, [])]
    city.built(effective(*base))
    assert city.affected() == {"d.full": [1, 2]}
    assert city.listed() == {"a", "b", "s"}

    city.begin(effective(*base, ("full", "late", 3, [2, 3])))

    assert city.affected() == {"d.full": [2, 3]}
    assert city.listed() == {"b", "late", "s"}


def test_a_superseded_file_affects_its_days_too(city: City) -> None:
    city.built(effective(("full", "a", 1, [1]), ("full", "b", 2, [2])))
    city.begin(effective(("full", "a2", 1, [4]), ("full", "b", 2, [2])))
    assert city.affected() == {"d.full": [1, 4]}
    assert city.listed() == {"a2"}


def test_a_delta_affects_and_lists_every_delivery_of_its_interval(city: City) -> None:
    base = [("delta", "a", 1, [1]), ("delta", "b", 2, [2])]
    city.built(effective(*base))

    city.begin(effective(*base, ("delta", "a2", 1, [3])))
    assert city.affected() == {"d.delta": [1, 3]}
    assert city.listed() == {"a", "a2"}
    city.complete()

    # Withdrawn again: its rows come back where the base had them.
    city.begin(effective(*base))
    assert city.affected() == {"d.delta": [1, 3]}
    assert city.listed() == {"a"}


def test_deltas_that_count_in_another_order_affect_their_days(city: City) -> None:
    files = [("delta", "a", 1, [1]), ("delta", "a2", 1, [1]), ("full", "f", 1, [7])]
    city.built(effective(*files, ranks={"a": 1, "a2": 2, "f": 1}))
    city.begin(effective(*files, ranks={"a": 3, "a2": 2, "f": 2}))
    assert city.affected() == {"d.delta": [1]}


def test_files_of_another_feed_are_listed_for_an_affected_day(city: City) -> None:
    base = [("full", "a", 1, [1]), ("events", "e1", 1, [1]), ("events", "e2", 2, [2])]
    city.built(effective(*base))
    city.begin(effective(*base, ("full", "b", 2, [2])))
    assert city.affected() == {"d.full": [2]}
    assert city.listed() == {"b", "e2"}


def test_an_attempt_that_did_not_complete_is_repeated(city: City) -> None:
    base = [("full", "a", 1, [1])]
    city.built(effective(*base))
    city.begin(effective(*base, ("full", "b", 2, [2])))
    # Killed here; then the delivery is withdrawn, and its rows may be in the tables.
    city.begin(effective(*base))
    assert city.affected() == {"d.full": [2]}
    city.complete()
    city.begin(effective(*base))
    assert city.affected() == {}


def test_days_of_a_feed_that_is_not_passed_stay_pending(city: City) -> None:
    base = [("full", "a", 1, [1]), ("events", "e", 1, [1])]
    city.built(effective(*base))
    more = [*base, ("full", "b", 2, [2]), ("events", "f", 3, [3])]
    city.begin(effective(*more))
    city.complete(unpassed=frozenset({"d.events"}))
    city.begin(effective(*more))
    assert city.affected() == {"d.events": [3]}
    assert state.affected_feeds(city.connection) == ["d.events"]


def test_a_feed_without_days_is_affected_until_a_build_of_it_completes(city: City) -> None:
    base, more = effective(("snap", "s", 1, [])), effective(("snap", "s2", 1, []))
    city.built(base)
    city.begin(more)
    # Killed here; the delivery is then withdrawn, and its rows may be in the tables.
    assert not (killed := state.standing(city.connection, base)).build_id and killed.is_current
    city.begin(base)
    assert state.affected_feeds(city.connection) == ["d.snap"]
    city.complete()
    city.begin(base)
    assert state.affected_feeds(city.connection) == []


def test_every_file_of_a_feed_is_listed_where_a_model_is_made_from_everything(city: City) -> None:
    base = [("full", "a", 1, [1]), ("events", "e", 1, [1])]
    city.built(effective(*base))
    city.begin(effective(*base, ("events", "f", 2, [2])))
    assert city.listed() == {"f"}
    state.list_files(city.connection, ["d.events"])
    assert city.listed() == {"e", "f"}


def test_the_last_release_of_a_product_decides_as_well(city: City) -> None:
    base = [("full", "a", 1, [1]), ("full", "b", 2, [2]), ("events", "e", 1, [5])]
    city.built(effective(*base))
    city.begin(effective(*base), released={"full": {"a"}})
    assert city.affected() == {"d.full": [2]}
    city.begin(effective(*base), released={"full": {"a", "b"}, "events": {"e"}})
    city.complete()
    city.begin(effective(*base), released={"full": {"a", "b"}, "events": {"e"}})
    assert city.affected() == {}


def test_a_full_refresh_that_was_killed_is_not_a_build(city: City) -> None:
    now = effective(("full", "a", 1, [1]))
    assert not state.standing(city.connection, now).exists
    city.begin(now, full=True)
    assert not state.standing(city.connection, now).exists
    city.complete(complete=False)
    assert not state.standing(city.connection, now).is_complete
    city.built(now)
    assert state.standing(city.connection, now) == state.Standing(True, True, "digest", True, False, "b2")
    assert not state.standing(city.connection, effective(("full", "b", 1, [1]))).is_current
