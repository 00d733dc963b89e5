"""Unknown keys, wrong words and wrong types, at every level, all in one message."""

from __future__ import annotations

from typing import Any

import pytest

VALUE = "customProperties[0].value"


def _at(document: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        document = document[part]
    return document


def test_the_base_contract_is_accepted(problems: Any) -> None:
    assert problems() == {}


@pytest.mark.parametrize(
    ("parent", "key", "where", "hint"),
    [
        ((), "dataproduct", "dataproduct", "did you mean `dataProduct`?"),
        (("description",), "purpos", "description.purpos", "did you mean `purpose`?"),
        (("schema", 0), "grain", "schema[0].grain", "allowed: "),
        (
            ("schema", 0, "properties", 2),
            "logicaltype",
            "schema[0].properties[2].logicaltype",
            "did you mean `logicalType`?",
        ),
        (("customProperties", 0), "valu", "customProperties[0].valu", "did you mean `value`?"),
        (("customProperties", 0, "value"), "deadlines", f"{VALUE}.deadlines", "did you mean `deadline`?"),
        (
            ("customProperties", 0, "value", "calendar"),
            "time_zone",
            f"{VALUE}.calendar.time_zone",
            "did you mean `timezone`?",
        ),
        (
            ("customProperties", 0, "value", "format"),
            "delimitor",
            f"{VALUE}.format.delimitor",
            "did you mean `delimiter`?",
        ),
        (
            ("customProperties", 0, "value", "tables", "visit", "columns", "badge", "deidentify"),
            "purpos",
            f"{VALUE}.tables.visit.columns.badge.deidentify.purpos",
            "did you mean `purpose`?",
        ),
        (
            ("customProperties", 0, "value", "tables", "visit", "rules", 0),
            "sql",
            f"{VALUE}.tables.visit.rules[0].sql",
            "allowed: id, expression",
        ),
    ],
)
def test_unknown_key_at_every_level(
    base: Any, problems: Any, parent: tuple[str | int, ...], key: str, where: str, hint: str
) -> None:
    _at(base, parent)[key] = "x"
    found = problems()
    assert list(found) == [where]
    assert found[where].startswith("unknown key")
    assert hint in found[where]


def test_all_problems_of_a_file_come_together(base: Any, citylake: Any, columns: Any, problems: Any) -> None:
    base["dataproduct"] = "x"
    citylake["delivery"] = "snapshots"
    columns[0]["physicalType"] = "TEXT"
    columns[2]["requird"] = True
    assert set(problems()) == {
        "dataproduct",
        f"{VALUE}.delivery",
        "schema[0].properties[0].physicalType",
        "schema[0].properties[2].requird",
    }


def test_a_wrong_word_names_the_allowed_ones(citylake: Any, problems: Any) -> None:
    citylake["delivery"] = "snapshots"
    assert problems() == {
        f"{VALUE}.delivery": "'snapshots' is not allowed; did you mean `snapshot`? allowed: snapshot, interval, events"
    }


def test_a_wrong_format_type_names_the_allowed_ones(citylake: Any, problems: Any) -> None:
    citylake["format"] = {"type": "xls"}
    assert problems() == {
        f"{VALUE}.format.type": "'xls' is not allowed; did you mean `xlsx`? "
        "allowed: csv, ndjson, json, zip, fixed_width, xlsx, xml, parquet, fhir, hl7"
    }


def test_missing_keys_of_the_extension(citylake: Any, problems: Any) -> None:
    del citylake["retention"]
    del citylake["catalogue"]["provider"]
    assert problems() == {
        f"{VALUE}.retention": "required key is missing",
        f"{VALUE}.catalogue.provider": "required key is missing",
    }


@pytest.mark.parametrize(
    ("parent", "key"),
    [((), "servers"), ((), "slaProperties"), (("schema", 0), "quality"), (("schema", 0, "properties", 0), "unique")],
)
def test_standard_keys_nothing_acts_on_are_refused(
    base: Any, problems: Any, parent: tuple[str | int, ...], key: str
) -> None:
    _at(base, parent)[key] = []
    (message,) = problems().values()
    assert message.startswith("nothing acts on this key; ")


def test_number_where_text_is_needed_says_to_quote(base: Any, problems: Any) -> None:
    base["version"] = 1.0
    assert problems() == {"version": "must be text, not a number; put it in quotes"}


def test_another_custom_property_is_refused(base: Any, problems: Any) -> None:
    base["customProperties"].append({"property": "city_lake", "value": {}})
    assert "did you mean `citylake`?" in problems()["customProperties[1].property"]


def test_without_the_extension(base: Any, problems: Any) -> None:
    del base["customProperties"]
    assert "needs exactly one entry" in next(iter(problems().values()))
