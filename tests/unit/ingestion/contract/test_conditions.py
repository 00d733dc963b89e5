"""De-identification on some rows is declared by values of another column, and checked."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.contract.load import load_contract

HERE = "customProperties[0].value.tables.visit.columns.badge.deidentify"


@pytest.fixture
def kind(columns: list[dict[str, Any]], citylake: dict[str, Any]) -> dict[str, Any]:
    """A column that says of whom a row is; the badge is a person's on some rows."""
    made = {
        "name": "kind", "physicalName": "kind", "businessName": "类别", "description": "Kind.", "logicalType": "string",
        "physicalType": "VARCHAR", "enum": [{"value": "person"}, {"value": "company"}],
    }  # fmt: skip
    columns.append(made)
    said(citylake, column="kind", **{"in": ["person"]})
    return made


def said(citylake: dict[str, Any], **when: Any) -> None:
    citylake["tables"]["visit"]["columns"]["badge"]["deidentify"]["when"] = when


def test_a_condition_is_part_of_the_revision(
    kind: Any, base: Any, citylake: Any, columns: Any, problems: Any, tmp_path: Any
) -> None:
    assert problems() == {}
    some = load_contract(tmp_path / "visit.yaml")
    rule = some.tables[0].column("badge").spec.deidentify
    assert rule is not None and rule.when is not None and rule.when.values == ["person"]
    assert some.tables[0].column("badge").in_bronze
    kind["enum"].append({"value": "shop"})
    assert problems() == {}
    assert load_contract(tmp_path / "visit.yaml").revision != some.revision
    del citylake["tables"]["visit"]["columns"]["badge"]["deidentify"]["when"]
    assert problems() == {}
    assert load_contract(tmp_path / "visit.yaml").revision != some.revision


@pytest.mark.parametrize(
    ("when", "where", "message"),
    [
        ({"column": "kinds", "in": ["person"]}, ".when.column", "no such other column; did you mean `kind`?"),
        ({"column": "badge", "in": ["person"]}, ".when.column", "no such other column"),
        ({"column": "score", "in": [1]}, ".when.column", "score has no `enum`"),
        ({"column": "kind", "in": ["people"]}, ".when.in[0]", "'people' is no value of kind; allowed: person, company"),
        ({"column": "kind", "in": ["person", "company"]}, ".when.in", "names every value of kind: leave `when` out"),
        ({"column": "kind", "in": []}, ".when.in", "at least 1 item"),
        ({"column": "kind"}, ".when.in", "required"),
        ({"column": "kind", "in": ["person"], "not_in": ["x"]}, ".when.not_in", "unknown key"),
    ],
)
def test_conditions(kind: Any, citylake: Any, problems: Any, when: Any, where: str, message: str) -> None:
    said(citylake, **when)
    found = problems()
    assert message in found[f"{HERE}{where}"], found


def test_the_deciding_column_is_sent_and_in_clear(kind: Any, citylake: Any, problems: Any) -> None:
    citylake["tables"]["visit"]["columns"]["kind"] = {"deidentify": {"method": "mask", "keep_first": 1}}
    assert "de-identified itself" in problems()[f"{HERE}.when.column"]
    del citylake["tables"]["visit"]["columns"]["kind"]
    del kind["physicalName"]
    kind["transformLogic"] = "case when score > 1 then 'person' else 'company' end"
    assert "is derived" in problems()[f"{HERE}.when.column"]


@pytest.mark.parametrize("method", [{"method": "drop"}, {"method": "generalise", "to": "division_6"}])
def test_what_readers_could_not_tell_apart_has_no_condition(
    kind: Any, citylake: Any, problems: Any, method: Any
) -> None:
    citylake["tables"]["visit"]["columns"]["badge"]["deidentify"] = {
        **method, "when": {"column": "kind", "in": ["person"]},
    }  # fmt: skip
    assert f"not {method['method']}" in problems()[HERE]


def test_names_may_be_personal_on_some_rows_and_identity_numbers_never(
    kind: Any, citylake: Any, columns: Any, problems: Any
) -> None:
    badge = next(column for column in columns if column["name"] == "badge")
    badge["businessName"] = "法定代表人姓名"
    assert problems() == {}
    badge["businessName"] = "身份证号"
    assert "personal on every row" in problems()[HERE]
