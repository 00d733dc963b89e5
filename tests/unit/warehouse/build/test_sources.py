"""What a source view keeps, on real Parquet."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import pytest

from ingestion.contract.model import Column, Contract, Table
from warehouse.build.sources import create_sources

COLUMNS = ("id VARCHAR", "value INTEGER", "seen_at TIMESTAMPTZ")


def contract(delivery: str, correction: str | None = None) -> Contract:
    """A contract with one dated table, as far as source views look at it."""
    columns = tuple(
        Column(name, kind, name, "题", "text", primary_key=1 if name == "id" else None)
        for name, kind in (text.split(" ", 1) for text in COLUMNS)
    )
    table = Table("t", "表", "text", "row", None, columns, "seen_at", ())
    fake = SimpleNamespace(
        name="d.f",
        department="d",
        feed="f",
        revision="v1",
        tables=(table,),
        citylake=SimpleNamespace(delivery=delivery, correction=correction),
    )
    return cast(Contract, fake)


class Bronze:
    """Files below a folder and the list of them in a build file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connection = duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'")
        self.connection.execute(
            "create schema _citylake; create table _citylake.listed_file (feed varchar, table_name varchar, "
            "key varchar, batch varchar, revision varchar, interval_start timestamptz, precedence bigint); "
            "create table _citylake.merged_file (merged varchar, key varchar)"
        )

    def put(self, batch: str, precedence: int, rows: str, *, interval: int = 1, revision: str = "v1") -> None:
        """`rows` are `(id, value, day)` tuples as SQL values."""
        path = self.folder / f"{batch}.parquet"
        columns = "id, value, " if revision == "v1" else "id, "
        self.connection.execute(
            f"copy (select {columns} timestamptz '2026-03-01 02:00:00+00' + to_days(day - 1) as seen_at, "
            f"'{batch}' as _batch_id, timestamptz '2026-03-09 00:00:00+00' as _loaded_at, "
            f"make_date(2026, 3, day) as _event_date from (values {rows}) as given (id, value, day)) to '{path}'"
        )
        facts: list[Any] = ["d.f", "t", path.name, batch, revision, datetime(2026, 3, interval, tzinfo=UTC), precedence]
        self.connection.execute("insert into _citylake.listed_file values (?, ?, ?, ?, ?, ?, ?)", facts)

    def view(self, made: Contract) -> list[tuple[Any, ...]]:
        create_sources(self.connection, {"d.f": made}, lambda key: str(self.folder / key))
        return self.connection.execute(
            "select id, value, day(_event_date), _batch_id from bronze_d.f order by all"
        ).fetchall()

    def repeats(self) -> list[tuple[Any, ...]]:
        return self.connection.execute("select day(day), rows from _citylake.repeat_day order by all").fetchall()


@pytest.fixture
def bronze(tmp_path: Path) -> Bronze:
    return Bronze(tmp_path)


def test_without_files_the_view_is_empty_and_typed(bronze: Bronze) -> None:
    assert bronze.view(contract("snapshot")) == []
    described = bronze.connection.execute("describe bronze_d.f").fetchall()
    assert [(row[0], row[1]) for row in described] == [
        ("id", "VARCHAR"),
        ("value", "INTEGER"),
        ("seen_at", "TIMESTAMP WITH TIME ZONE"),
        ("_batch_id", "VARCHAR"),
        ("_loaded_at", "TIMESTAMP WITH TIME ZONE"),
        ("_event_date", "DATE"),
    ]


def test_a_delta_keeps_the_latest_row_of_a_key_in_an_interval(bronze: Bronze) -> None:
    bronze.put("new", 2, "('a', 20, 2), ('c', 30, 1)")
    bronze.put("old", 1, "('a', 10, 1), ('b', 11, 1)")
    bronze.put("other", 3, "('a', 99, 5)", interval=5)
    assert bronze.view(contract("interval", "delta")) == [
        ("a", 20, 2, "new"),
        ("a", 99, 5, "other"),
        ("b", 11, 1, "old"),
        ("c", 30, 1, "new"),
    ]
    assert bronze.repeats() == [(1, 1)]


def test_events_keep_the_first_row_of_a_key_in_a_day(bronze: Bronze) -> None:
    bronze.put("second", 2, "('a', 20, 1), ('b', 21, 2)")
    bronze.put("first", 1, "('a', 10, 1), ('a', 12, 3)")
    assert bronze.view(contract("events")) == [("a", 10, 1, "first"), ("a", 12, 3, "first"), ("b", 21, 2, "second")]
    assert bronze.repeats() == [(1, 1)]


@pytest.mark.parametrize("delivery", [("interval", "full"), ("snapshot", None)])
def test_what_supersedes_is_read_as_it_is(bronze: Bronze, delivery: tuple[str, str | None]) -> None:
    bronze.put("x", 1, "('a', 1, 1)")
    bronze.put("y", 1, "('a', 2, 2)", interval=2)
    assert bronze.view(contract(*delivery)) == [("a", 1, 1, "x"), ("a", 2, 2, "y")]
    assert bronze.repeats() == []


def test_a_file_of_an_older_revision_lacks_a_column(bronze: Bronze) -> None:
    bronze.put("old", 1, "('a', 1, 1)", revision="v0")
    bronze.put("new", 1, "('b', 2, 2)", interval=2)
    assert bronze.view(contract("interval", "full")) == [("a", None, 1, "old"), ("b", 2, 2, "new")]


def other(made: Contract) -> Contract:
    return cast(Contract, SimpleNamespace(**vars(made) | {"name": "d.other", "feed": "other"}))


@pytest.mark.parametrize("delivery", [("snapshot", None), ("events", None)])
@pytest.mark.parametrize(
    "query",
    [
        "from bronze_d.other",
        "select count(*) from bronze_d.other",
        "create table t as select id from bronze_d.other where value = 3",
    ],
)
def test_a_feed_whose_files_cannot_be_opened_fails_alone(
    bronze: Bronze, delivery: tuple[str, str | None], query: str
) -> None:
    """Whatever a model asks of it: a view that gave no rows would pass for a feed without data."""
    bronze.put("good", 1, "('a', 10, 1)")
    bronze.connection.execute(
        "insert into _citylake.listed_file select 'd.other', table_name, n || 'gone.parquet', n || batch, revision, "
        "interval_start, precedence from _citylake.listed_file, range(2) as numbers (n)"
    )
    made = contract(*delivery)
    feeds = {"d.f": made, "d.other": other(made)}
    failed = create_sources(bronze.connection, feeds, lambda key: str(bronze.folder / key))
    assert list(failed) == ["d.other"]
    assert "gone.parquet" in str(failed["d.other"])
    assert bronze.connection.execute("select id from bronze_d.f").fetchall() == [("a",)]
    with pytest.raises(duckdb.CatalogException, match=r"bronze of d\.other cannot be opened"):
        bronze.connection.execute(query)


def test_where_no_feed_can_be_opened_it_is_the_store_that_fails(bronze: Bronze) -> None:
    bronze.put("good", 1, "('a', 10, 1)")
    (bronze.folder / "good.parquet").unlink()
    with pytest.raises(duckdb.IOException, match="good"):
        bronze.view(contract("snapshot"))
