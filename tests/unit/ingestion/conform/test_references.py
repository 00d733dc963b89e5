"""FHIR references become one form, by SQL over the distinct texts: what joins is equal, and nothing else is."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from ingestion.contract.extension import Choose
from ingestion.contract.health_formats import FhirFormat

SERVER = "https://fhir.zs-h1.example/r4"
CITIZEN = "urn:oid:2.16.156.10011.1.3"
UUID = "0b34c1d2-1111-4222-8333-444455556666"


def export(**resources: list[dict[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for kind, found in resources.items():
            lines = (json.dumps({"resourceType": kind, "id": f"r{i}", **one}) for i, one in enumerate(found))
            archive.writestr(f"{kind}.000.ndjson", "\n".join(lines))
    return buffer.getvalue()


def contract(make: Any, *columns: Any, kind: str = "Encounter") -> Any:
    own = make.column("own_ref", source="id", path="$.id", reference=kind)
    return make.contract(make.table(own, *columns, source=kind), format=FhirFormat(type="fhir", server=SERVER))


def subject(make: Any, **facts: Any) -> Any:
    return make.column("patient_ref", source="subject", path="$.subject.reference", reference="Patient", **facts)


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ("Patient/7", f"{SERVER}/Patient/7"),
        ("Patient/7/_history/3", f"{SERVER}/Patient/7"),
        (f"{SERVER}/Patient/7", f"{SERVER}/Patient/7"),
        (f"{SERVER}/Patient/7/_history/12", f"{SERVER}/Patient/7"),
        (f"{SERVER.replace('https', 'http')}/Patient/7", f"{SERVER}/Patient/7"),
        ("https://FHIR.zs-h1.example:443//r4//Patient/7", f"{SERVER}/Patient/7"),
        ("HTTP://fhir.zs-h1.example:80/r4/Patient/7", f"{SERVER}/Patient/7"),
        ("https://fhir.zs-h1.example:8443/r4/Patient/7", "https://fhir.zs-h1.example:8443/r4/Patient/7"),
        ("https://fhir.zs-h2.example/r4/Patient/7", "https://fhir.zs-h2.example/r4/Patient/7"),
        ("http://FHIR.zs-h2.example:80/R4//Patient/7", "https://fhir.zs-h2.example/R4/Patient/7"),
        ("https://fhir.zs-h2.example/Patient/7", "https://fhir.zs-h2.example/Patient/7"),
        ("https://fhir.zs-h1.example/r4/other/Patient/7", "https://fhir.zs-h1.example/r4/other/Patient/7"),
        (f"urn:uuid:{UUID}", f"{SERVER}/Patient/{UUID}"),
        ("urn:oid:1.2.156.7", f"{SERVER}/Patient/1.2.156.7"),
        (f"Patient?identifier={CITIZEN}|442000", f"{SERVER}/Patient?identifier={CITIZEN}|442000"),
        (f"Patient?identifier={CITIZEN.replace(':', '%3A')}%7C442000", f"{SERVER}/Patient?identifier={CITIZEN}|442000"),
        (f"{SERVER}/Patient?identifier={CITIZEN}|442000", f"{SERVER}/Patient?identifier={CITIZEN}|442000"),
        ("Patient?identifier=a|%FF", f"{SERVER}/Patient?identifier=a|%FF"),
        ("Patient?identifier=http://sys.example/a|1", f"{SERVER}/Patient?identifier=http://sys.example/a|1"),
    ],
)
def test_every_form_of_a_reference(make: Any, sent: str, value: str) -> None:
    found = make.conform(contract(make, subject(make)), export(Encounter=[{"subject": {"reference": sent}}]))
    assert make.rows(found.tables["t"].bronze) == [{"own_ref": f"{SERVER}/Encounter/r0", "patient_ref": value}]


@pytest.mark.parametrize(
    ("sent", "rule"),
    [
        ("Group/7", "reference"),
        ("#p1", "contained"),
        ("Patient", "reference"),
        ("Patient/", "reference"),
        ("Patient/a b", "reference"),
        (f"Patient/{'a' * 65}", "reference"),
        ("Patient?name=张三", "reference"),
        (f"Patient?identifier={CITIZEN}|1&active=true", "reference"),
        (f"Group?identifier={CITIZEN}|1", "reference"),
        ("ftp://fhir.zs-h1.example/r4/Patient/7", "reference"),
        ("张三", "reference"),
    ],
)
def test_what_is_no_reference_to_the_type_is_refused_by_name(make: Any, sent: str, rule: str) -> None:
    payload = export(Encounter=[{"subject": {"reference": sent}}, {"subject": {"reference": "Patient/1"}}])
    found = make.conform(contract(make, subject(make)), payload).tables["t"]
    assert make.refused(found.quarantine) == [(1, [f"patient_ref.{rule}"])]
    (row,) = make.rows(found.quarantine)
    assert row["sent"] == [("patient_ref", sent)]


def test_a_logical_reference_is_the_conditional_one_of_its_identifier(make: Any) -> None:
    identifier = {"system": CITIZEN, "value": "44 2|0&%"}
    sent = [
        {"subject": {"identifier": identifier, "display": "张三"}},
        {"subject": {"type": "Patient", "identifier": identifier}},
        {"subject": {"type": "http://hl7.org/fhir/StructureDefinition/Patient", "identifier": identifier}},
        {"subject": {"identifier": {"value": "9"}}},
        {"subject": {"display": "张三"}},
        {"subject": {"reference": "Patient/1", "identifier": identifier}},
        {"subject": {"type": "Group", "identifier": identifier}},
    ]
    found = make.conform(contract(make, subject(make)), export(Encounter=sent)).tables["t"]
    own = f"{SERVER}/Patient?identifier={CITIZEN}|44 2|0&%"
    values = [row["patient_ref"] for row in make.rows(found.bronze)]
    assert values == [own, own, own, f"{SERVER}/Patient?identifier=|9", None, f"{SERVER}/Patient/1"]
    assert make.refused(found.quarantine) == [(7, ["patient_ref.reference"])]


def test_references_to_people_join_as_pseudonyms_only(make: Any) -> None:
    """A conditional reference and the resource's own identifier give one pseudonym; two servers' ids give two."""
    secret = make.deidentify("pseudonym", purpose="health_reference")
    chosen = Choose(member="system", equals=CITIZEN)
    patients = [
        {"id": "p1", "identifier": [{"system": "urn:mrn", "value": "77"}, {"system": CITIZEN, "value": "4420001"}]},
        {"id": "p2", "identifier": [{"system": "urn:mrn", "value": "4420001"}]},
    ]
    refs = [
        make.column("own_ref", source="id", path="$.id", reference="Patient", deidentify=secret),
        make.column("resident_ref", source="identifier", path="$.identifier[*].value", choose=chosen,
                    reference="Patient", deidentify=secret),
    ]  # fmt: skip
    form = FhirFormat(type="fhir", server=SERVER)
    patient = make.contract(make.table(*refs, source="Patient"), format=form)
    own = make.rows(make.conform(patient, export(Patient=patients)).tables["t"].bronze)
    sent = ["Patient/p1", f"Patient?identifier={CITIZEN}|4420001", "https://other.example/r4/Patient/p1"]
    visit = contract(make, subject(make, deidentify=secret))
    rows = make.conform(visit, export(Encounter=[{"subject": {"reference": one}} for one in sent])).tables["t"]
    by_id, by_identifier, elsewhere = (row["patient_ref"] for row in make.rows(rows.bronze))
    assert (by_id, by_identifier) == (own[0]["own_ref"], own[0]["resident_ref"])
    assert own[1]["resident_ref"] is None
    assert len({by_id, by_identifier, elsewhere, own[1]["own_ref"]}) == 4
    assert {len(one) for one in (by_id, by_identifier, elsewhere)} == {64}
    assert b"4420001" not in rows.bronze.read_bytes()


def test_the_first_element_that_is_chosen(make: Any) -> None:
    """Of a list in a list's place, of no list, of elements without the member, and of exact numbers."""
    coding = {"path": "$.code.coding[*].code", "choose": Choose(member="system", equals="urn:x")}
    table = make.table(
        make.column("code", source="code", **coding),
        make.column(
            "amount", source="item", path="$.item[*].amount.value", choose=Choose(member="kind.code", equals="a")
        ),
        make.column("id"),
        source="Condition",
    )
    sent = [
        {"code": {"coding": [{"system": "urn:y", "code": "1"}, {"system": "urn:x", "code": "2"},
                             {"system": "urn:x", "code": "3"}]}},
        {"code": {"coding": [{"code": "1"}]}},
        {"code": {"coding": {"system": "urn:x", "code": "1"}}},
        {"code": {"coding": []}},
        {"code": "urn:x"},
        {"item": [{"kind": {"code": "b"}, "amount": {"value": 1}}, {"kind": {"code": "a"}, "amount": {"value": 0.5}}]},
    ]  # fmt: skip
    payload = export(Condition=sent)
    form = FhirFormat(type="fhir", server=SERVER)
    rows = make.rows(make.conform(make.contract(table, format=form), payload).tables["t"].bronze)
    assert [row["code"] for row in rows] == ["2", None, None, None, None, None]
    assert rows[-1]["amount"] == "0.5"


