"""What a contract says of its staging model fits its bronze columns; it says nothing of how rows are read."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.contract.load import load_contract

STAGING = "customProperties[0].value.tables.visit.staging"
DERIVED = {
    "name": "points", "businessName": "分", "description": "Points.", "logicalType": "integer",
    "physicalType": "INTEGER", "transformLogic": "score * 2",
}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "where", "message"),
    [
        ({"columns": {"scor": "points"}}, ".columns.scor", "no such column in bronze; did you mean `score`"),
        ({"columns": {"score": "visit_id"}}, ".columns", "two columns would be named 'visit_id'"),
        ({"columns": {"score": "Score!"}}, ".columns.score", "String should match"),
        ({"leave_out": ["badge"]}, ".leave_out[0]", "'badge' would be lost"),
        ({"leave_out": ["nobody"]}, ".leave_out[0]", "no such column in bronze"),
        ({"leave_out": ["score"]}, "", None),
        ({"columns": {"_event_date": "visit_day", "badge": "inspector_pseudonym"}, "model": "visits"}, "", None),
        ({"handwritten": True}, ".handwritten", "unknown key; did you mean `hand_written`"),
    ],
)
def test_names_are_those_of_bronze(
    said: Any, where: str, message: str | None, columns: Any, citylake: Any, problems: Any
) -> None:
    columns.append(DERIVED)
    citylake["tables"]["visit"]["staging"] = said
    found = problems()
    if message is None:
        assert found == {}
    else:
        assert message in found[STAGING + where]


def test_names_of_the_staging_model_make_no_bronze_again(citylake: Any, problems: Any, tmp_path: Any) -> None:
    assert problems() == {}
    before = load_contract(tmp_path / "visit.yaml").revision
    citylake["tables"]["visit"]["staging"] = {"columns": {"score": "points"}}
    assert problems() == {}
    assert load_contract(tmp_path / "visit.yaml").revision == before


def test_a_fact_needs_a_key_a_day_and_a_feed_that_grows(citylake: Any, columns: Any, problems: Any) -> None:
    table = citylake["tables"]["visit"]
    where = STAGING.replace("staging", "fact")
    table["fact"] = {"fresh_within_days": 2}
    assert problems() == {}
    del table["event_time"]
    assert "is for a table with a key and an event time" in problems()[where]
    table["event_time"] = "visited_on"
    del columns[0]["primaryKey"], columns[0]["primaryKeyPosition"]
    assert "is for a table with a key and an event time" in problems()[where]
    columns[0] |= {"primaryKey": True, "primaryKeyPosition": 1}
    citylake["delivery"] = "snapshot"
    del citylake["correction"]
    assert "write a dimension" in problems()[where]
