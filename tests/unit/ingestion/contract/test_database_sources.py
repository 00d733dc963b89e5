"""Sources that read a database table: what is accepted, what each mistake is told as, and the pair of feeds."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.contract.column_types import LOGICAL
from ingestion.contract.load import read_feeds
from ingestion.contract.postgres_types import ACCEPTED, accepted_types, accepts
from tests.support.small_contract import BASE

TABLE = {"connector": "database", "connection": "office", "schema": "qzk", "table": "visit"}
INCREMENT = {**TABLE, "cursor": "visited_on", "full_snapshot": "office.register", "overlap": "PT2H"}
VALUE = "customProperties[0].value"


@pytest.fixture
def database(citylake: dict[str, Any]) -> dict[str, Any]:
    """The extension of a feed of increments."""
    citylake |= {"source": dict(INCREMENT), "format": {"type": "parquet"}, "correction": "delta"}
    return citylake


def test_increments_and_snapshots_are_accepted(database: dict[str, Any], problems: Any) -> None:
    assert problems() == {}
    database["source"]["cursor"] = "day"  # the physical name
    assert problems() == {}
    database |= {"delivery": "snapshot", "source": {**TABLE, "columns": "declared", "max_rows": 1000}}
    del database["correction"]
    assert problems() == {}


@pytest.mark.parametrize(
    ("change", "key", "message"),
    [
        ({"source": {**INCREMENT, "cursor": None}}, "source.cursor", "required key is missing"),
        ({"source": {**INCREMENT, "cursor": "gxsj"}}, "source.cursor", "no such column; allowed: visit_id, visited_on"),
        ({"source": {**INCREMENT, "cursor": "score"}}, "source.cursor", "score is INTEGER; a cursor is DATE"),
        ({"source": TABLE | {"cursor": "day"}}, "source.full_snapshot", "the feed that tells what was deleted"),
        ({"source": {**INCREMENT, "full_snapshot": "register"}}, "source.full_snapshot", "should match pattern"),
        ({"source": {**INCREMENT, "overlap": "-PT1H"}}, "source.overlap", "greater than or equal to 0"),
        ({"source": {**INCREMENT, "schemas": "qzk"}}, "source.schemas", "did you mean `schema`?"),
        ({"source": {k: v for k, v in INCREMENT.items() if k != "schema"}}, "source.schema", "required key is missing"),
        ({"source": {**INCREMENT, "password": "x"}}, "source.password", "unknown key"),
        ({"source": {**INCREMENT, "columns": "some"}}, "source.columns", "allowed: all, declared"),
        ({"source": {**INCREMENT, "batch_bytes": 1}}, "source.batch_bytes", "greater than or equal to 65536"),
        ({"correction": "full"}, "correction", "a database gives the rows changed in an interval"),
        ({"format": {"type": "csv"}}, "format.type", "landed as Parquet: {type: parquet}"),
        ({"calendar": {"every": "hour", "timezone": "UTC", "start": "2026-03-01"}}, "source.cursor", "intervals are h"),
        ({"delivery": "snapshot", "correction": None}, "source.cursor", "a snapshot reads the whole table"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_database_source(
    database: dict[str, Any], problems: Any, change: dict[str, Any], key: str, message: str
) -> None:
    database |= change
    found = problems()
    assert message in found.get(f"{VALUE}.{key}", f"not told: {found}")


@pytest.mark.parametrize(
    ("register", "said"),
    [
        ({}, None),
        (None, "there is no feed office.register; "),
        ({"table": "visits"}, "office.register reads office: qzk.visits, another table"),
        ({"connection": "other"}, "office.register reads other: qzk.visit, another table"),
        ({"connector": "file_drop", "path": "x_{interval:%Y%m%d}.csv"}, "office.register is no snapshot of a database"),
        ("broken", None),
    ],
)  # fmt: skip
def test_the_feed_that_tells_deletions_reads_the_same_table(
    tmp_path: Path, base: dict[str, Any], database: dict[str, Any], register: Any, said: str | None
) -> None:
    folder = tmp_path / "office"
    folder.mkdir()
    if register is not None:
        whole = copy.deepcopy(BASE)
        whole["id"] = "office.register"
        value = whole["customProperties"][0]["value"]
        value |= {"feed": "register", "delivery": "snapshot", "format": {"type": "parquet"}}
        del value["correction"]
        changed = register if isinstance(register, dict) else {"nonsense": True}
        value["source"] = changed if "connector" in changed else TABLE | changed
        (folder / "register.yaml").write_text(yaml.safe_dump(whole, allow_unicode=True), encoding="utf-8")
    (folder / "visit.yaml").write_text(yaml.safe_dump(base, allow_unicode=True), encoding="utf-8")
    feeds = read_feeds(tmp_path)
    told = [str(problem) for problem in feeds.broken.get("office.visit", ())]
    assert ("office.visit" in feeds.contracts) == (said is None)
    assert [said in one for one in told] == ([True] if said else [])


def test_every_type_of_a_contract_says_what_it_is_read_from() -> None:
    assert set(ACCEPTED) == set(LOGICAL)
    assert accepts("DECIMAL(18,4)", "numeric") and not accepts("DECIMAL(18,4)", "double precision")
    assert accepts("VARCHAR", "enum") and not accepts("VARCHAR", "bigint")
    assert not accepts("TIMESTAMP", "timestamp with time zone")
    assert accepted_types("DATE") == "text, date"