def test_an_own_identifier_or_id_is_not_contained(make: Any) -> None:
    """Text that begins with `#` leads into the own record only where a reference stands."""
    chosen = Choose(member="system", equals=CITIZEN)
    by = make.column("by", source="identifier", path="$.identifier[*].value", choose=chosen, reference="Encounter")
    sent = [{"identifier": [{"system": CITIZEN, "value": "#7"}]}, {"id": "#8"}]
    found = make.conform(contract(make, by), export(Encounter=sent)).tables["t"]
    assert [row["by"] for row in make.rows(found.bronze)] == [f"{SERVER}/Encounter?identifier={CITIZEN}|#7"]
    assert make.refused(found.quarantine) == [(2, ["own_ref.reference"])]


def test_identifiers_of_references_are_normalised_and_ids_are_not(make: Any) -> None:
    """A check character in lower case, or full width, is the same person; ids of servers are case-sensitive."""
    facts = {"deidentify": make.deidentify("pseudonym", purpose="health_reference"), "normalise": ["nfkc", "upper"]}
    by = make.column("by", source="identifier", path="$.identifier[*].value", reference="Patient",
                     choose=Choose(member="system", equals=CITIZEN), **facts)  # fmt: skip
    own = make.contract(make.table(by, source="Patient"), format=FhirFormat(type="fhir", server=SERVER))
    sent = {"identifier": [{"system": CITIZEN, "value": "44200X"}]}
    (person,) = make.rows(make.conform(own, export(Patient=[sent])).tables["t"].bronze)
    refs = [f"Patient?identifier={CITIZEN}|44200{end}" for end in ("x", "X", "Ｘ", "Y")] + ["Patient/a", "Patient/A"]
    visits = contract(make, subject(make, **facts))
    found = make.conform(visits, export(Encounter=[{"subject": {"reference": one}} for one in refs])).tables["t"]
    made = [row["patient_ref"] for row in make.rows(found.bronze)]
    assert [one == person["by"] for one in made] == [True, True, True, False, False, False]
    assert len(set(made)) == 4
