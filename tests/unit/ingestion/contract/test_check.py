"""House rules: what a shipped feed must have beyond loading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.contract.check import check
from ingestion.contract.draft import draft
from ingestion.contract.schedule import cycle_problem

SHIPPED = Path(__file__).parents[4] / "ingestion" / "contracts"
VALUE = "customProperties[0].value"

Found = Callable[[], dict[str, str]]


@pytest.fixture
def found(base: Any, citylake: Any, columns: Any, tmp_path: Path) -> Found:
    """Checks a folder with `base`, completed so that it passes unless a test spoils it."""
    citylake["catalogue"]["provider_code"] = "91110000600037341L"
    for column in columns:
        column.setdefault("classification", "public")
    columns[1]["required"] = True

    def run() -> dict[str, str]:
        path = tmp_path / "syj" / "visit.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(base, allow_unicode=True, sort_keys=False), encoding="utf-8")
        problems = check(tmp_path)
        assert all(p.line for p in problems)
        return {p.path: p.message for p in problems}

    return run


def test_shipped_contracts_keep_the_house_rules() -> None:
    assert [str(p) for p in check(SHIPPED)] == []


def test_a_complete_contract_passes(found: Found) -> None:
    assert found() == {}


def test_a_contract_that_does_not_load_is_listed_too(base: Any, found: Found) -> None:
    base["domian"] = "x"
    assert list(found()) == ["domian"]


@pytest.mark.parametrize(
    ("column", "change", "path", "text"),
    [
        (0, {"businessName": "id"}, "schema[0].properties[0].businessName", "Chinese title"),
        (0, {"description": "编号"}, "schema[0].properties[0].description", "English description"),
        (0, {"description": "id as delivered."}, "schema[0].properties[0].description", "of its own"),
        (0, {"classification": None}, "schema[0].properties[0].classification", "missing"),
        (0, {"primaryKey": False, "primaryKeyPosition": -1}, "schema[0].properties", "no key"),
        (1, {"required": False}, "schema[0].properties[1].required", "belongs to no day"),
        (0, {"logicalTypeOptions": {"pattern": "a{1,5000}"}}, "schema[0].properties[0].logicalTypeOptions", "refuses"),
    ],
)
def test_columns(found: Found, columns: Any, column: int, change: Any, path: str, text: str) -> None:
    columns[column].update(change)
    problems = found()
    assert list(problems) == [path]
    assert text in problems[path]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"licence": " "}, "licence"),
        ({"retention": {"raw": "P1D", "quarantine": "P2D", "basis": "x"}}, "retention.quarantine"),
        ({"retention": {"raw": "P2D", "quarantine": "P2D", "basis": "to be decided"}}, "retention.basis"),
        ({"steward": {"name": "管理员", "email": "none"}}, "steward.email"),
    ],
)
def test_feed(found: Found, citylake: Any, change: Any, path: str) -> None:
    citylake.update(change)
    assert list(found()) == [f"{VALUE}.{path}"]


@pytest.mark.parametrize(
    ("every", "cycle", "on_change", "fits"),
    [
        ("day", "每日", False, True),
        ("day", "不定期", False, False),
        ("day", "不更新", False, False),
        ("day", "每月", False, False),
        ("day", "每日", True, False),
        ("day", "不定期", True, True),
        ("day", "每半年", True, True),
        ("hour", "实时", False, True),
        ("quarter", "每半年", False, False),
        ("year", "每日", False, True),
    ],
)
def test_the_update_cycle_follows_the_calendar(every: str, cycle: str, on_change: bool, fits: bool) -> None:
    """不定期 beside a daily calendar switched completeness off, and nobody was told."""
    assert (cycle_problem(cycle, every, on_change=on_change) is None) == fits  # type: ignore[arg-type]


def test_a_contradicting_update_cycle_is_found(found: Found, citylake: Any) -> None:
    citylake["catalogue"]["update_cycle"] = "不定期"
    assert "owes a delivery every" in found()[f"{VALUE}.catalogue.update_cycle"]


@pytest.mark.parametrize(
    ("name", "cycle"), [("v_20260302.csv", "每日"), ("v_2026030205.csv", "每小时"), ("v_202603.csv", "每月")]
)
def test_a_draft_says_the_cycle_of_its_calendar(tmp_path: Path, name: str, cycle: str) -> None:
    (tmp_path / name).write_text("id,v\na,1\nb,2\n")
    assert f"update_cycle: {cycle}  # guess: the calendar" in draft(tmp_path / name, department="syj", feed="visit")


@pytest.mark.parametrize("code", [None, "91110000600037341M"])
def test_provider_code(found: Found, citylake: Any, code: str | None) -> None:
    citylake["catalogue"]["provider_code"] = code
    assert list(found()) == [f"{VALUE}.catalogue.provider_code"]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("scorre(score) > 1", "DuckDB refuses it"),
        ("score + 1", "gives INTEGER, not BOOLEAN"),
        ("visited_on > score", "DuckDB refuses it"),
    ],
)
def test_rules_are_bound_exactly(found: Found, citylake: Any, expression: str, text: str) -> None:
    citylake["tables"]["visit"]["rules"][0]["expression"] = expression
    (message,) = found().values()
    assert text in message


def test_a_transform_gives_its_declared_type(found: Found, columns: Any) -> None:
    del columns[2]["physicalName"]
    columns[2]["transformLogic"] = "length(visit_id)"
    assert found() == {"schema[0].properties[2].transformLogic": "gives BIGINT, not INTEGER; cast it"}


def test_the_contract_date_of_a_delivery_may_be_used(found: Found, citylake: Any) -> None:
    citylake["tables"]["visit"]["rules"][0]["expression"] = "visited_on <= content_date"
    assert found() == {}


def test_a_fresh_draft_is_not_ready(tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_text("id,v\na,1\nb,2\n")
    target = tmp_path / "contracts" / "syj" / "visit.yaml"
    target.parent.mkdir(parents=True)
    target.write_text(draft(sample, department="syj", feed="visit"), encoding="utf-8")
    messages = [p.message for p in check(tmp_path / "contracts")]
    assert "`draft`: a shipped feed is active" in messages
    assert any(m.startswith("left to decide: snapshot, interval") for m in messages)
