"""Declared headers are checked: they can be told apart, and every name in them leads somewhere."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ingestion.contract.load import load_contract

VISIT = "customProperties[0].value.tables.visit"
OLD: dict[str, Any] = {"id": "old", "valid_until": "2026-01-01", "columns": {"visit_id": {"source": "Number"}}}


def test_a_variant_is_part_of_the_revision(base: Any, citylake: Any, problems: Any, tmp_path: Any) -> None:
    assert problems() == {}
    before = load_contract(tmp_path / "visit.yaml").revision
    citylake["tables"]["visit"]["header_variants"] = [OLD]
    assert problems() == {}
    contract = load_contract(tmp_path / "visit.yaml")
    assert contract.revision != before
    assert contract.tables[0].header_variants[0].columns["visit_id"].source == "Number"


@pytest.mark.parametrize(
    ("variant", "where", "message"),
    [
        ({"columns": {"nobody": {"source": "x"}}}, ".columns.nobody", "no such source column"),
        ({"columns": {"visit_id": {"absent": True}}}, ".columns.visit_id.absent", "visit_id is required"),
        ({"columns": {"score": {"absent": True, "source": "s"}}}, ".columns.score.absent", "neither source nor format"),
        ({"columns": {"score": {"source": "s", "format": "%Y"}}}, ".columns.score.format", "is for DATE"),
        ({"columns": {"score": {"source": "day"}}}, ".columns", "'day' is named twice in this header"),
        ({"columns": {"score": {"source": "s"}}, "ignored": ["id"]}, ".columns", "'id' is named twice"),
        ({"columns": {}}, "", "cannot be told from the contract's own header"),
        ({"columns": {"score": {"absent": True}}, "ignored": ["score2"]}, "", None),
        ({"columns": {"score": {"absent": True}}, "ignored": ["score"]}, ".columns", "'score' is named twice"),
        ({"columns": {"score": {"name": "s"}}}, ".columns.score.name", "unknown key"),
    ],
)
def test_variants(citylake: Any, problems: Any, variant: Any, where: str, message: str | None) -> None:
    citylake["tables"]["visit"]["header_variants"] = [{**OLD, **variant}]
    found = problems()
    if message is None:
        assert found == {}
    else:
        assert message in found[f"{VISIT}.header_variants[0]{where}"]


def test_headers_are_for_formats_with_one(citylake: Any, problems: Any) -> None:
    citylake["tables"]["visit"] |= {"header_variants": [OLD, {**copy.deepcopy(OLD), "id": "b"}]}
    assert set(problems()) == {f"{VISIT}.header_variants[1]"}
    citylake["tables"]["visit"]["repeated_headers"] = [{"nobody": "x"}]
    assert set(problems()) == {f"{VISIT}.header_variants[1]", f"{VISIT}.repeated_headers[0].nobody"}
    citylake["format"] = {"type": "csv", "lenient_extra_columns": True}
    assert "told apart" in problems()[f"{VISIT}.header_variants"]
    citylake["format"] = {"type": "xlsx"}
    assert set(problems()) == {f"{VISIT}.header_variants[1]", f"{VISIT}.repeated_headers[0].nobody"}
    citylake["format"] = {"type": "xlsx", "lenient_extra_columns": True}
    assert "told apart" in problems()[f"{VISIT}.header_variants"]
    citylake["format"] = {"type": "csv", "header": False}
    found = problems()
    assert "delimited text with a header" in found[f"{VISIT}.header_variants"]
    assert "delimited text with a header" in found[f"{VISIT}.repeated_headers"]
