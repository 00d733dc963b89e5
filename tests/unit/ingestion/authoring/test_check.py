"""House rules: what a shipped feed must have beyond loading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.authoring.check import check
from ingestion.authoring.draft import draft
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
        path = tmp_path / "office" / "visit.yaml"
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
    assert f"update_cycle: {cycle}  # guess: the calendar" in draft(tmp_path / name, department="office", feed="visit")


@pytest.mark.parametrize("code", [None, "91110000600037341M"])
def test_provider_code(found: Found, citylake: Any, code: str | None) -> None:
    citylake["catalogue"]["provider_code"] = code
    assert list(found()) == [f"{VALUE}.catalogue.provider_code"]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("scorre(score) > 1", "`scorre` is no function"),
        ("score + 1", "gives INTEGER, not BOOLEAN"),
        ("visited_on > score", "DuckDB refuses it"),
    ],
)
def test_rules_are_bound_exactly(found: Found, citylake: Any, expression: str, text: str) -> None:
    citylake["tables"]["visit"]["rules"][0]["expression"] = expression
    (message,) = found().values()
    assert text in message


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("sum(score) > 1", "other rows"),
        ("score > avg(score)", "other rows"),
        ("count(*) > 1", "other rows"),
        ("max(score) over () > 1", "other rows"),
        ("row_number() over () > 0", "other rows"),
        ("exists(select 1)", "not allowed"),
        ("score in (from range(3))", "other rows"),
        ("unnest([true, false])", "gives rows"),
        ("random() > 0.5", "does not depend on the row alone"),
        ("uuid() is not null", "does not depend on the row alone"),
        ("nextval('x') > 0", "does not depend on the row alone"),
        ("current_setting('threads') = '1'", "does not depend on the row alone"),
        ("getvariable('x') is null", "does not depend on the row alone"),
        ("getenv('HOME') is null", "no function"),
        ("read_csv('/etc/hostname') is null", "gives rows"),
        ("glob('/etc/*') is null", "gives rows"),
        ("visited_on <= current_date", "content_date"),
        ("visited_on <= today()", "content_date"),
        ("visited_on <= ago(interval 1 day)", "does not depend on the row alone"),
        ("age(visited_on) > interval 1 day", "content_date"),
        ("geomean(score) > 1", "does not depend on the row alone"),
        ("grouping(score) = 0", "other rows"),
        ("true), (false", "one expression"),
        ("score = #1", "counted"),
        ("regexp_matches(visit_id, '(?<=a)b')", "DuckDB refuses it"),
        ("strptime(visit_id, '%Q') is null", "DuckDB refuses it"),
    ],
)
def test_a_rule_is_of_one_row_and_the_same_at_any_time(found: Found, citylake: Any, expression: str, text: str) -> None:
    citylake["tables"]["visit"]["rules"][0]["expression"] = expression
    messages = found()
    assert list(messages) == [f"{VALUE}.tables.visit.rules[0].expression"]
    assert text in messages[f"{VALUE}.tables.visit.rules[0].expression"]


@pytest.mark.parametrize(
    "expression",
    [
        "visit_id like 'V%' and score between 0 and 100",
        "case when score > 50 then badge is not null else true end",
        "list_sum([score, 1]) > 0",
        "nullif(visit_id, '') is not null",
        "split_part(visit_id, '-', 1) in ('a', 'b')",
        "range(3)[1] = 0",
        "age(visited_on, content_date) < interval 1 year",
        "try_cast(visit_id as integer) is null or true",
        "md5(visit_id) <> ''",
        "coalesce(strptime(visit_id, '%Y') is null, true)",
    ],
)
def test_what_a_rule_may_say(found: Found, citylake: Any, expression: str) -> None:
    citylake["tables"]["visit"]["rules"][0]["expression"] = expression
    assert found() == {}


@pytest.mark.parametrize(
    ("column", "change", "key", "text"),
    [
        (2, {"logicalTypeOptions": {"maximum": 3_000_000_000}}, "logicalTypeOptions", "no INTEGER"),
        (2, {"logicalTypeOptions": {"maximum": 2**53 + 1}}, "logicalTypeOptions", "digits"),
        (0, {"logicalTypeOptions": {"maxLength": 2.5}}, "logicalTypeOptions", "whole"),
        (2, {"enum": [{"value": 1}, {"value": 99_999_999_999}]}, "enum[1].value", "no INTEGER"),
        (0, {"logicalTypeOptions": {"pattern": "(?<!a)b"}}, "logicalTypeOptions", "RE2"),
        (0, {"logicalTypeOptions": {"pattern": "(?(1)a|b)"}}, "logicalTypeOptions", ""),
    ],
)
def test_a_limit_is_a_value_of_its_type(
    found: Found, columns: Any, column: int, change: Any, key: str, text: str
) -> None:
    columns[column].update(change)
    columns[column].pop("minimum", None)
    problems = found()
    assert set(problems) == {f"schema[0].properties[{column}].{key}"}
    assert text in problems[f"schema[0].properties[{column}].{key}"]


@pytest.mark.parametrize("bound", [".nan", ".inf", "-.inf"])
def test_a_limit_is_a_number(found: Found, columns: Any, bound: str) -> None:
    columns[2]["logicalTypeOptions"] = {"minimum": float(bound.replace(".", ""))}
    (problem,) = found().values()
    assert bound in problem


@pytest.mark.parametrize("form", ["%Q", "%Y-%m-%", "%Y%d%m%E"])
def test_a_format_duckdb_does_not_read(found: Found, citylake: Any, form: str) -> None:
    citylake["tables"]["visit"]["columns"]["visited_on"]["format"] = form
    assert list(found()) == [f"{VALUE}.tables.visit.columns.visited_on.format"]


def test_a_transform_of_many_rows(found: Found, columns: Any) -> None:
    del columns[2]["physicalName"]
    columns[2]["transformLogic"] = "cast(count(*) as integer)"
    assert list(found()) == ["schema[0].properties[2].transformLogic"]


def test_a_draft_that_does_not_load_is_told_both(base: Any, found: Found, tmp_path: Path) -> None:
    base["domian"] = "x"
    found()
    path = tmp_path / "office" / "visit.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "# decide: the rest\n", encoding="utf-8")
    assert [problem.message.split(";")[0] for problem in check(tmp_path)][-1] == "left to decide: the rest"
    path.write_bytes(b"\xff\xfe")
    assert ["not UTF-8" in problem.message for problem in check(tmp_path)] == [True]


def test_only_a_comment_is_a_mark(found: Found, columns: Any, tmp_path: Path) -> None:
    columns[0]["description"] = "What a person writes after # decide: here"
    assert found() == {}
    path = tmp_path / "office" / "visit.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "# DECIDE : the rest\n", encoding="utf-8")
    (problem,) = check(tmp_path)
    assert "the rest" in problem.message


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
    target = tmp_path / "contracts" / "office" / "visit.yaml"
    target.parent.mkdir(parents=True)
    target.write_text(draft(sample, department="office", feed="visit"), encoding="utf-8")
    messages = [p.message for p in check(tmp_path / "contracts")]
    assert any(m.startswith("`draft`: only a feed of status `active`") for m in messages)
    assert not any("only a person can say" in m for m in messages), "the header explains the mark"
    assert any(m.startswith("left to decide: snapshot, interval") for m in messages)
