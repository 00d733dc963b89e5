"""Which values of a payload are personal follows from the contract: what no column keeps as it is."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import Any

import pytest

from ingestion.contract.extension import CsvFormat
from ingestion.contract.health_formats import FhirFormat, Hl7Format
from tests.support.conforming import make
from tests.support.personal import Sent, is_telling

__all__ = ["make"]


def sent(make: Any, table: Any, spec: Any, payload: bytes) -> Sent:
    found = Sent()
    found.add(make.contract(table, format=spec), payload)
    return found


def test_cells_that_are_dropped_changed_or_not_read(make: Any) -> None:
    table = make.table(
        make.column("name", deidentify=make.deidentify("drop")), make.column("no"),
        make.column("id_no", deidentify=make.deidentify("pseudonym", purpose="p")),
    )  # fmt: skip
    text = "name,no,id_no,phone\n王小芳,20260302-1,440106198307142238,13800138000\n中山港,中山港,1,2\n"
    assert set(sent(make, table, CsvFormat(), text.encode()).values) == {"王小芳", "440106198307142238", "13800138000"}


def test_components_of_a_message(make: Any) -> None:
    table = make.table(make.column("no", path="OBR-3.1"), make.column("town", path="PID-11.5"), name="t", source="OBR")
    text = "MSH|^~\\&|LIS|L44200001||||20260302||ORU^R01\r"
    text += "PID|1||MRN000123||欧阳^若兰||19830714|M|||民生路8号\\T\\楼^^^^442000107\r"
    text += "OBR|1||R0000001\rOBX|1|TX|||诊断意见\\.br\\电话13800138000\r"
    spec = Hl7Format(type="hl7", messages=["ORU^R01"])
    found = sent(make, table, spec, text.encode())
    assert {"MRN000123", "欧阳", "若兰", "民生路8号&楼", "诊断意见", "电话13800138000"} <= set(found.values)
    assert set(found.dates) == {"1983-07-14", "19830714", "2026-03-02", "20260302"}
    assert not {"R0000001", "442000107", "ORU", "R01"} & set(found.values)


def test_members_of_resources_with_what_is_attached(make: Any) -> None:
    table = make.table(
        make.column("facility", path="$.identifier[*].value", choose={"member": "system", "equals": "urn:zs:facility"}),
        make.column("ref", path="$.id", reference="Patient", deidentify=make.deidentify("pseudonym", purpose="p")),
        make.column("other", path="$.managingOrganization.reference", reference="Organization"),
        name="t", source="Patient",
    )  # fmt: skip
    note = base64.b64encode("主诉：反复咳嗽咳痰两周余，夜间加重\nshort\n".encode()).decode()
    patient = {
        "resourceType": "Patient", "id": "7f1c-0001", "meta": {"profile": ["http://x"]},
        "identifier": [
            {"system": "urn:zs:facility", "value": "H442000A01"}, {"system": "urn:mrn", "value": "MRN00077"},
        ],
        "name": [{"text": "欧阳若兰", "given": ["若兰"]}], "birthDate": "1983-07-14", "gender": "female",
        "managingOrganization": {"reference": "Organization/H442000A01"},
        "photo": [{"contentType": "text/plain", "data": note}],
    }  # fmt: skip
    other = {"resourceType": "Practitioner", "name": [{"family": "司徒建国"}]}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("Patient.000.ndjson", json.dumps(patient))
        archive.writestr("Practitioner.000.ndjson", json.dumps(other))
    found = sent(make, table, FhirFormat(type="fhir", server="https://a/r4"), target.getvalue())
    assert set(found.values) == {
        "7f1c-0001", "MRN00077", "欧阳若兰", "若兰", note,
        "主诉：反复咳嗽咳痰两周余，夜间加重", "司徒建国",
    }  # fmt: skip


@pytest.mark.parametrize("value", ["male", "12", "http://hl7.org/x", "2026", "urn:oid:2.16", "a-word", "7.5"])
def test_words_and_numbers_of_the_format_tell_nobody(value: str) -> None:
    assert not is_telling(value)


def test_days_that_a_kept_column_has_and_first_days_of_bands_are_nobodys(make: Any) -> None:
    table = make.table(make.column("seen"), make.column("born", deidentify=make.deidentify("drop")))
    rows = "20260302083000,2026-03-02\n20260303,19800101\n20260303,19830714\n20260303,1980-02-30\n"
    found = sent(make, table, CsvFormat(), f"seen,born\n{rows}".encode())
    assert set(found.dates) == {"1983-07-14", "19830714", "1980-02-30", "19800230"}
