"""How columns of JSON and FHIR are found: one problem each, at the key that is wrong."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.support.small_contract import Problems

AT = "customProperties.0.value"


@pytest.fixture
def fhir(base: dict[str, Any], citylake: dict[str, Any]) -> dict[str, Any]:
    """`base` as a feed of FHIR resources; gives the citylake entries of its columns."""
    citylake["format"] = {"type": "fhir", "server": "https://fhir.example/r4"}
    base["schema"][0]["physicalName"] = "Patient"
    columns: dict[str, Any] = citylake["tables"]["visit"]["columns"]
    return columns


def _secret() -> dict[str, Any]:
    return {"method": "pseudonym", "purpose": "health_reference"}


def test_a_reference_is_accepted_where_it_is_one(fhir: dict[str, Any], problems: Problems) -> None:
    fhir["visit_id"] = {"path": "$.id", "reference": "Encounter"}
    for path in ("$.subject.reference", "$.performer[0].reference"):
        fhir["badge"] = {"path": path, "reference": "Patient", "deidentify": _secret()}
        assert problems() == {}
    chosen = {"member": "system", "equals": "urn:oid:1"}
    fhir["badge"] = {"path": "$.identifier[*].value", "choose": chosen, "reference": "Patient", "deidentify": _secret()}
    assert problems() == {}


@pytest.mark.parametrize(
    ("column", "spec", "key", "words"),
    [
        ("badge", {"path": "$.name[*].text", "deidentify": _secret()}, "path", "which one is read"),
        ("badge", {"path": "$.name", "choose": {"member": "a", "equals": "b"}, "deidentify": _secret()}, "path", "one"),
        ("badge", {"path": "$.a[*].b[*].c", "choose": {"member": "a", "equals": "b"}, "deidentify": _secret()},
         "path", "one"),
        ("badge", {"path": "$.subject", "reference": "Group", "deidentify": _secret()}, "reference", "neither"),
        ("score", {"path": "$.subject.reference", "reference": "Group"}, "reference", "must be VARCHAR"),
        ("visit_id", {"path": "$.subject.reference", "reference": "Patient"}, "reference", "pseudonym or drop"),
        ("visit_id", {"path": "$.subject.reference"}, "path", "may hold a person's identifier"),
        ("badge", {"path": "$.actor.reference", "deidentify": {"method": "mask"}}, "path", "may hold a person's"),
        ("visit_id", {"path": "$.actor.reference", "reference": "Practitioner"}, "reference", "pseudonym or drop"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_key(
    fhir: dict[str, Any], problems: Problems, column: str, spec: dict[str, Any], key: str, words: str
) -> None:
    fhir[column] = spec
    (found,) = problems().items()
    assert found[0].endswith(f"columns.{column}.{key}")
    assert words in found[1]


def test_a_masked_reference_to_a_person_would_show_its_end(fhir: dict[str, Any], problems: Problems) -> None:
    fhir["badge"] = {"path": "$.subject.reference", "reference": "Patient", "deidentify": {"method": "mask"}}
    assert [path.rpartition(".")[2] for path in problems()] == ["reference"]


def test_references_need_the_server_of_a_fhir_feed(citylake: dict[str, Any], problems: Problems) -> None:
    spec = {"path": "$.subject.reference", "reference": "Patient", "deidentify": _secret()}
    citylake["tables"]["visit"]["columns"]["badge"] = spec
    citylake["format"] = {"type": "ndjson"}
    assert ["is for FHIR" in message for message in problems().values()] == [True]
    citylake["format"] = {"type": "csv"}
    assert any("is for JSON and FHIR" in message for message in problems().values())


def test_one_list_gives_several_columns(
    fhir: dict[str, Any], columns: list[dict[str, Any]], problems: Problems
) -> None:
    """Different elements, and one element as a value and as a reference; the same one twice is a mistake."""
    chosen = {"member": "system", "equals": "urn:oid:1"}
    columns.append({**columns[3], "name": "other"})
    spec = {"path": "$.identifier[*].value", "choose": chosen, "deidentify": _secret()}
    fhir["badge"] = spec
    fhir["other"] = {**copy.deepcopy(spec), "reference": "Patient"}
    assert problems() == {}
    fhir["other"] = {**copy.deepcopy(spec), "choose": {**chosen, "equals": "urn:oid:2"}}
    assert problems() == {}
    fhir["other"] = copy.deepcopy(spec)
    assert set(problems().values()) == {"two columns read 'badge'"}


def test_tables_are_resource_types(base: dict[str, Any], fhir: dict[str, Any], problems: Problems) -> None:
    base["schema"][0]["physicalName"] = "patients.csv"
    assert ["is not a resource type" in message for message in problems().values()] == [True]


def test_an_export_asks_for_changes_or_is_a_snapshot(
    fhir: dict[str, Any], citylake: dict[str, Any], problems: Problems
) -> None:
    source: dict[str, Any] = {"connector": "fhir_bulk", "connection": "hospital_a"}
    citylake["source"] = source
    assert problems() == {}
    source["since"] = False
    assert [path.rpartition(".")[2] for path in problems()] == ["since"]
    source |= {"since": True, "types": ["Patient", "Patient", "patients"]}
    assert ["listed twice" in m or "not a resource type" in m for m in problems().values()] == [True, True]
    del source["types"]
    citylake["format"] = {"type": "ndjson"}
    assert any("the format is fhir" in message for message in problems().values())
