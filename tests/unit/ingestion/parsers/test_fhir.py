"""Exports of FHIR resources: members of a type as one table, its manifest held against it, other versions told."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from ingestion.contract.health_formats import FhirFormat
from ingestion.parsers.archive import Archive

FORM = FhirFormat(type="fhir", server="https://fhir.example/r4", optional=["Condition"])


def archive(**members: str) -> bytes:
    """`Patient__000="…"` becomes the member `Patient.000.ndjson`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, text in members.items():
            opened.writestr(name if name == "manifest.json" else f"{name.replace('__', '.')}.ndjson", text)
    return buffer.getvalue()


def lines(kind: str, *ids: str, **facts: Any) -> str:
    return "".join(json.dumps({"resourceType": kind, "id": one, **facts}) + "\n" for one in ids)


def manifest(*output: tuple[str, int | None]) -> str:
    files = [{"type": kind, "url": "https://x/1", **({"count": n} if n is not None else {})} for kind, n in output]
    return json.dumps({"transactionTime": "2026-03-02T15:30:00Z", "output": files, "error": []})


@pytest.fixture
def two_types(make: Any) -> Any:
    patient = make.table(make.column("id", required=True), name="patient", source="Patient")
    condition = make.table(make.column("id"), name="condition", source="Condition")
    return make.contract(patient, condition, format=FORM)


def test_members_of_a_type_are_one_table_numbered_on(make: Any, two_types: Any) -> None:
    """Also one without a line end at the end, one with a byte order mark, and an empty one."""
    payload = archive(
        Patient__001="\ufeff" + lines("Patient", "c") + "{broken\n",
        Patient__000=lines("Patient", "a", "b").rstrip(),
        Patient__002="",
        Condition__000=lines("Condition", "x"),
        DocumentReference__000=lines("DocumentReference", "d"),
        error__000=lines("OperationOutcome", "e", "f") + "\r\n" + lines("OperationOutcome", "g").rstrip(),
        log=lines("Log", "l"),
    )
    found = make.conform(two_types, payload)
    patient = found.tables["patient"]
    assert (patient.received, [row["id"] for row in make.rows(patient.bronze)]) == (4, ["a", "b", "c"])
    (refused,) = make.rows(patient.quarantine)
    assert (refused["record"], refused["rules"], refused["byte_offset"]) == (4, ["json_malformed"], None)
    assert found.tables["condition"].accepted == 1
    assert found.doubt == "the server reports 3 errors of its export (OperationOutcome: unknown 3)"  # without an issue
    assert sorted(found.ignored_members) == ["DocumentReference.000.ndjson", "error.000.ndjson (3 lines)", "log.ndjson"]


def test_a_resource_of_another_type_is_a_refused_row(make: Any, two_types: Any) -> None:
    sent = lines("Patient", "a") + lines("Encounter", "b") + '{"id": "c"}\n' + lines("OperationOutcome", "d")
    found = make.conform(two_types, archive(Patient__000=sent)).tables["patient"]
    assert make.refused(found.quarantine) == [(n, ["resource_type"]) for n in (2, 3, 4)]
    assert make.rows(found.quarantine)[0]["byte_offset"] == len(lines("Patient", "a"))
    assert found.accepted == 1


def test_a_missing_type_is_named_and_an_optional_one_is_not_missed(make: Any, two_types: Any) -> None:
    assert list(make.conform(two_types, archive(Patient__000=lines("Patient", "a"))).tables) == ["patient"]
    refusal = make.refusal(two_types, archive(Condition__000=lines("Condition", "a")))
    assert (refusal.rule, "no file of Patient" in refusal.message) == ("members", True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (manifest(("Patient", 2), ("Patient", None)), "lists 2 files of Patient, and the export has 1"),
        (manifest(("Patient", 3)), "counts 3 resources of Patient, and 2 came"),
        (manifest(("Patient", 2), ("Condition", 1)), "lists 1 files of Condition, and the export has 0"),
        ("not JSON", "is not the manifest"),
        ('{"output": [{"url": "https://x"}]}', "is not the manifest"),
        ("[]", "is not the manifest"),
    ],
)
def test_a_manifest_that_says_otherwise_refuses_the_export(make: Any, two_types: Any, text: str, words: str) -> None:
    payload = archive(**{"manifest.json": text, "Patient__000": lines("Patient", "a", "b")})
    refusal = make.refusal(two_types, payload)
    assert refusal.rule == "fhir_manifest"
    assert words in refusal.message


def test_a_manifest_that_agrees(make: Any, two_types: Any) -> None:
    text = manifest(("Patient", 2), ("Patient", 1), ("Device", 9))
    members = {"manifest.json": text, "Patient__000": lines("Patient", "a", "b"), "Patient__001": lines("Patient", "c")}
    found = make.conform(two_types, archive(**members))
    assert (found.tables["patient"].accepted, found.ignored_members) == (3, ("manifest.json",))


@pytest.mark.parametrize(
    ("kind", "facts", "version"),
    [
        ("Encounter", {"class": [{"coding": [{"code": "AMB"}]}]}, "R5"),
        ("Encounter", {"class": {"code": "AMB"}, "reason": [{"text": "痛"}]}, "STU3"),
        ("Condition", {"context": {"reference": "Encounter/1"}}, "STU3"),
        ("MedicationRequest", {"medication": {"concept": {"text": "药"}}}, "R5"),
    ],
)
def test_resources_of_another_fhir_version(make: Any, kind: str, facts: Any, version: str) -> None:
    """Most of them: the export is refused with one answer. A few: those rows."""
    table = make.table(make.column("id"), source=kind)
    form = make.contract(table, format=FhirFormat(type="fhir", server="https://fhir.example/r4"))
    name = f"{kind}__000"
    refusal = make.refusal(form, archive(**{name: lines(kind, "a", "b", **facts) + lines(kind, "c")}))
    assert (refusal.rule, f"FHIR {version}" in refusal.message) == ("fhir_version", True)
    assert "2 of 3" in refusal.message
    found = make.conform(form, archive(**{name: lines(kind, "a", "b", "c") + lines(kind, "d", **facts)})).tables["t"]
    assert make.refused(found.quarantine) == [(4, ["fhir_version"])]


def test_what_is_no_archive_or_holds_a_page_is_refused(make: Any, two_types: Any) -> None:
    assert make.refusal(two_types, b"Patient").rule == "zip_damaged"
    assert make.refusal(two_types, archive(Patient__000="<html><body>login</body></html>")).rule == "html_page"


def test_the_archive_is_opened_once_for_a_table(make: Any, two_types: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its number of members: each opening reads the whole directory."""
    opened: list[int] = []
    is_open = Archive._opened
    monkeypatch.setattr(Archive, "_opened", lambda self: opened.append(1) or is_open(self))
    counts = []
    for members in (2, 9):
        opened.clear()
        found = make.conform(
            two_types, archive(**{f"Patient__00{n}": lines("Patient", f"p{n}") for n in range(members)})
        )
        assert found.tables["patient"].accepted == members
        counts.append(len(opened))
    assert counts[0] == counts[1]
