"""A contract must be one by the standard too, not only by what this project reads of it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.authoring.check import check
from ingestion.authoring.odcs import standard_problems
from ingestion.settings import Settings

SHIPPED = sorted(Settings().contracts.glob("*/*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_contracts_keep_to_the_standard(path: Path) -> None:
    assert list(standard_problems(yaml.safe_load(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    ("at", "value", "path", "message"),
    [
        (("status",), 5, ("status",), "5 is not of type 'string'"),
        (("schema", 0, "titel"), "x", ("schema", 0), "'titel' was unexpected"),
        (("schema", 0, "properties", 0, "logicalType"), "text", (0, "logicalType"), "'text' is not one of"),
        (("team",), {"members": 3}, ("team", "members"), "is not of type 'array'"),
        (("kind",), "Contract", ("kind",), "'Contract' is not one of ['DataContract']"),
    ],
)
def test_what_the_standard_does_not_allow_is_named(at: tuple[Any, ...], value: Any, path: Any, message: str) -> None:
    contract = copy.deepcopy(yaml.safe_load(SHIPPED[0].read_text(encoding="utf-8")))
    place = contract
    for key in at[:-1]:
        place = place[key]
    place[at[-1]] = value
    found = list(standard_problems(contract))
    assert found
    assert [where for where, text in found if where[-len(path) :] == path and message in text], found
    assert all(len(text) < 400 for _, text in found)


def test_it_is_part_of_the_check_and_names_the_line(tmp_path: Path) -> None:
    text = SHIPPED[0].read_text(encoding="utf-8")
    wrong = tmp_path / SHIPPED[0].parent.name / SHIPPED[0].name
    wrong.parent.mkdir()
    before, after = text.split("classification: public", 1)
    wrong.write_text(f"{before}classification: null{after}", encoding="utf-8")
    (problem,) = [found for found in check(tmp_path) if "not ODCS" in found.message]
    assert problem.line == before.count("\n") + 1
    assert problem.message == "not ODCS v3.2.0: None is not of type 'string'"
    assert problem.path.endswith(".classification")
