"""Paths in HL7 messages as contracts write them, and the settings of the format."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.contract.hl7_paths import Hl7Path, hl7_path, path_problem

VALUE = "customProperties[0].value"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("OBR-7", Hl7Path(False, "OBR", 7)),
        ("OBR-4.1", Hl7Path(False, "OBR", 4, None, 1)),
        ("PID-3(2).1", Hl7Path(False, "PID", 3, 2, 1)),
        ("OBR-4.1.2", Hl7Path(False, "OBR", 4, None, 1, 2)),
        (">ZRR-2", Hl7Path(True, "ZRR", 2)),
        ("MSH-18(1)", Hl7Path(False, "MSH", 18, 1)),
        ("AL1-3", Hl7Path(False, "AL1", 3)),
    ],
)
def test_paths(path: str, found: Hl7Path) -> None:
    assert path_problem(path) is None
    assert hl7_path(path) == found


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("OBR", "is not a path such as"),
        ("OBR-0", "is not a path such as"),
        ("obr-3", "is not a path such as"),
        ("OBR-3[2]", "is not a path such as"),
        ("OBR.3", "is not a path such as"),
        ("$.a", "is not a path such as"),
        ("BTS-1", "stands around the messages"),
        (">MSH-4", "lies after no other"),
        (">ORC-2", "ORC stands before its records"),
        (">PID-3", "PID stands before its records"),
        ("MSH-2.1", "are the delimiters themselves"),
    ],
)
def test_what_is_no_path(path: str, said: str) -> None:
    assert said in str(path_problem(path))


def test_settings_are_checked_where_they_stand(base: Any, citylake: Any, problems: Any) -> None:
    citylake["format"] = {"type": "hl7", "messages": ["ORU_R01"], "ignored": ["NTE", "nte", "OBR"]}
    base["schema"][0]["physicalName"] = "OBR"
    columns = citylake["tables"]["visit"]["columns"]
    columns["badge"]["path"] = "$.inspector.badge"
    columns["score"] = {"repeated": "list", "path": "OBR-4.1"}
    found = problems()
    said = {key: message.split(";")[0] for key, message in found.items()}
    wrong = {
        key: text for key, text in said.items() if "is not a path such as" not in text or key.endswith("badge.path")
    }
    assert wrong == {
        f"{VALUE}.format.messages[0]": "'ORU_R01' is not a message type such as ORU^R01",
        f"{VALUE}.format.ignored[1]": "'nte' is not a segment such as NTE",
        f"{VALUE}.format.ignored[2]": "'OBR' is the segment of a table",
        f"{VALUE}.tables.visit.columns.badge.path": "'$.inspector.badge' is not a path such as OBR-4.1, PID-3(2).1 or "
        ">ZRR-2",
        f"{VALUE}.tables.visit.columns.score.repeated": "`list` is for XML",
    }


def test_a_table_is_made_of_a_segment(base: Any, citylake: Any, problems: Any) -> None:
    citylake["format"] = {"type": "hl7", "messages": ["ORU^R01"]}
    base["schema"][0]["physicalName"] = "BHS"
    assert "stands around the messages" in problems()["schema[0].physicalName"]
