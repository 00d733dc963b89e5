"""Counts and rows of one delivery: those of its newest receipt, in words, in order, a part at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.delivery.ingest import ingest_interval
from ingestion.delivery.outcome import Delivery
from ingestion.errors import ContractError
from ingestion.lake import Lake
from tests.support.lakes import contract, day, drop, lake
from warehouse.refused.read import refused_rows, rule_counts

FEED = "office.readings"
ROWS = "id,seen,value\na,2026-03-02,1\nb,2026-03-02,\nc,never,\nd,2026-03-02,x\n"


def delivered(tmp_path: Path, text: str = ROWS) -> tuple[Lake, Delivery]:
    made = lake(tmp_path, contracts={FEED: contract()})
    drop(made, "readings_20260302.csv", text)
    (delivery,) = ingest_interval(made, made.contracts[FEED], day(0))
    return made, delivery


def test_rules_by_rows_in_words(tmp_path: Path) -> None:
    made, delivery = delivered(tmp_path)
    assert delivery.outcome == "refused"
    counts = rule_counts(made, FEED, delivery.batch)
    assert [(c.table, c.rule, c.column, c.rows) for c in counts] == [
        ("reading", "number", "value", 3),
        ("reading", "seen.type", "seen", 1),
        ("reading", "value.type", "value", 1),
    ]
    assert counts[1].words.en == "'seen' is not a date"


def test_rows_in_order_with_their_values(tmp_path: Path) -> None:
    made, delivery = delivered(tmp_path)
    rows = refused_rows(made, FEED, delivery.batch, limit=10)
    assert [(row.record, row.text) for row in rows] == [(2, "b,2026-03-02,"), (3, "c,never,"), (4, "d,2026-03-02,x")]
    assert [(f.rule, f.column, f.value) for f in rows[1].faults] == [
        ("seen.type", "seen", "never"),
        ("number", "value", ""),
    ]
    assert [row.record for row in refused_rows(made, FEED, delivery.batch, limit=1, offset=1)] == [3]
    assert refused_rows(made, FEED, delivery.batch, limit=5, offset=3) == []


def test_an_unknown_batch_has_none_and_an_unknown_feed_is_an_error(tmp_path: Path) -> None:
    made, _ = delivered(tmp_path)
    assert rule_counts(made, FEED, "20260101T000000Z-000000000000") == []
    assert refused_rows(made, FEED, "20260101T000000Z-000000000000", limit=5) == []
    with pytest.raises(ContractError):
        rule_counts(made, "office.nothing", "x")


def test_past_its_retention_the_counts_stay(tmp_path: Path) -> None:
    made, delivery = delivered(tmp_path)
    for info in list(made.store.list("quarantine/")):
        made.store.delete(info.key)
    assert refused_rows(made, FEED, delivery.batch, limit=5) == []
    assert len(rule_counts(made, FEED, delivery.batch)) == 3
