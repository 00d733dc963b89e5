"""Paths in XML as contracts write them."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.contract.xml_paths import member_problem, records_problem, steps

VALUE = "customProperties[0].value"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".", ()),
        ("名称", ("名称",)),
        ("a/b/@c", ("a", "b", "@c")),
        ("q:a/@q:b", ("{urn:x}a", "@{urn:x}b")),
        ("@xml:lang", ("@{http://www.w3.org/XML/1998/namespace}lang",)),
    ],
)
def test_members(path: str, found: tuple[str, ...]) -> None:
    assert member_problem(path, {"q": "urn:x"}) is None
    assert steps(path, {"q": "urn:x"}) == found


@pytest.mark.parametrize("path", ["", "/a", "a//b", "@a/b", "a[1]", "a/@", "$.a", "../a", "*"])
def test_what_is_no_path_inside_a_record(path: str) -> None:
    assert "is not a path inside a record" in str(member_problem(path, {}))


def test_records_and_prefixes() -> None:
    assert records_problem("/q:a/b", {"q": "urn:x"}) is None
    assert "is not a path from the root" in str(records_problem("a/b", {}))
    assert "no namespace is declared for q; add it to `namespaces`" in str(records_problem("/q:a/b", {}))


def test_paths_are_checked_where_they_stand(citylake: Any, problems: Any) -> None:
    citylake["format"] = {"type": "xml", "records": "Visits/Visit", "ignored": ["x:y", "/a//b"]}
    columns = citylake["tables"]["visit"]["columns"]
    columns["badge"]["path"] = "$.inspector.badge"
    columns["score"] = {"repeated": "list", "path": "Score"}
    found = problems()
    assert {key: message.split(";")[0][:40] for key, message in found.items()} == {
        f"{VALUE}.format.records": "'Visits/Visit' is not a path from the ro",
        f"{VALUE}.format.ignored[0]": "'x:y': no namespace is declared for x",
        f"{VALUE}.format.ignored[1]": "'/a//b' is not a path from the root such",
        f"{VALUE}.tables.visit.columns.badge.path": "'$.inspector.badge' is not a path inside",
        f"{VALUE}.tables.visit.columns.score.repeated": "`list` gives JSON text: the column must ",
    }


def test_xml_settings_are_for_xml(citylake: Any, problems: Any) -> None:
    citylake["tables"]["visit"]["columns"]["score"] = {"repeated": "first"}
    citylake["tables"]["visit"]["columns"]["badge"]["path"] = "Badge"
    assert set(problems()) == {
        f"{VALUE}.tables.visit.columns.score.repeated",
        f"{VALUE}.tables.visit.columns.badge.path",
    }
