"""`repeats: keep` in a contract: where it may stand, and what it changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.authoring.check import check_contract
from ingestion.contract.load import load_contract

WHERE = "customProperties[0].value.tables.visit.repeats"


@pytest.fixture
def keyless(columns: list[dict[str, Any]], citylake: dict[str, Any]) -> dict[str, Any]:
    """The table's settings, without a key."""
    for fact in ("primaryKey", "primaryKeyPosition"):
        del columns[0][fact]
    settings: dict[str, Any] = citylake["tables"]["visit"]
    return settings


def _path(base: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "visit.yaml"
    path.write_text(yaml.safe_dump(base, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


@pytest.mark.parametrize(("delivery", "correction"), [("snapshot", None), ("interval", "full")])
def test_it_stands_where_a_delivery_replaces_the_one_before(
    base: dict[str, Any], citylake: dict[str, Any], keyless: dict[str, Any], tmp_path: Path,
    delivery: str, correction: str | None,
) -> None:  # fmt: skip
    citylake.update({"delivery": delivery, "correction": correction})
    keyless["repeats"] = "keep"
    table = load_contract(_path(base, tmp_path)).table("visit")
    assert (table.keeps_repeats, table.key) == (True, ())


@pytest.mark.parametrize(
    ("delivery", "correction"),
    [("events", None), ("interval", "delta")],
)
def test_it_is_refused_where_rows_are_compared_across_deliveries(
    citylake: dict[str, Any], keyless: dict[str, Any], problems: Any, delivery: str, correction: str | None
) -> None:
    citylake.update({"delivery": delivery, "correction": correction})
    keyless["repeats"] = "keep"
    assert "keep is for delivery snapshot, or interval with correction full" in problems()[WHERE]


def test_it_is_refused_beside_a_key(citylake: dict[str, Any], problems: Any) -> None:
    citylake["tables"]["visit"]["repeats"] = "keep"
    assert "the key of visit is visit_id" in problems()[WHERE]


@pytest.mark.parametrize("value", ["kept", True, None, "", ["keep"]])
def test_it_has_two_values(keyless: dict[str, Any], problems: Any, value: object) -> None:
    keyless["repeats"] = value
    assert list(problems()) == [WHERE]


def test_it_is_a_key_of_a_table_only(citylake: dict[str, Any], keyless: dict[str, Any], problems: Any) -> None:
    citylake["repeats"] = "keep"
    assert problems()


def test_the_check_takes_it_in_place_of_a_key(base: dict[str, Any], keyless: dict[str, Any], tmp_path: Path) -> None:
    def reported() -> list[str]:
        found = check_contract(load_contract(_path(base, tmp_path)))
        return [problem.message for problem in found if "key" in problem.message and "repeats" in problem.message]

    assert len(reported()) == 1
    keyless["repeats"] = "keep"
    assert reported() == []


def test_it_makes_bronze_again_and_the_default_does_not(
    base: dict[str, Any], keyless: dict[str, Any], tmp_path: Path
) -> None:
    revisions = []
    for value in (None, "drop", "keep"):
        keyless.pop("repeats", None)
        if value:
            keyless["repeats"] = value
        revisions.append(load_contract(_path(base, tmp_path)).revision)
    assert revisions[0] == revisions[1] != revisions[2]


@pytest.mark.parametrize(
    ("delivery", "correction", "where"), [("events", None, "delivery"), ("interval", "delta", "correction")]
)
def test_without_it_and_a_key_rows_of_several_deliveries_cannot_be_compared(
    citylake: dict[str, Any], keyless: dict[str, Any], problems: Any, delivery: str, correction: str | None, where: str
) -> None:
    citylake.update({"delivery": delivery, "correction": correction})
    assert "visit has none" in problems()[f"customProperties[0].value.{where}"]
