"""What the contracts of the health department keep of hand-made files: nothing of a person but one pseudonym.

Dirt that the simulated city plants is counted in tests/feeds; here are the cases that a hospital's office asks about.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ingestion.conform.pseudonym import PseudonymKeys
from ingestion.conform.result import Conformed
from ingestion.contract.load import load_contracts
from ingestion.contract.model import Contract
from ingestion.settings import Settings
from tests.support.conforming import MASTER, Maker

CITIZEN, OTHER = "442000199001011233", "442000198506153320"
PERSONAL = (CITIZEN, OTHER, "王小明", "13800138000", "石岐街道一号", "MR000777", "19900101", "1990-01-01", "咳嗽三天")
"""Everything in the files that must not be kept."""
HEADER = (
    "机构代码,门诊号,健康卡号,姓名,身份证号,性别,出生日期,现住址,镇街代码,联系电话,就诊类型,科室代码,就诊日期时间,发病日期时间,主诉,"
    "西医诊断编码,其他诊断,责任医师,病情转归"
)
SERVER = "https://fhir.zs-h1.example/r4"
OID, TOWN = "urn:oid:2.16.156.10011.1.3", "urn:zs:town-code"


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    settings = Settings(home=tmp_path / "home", pseudonym_key=MASTER)
    return Maker(tmp_path, settings, PseudonymKeys.load(settings))


@cache
def contracts() -> dict[str, Contract]:
    return load_contracts(Settings().contracts)


def conformed(make: Maker, feed: str, content: bytes) -> Conformed:
    """The file under the shipped contract, refused rows allowed."""
    contract = contracts()[f"wjj.{feed}"]
    return make.conform(
        replace(contract, citylake=contract.citylake.model_copy(update={"max_refused_share": 1.0})), content
    )


def bronze(found: Conformed, table: str) -> list[dict[str, Any]]:
    """The rows of a table; nothing in any table's file is personal."""
    for one in found.tables.values():
        text = str(pq.read_table(one.bronze).to_pylist()) if one.bronze else ""
        assert not [value for value in PERSONAL if value in text]
    return Maker.rows(found.tables[table].bronze)


def visit(number: str, *, resident: str = CITIZEN, born: str = "19900101", at: str = "20260302093000", onset: str = "",
          code: str = "J10.101", others: str = "") -> str:  # fmt: skip
    return (
        f"H442000B01,{number},K1,王小明,{resident},1,{born},石岐街道一号,442000001,13800138000,1,03.01,{at},{onset},咳嗽三天,"
        f"{code},{others},王小明,好转"
    )


def visits(*lines: str) -> bytes:
    return "\r\n".join([HEADER, *lines, ""]).encode("gb18030")


def export(**members: list[dict[str, Any]]) -> bytes:
    """A bulk export with the resources of each type."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for kind, resources in members.items():
            lines = [json.dumps({"resourceType": kind, **one}, ensure_ascii=False) + "\n" for one in resources]
            archive.writestr(f"{kind}.000.ndjson", "".join(lines))
    return stream.getvalue()


def patient(number: str, citizen: str = CITIZEN) -> dict[str, Any]:
    return {
        "id": number,
        "meta": {"lastUpdated": "2026-03-02T08:00:00+08:00"},
        "identifier": [{"system": "urn:zs-h1:mrn", "value": "MR000777"}, {"system": OID, "value": citizen}],
        "extension": [{"url": TOWN, "valueCode": "442000001"}],
        "name": [{"text": "王小明"}],
        "telecom": [{"system": "phone", "value": "13800138000"}],
        "gender": "male",
        "birthDate": "1990-01-01",
        "address": [{"line": ["石岐街道一号"]}],
        "photo": [{"data": "546L5bCP5piO"}],
    }


def encounter(number: str, subject: str, **facts: Any) -> dict[str, Any]:
    return {
        "id": number,
        "meta": {"lastUpdated": "2026-03-02T09:00:00+08:00"},
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": subject},
        "period": {"start": "2026-03-02T09:00:00+08:00", "end": "2026-03-02T09:30:00+08:00"},
        "serviceType": {"coding": [{"system": "urn:zs:clinic", "code": "0301"}]},
        "serviceProvider": {"reference": "Organization/h442000a01"},
        "reasonCode": [{"text": "咳嗽三天 王小明"}],
        "participant": [{"individual": {"display": "王小明"}}],
        **facts,
    }


def booking(**cells: str) -> bytes:
    """A file with one appointment."""
    row = {
        "appointment_no": "N1", "channel": "APP", "facility_code": "H442000A01", "clinic_code": "0301",
        "id_no": CITIZEN, "sex": "男", "birth_date": "1990-01-01", "town_code": "442000001",
        "booked_at": "2026-03-02 08:00:00", "scheduled_at": "2026-03-03 08:00:00", "status": "已预约",
        "status_at": "2026-03-02 08:00:00", "patient_name": "王小明", "phone": "13800138000",
    } | cells  # fmt: skip
    return f"{','.join(row)}\n{','.join(row.values())}\n".encode()


def prescription(**members: Any) -> bytes:
    """A file with one line of a prescription."""
    line = {
        "rx_no": "R1", "line_no": 1, "facility_code": "H442000B01", "visit_no": "123", "id_no": CITIZEN,
        "sex": "男", "birth_date": "1990-01-01", "town_code": "442000001", "prescribed_at": "2026-03-02T10:00:00+08:00",
        "drug_code": "YP0001", "drug_name": "王小明的药", "quantity": 1, "unit": "盒", "days": 3,
        "status": "已开具", "dispensed_at": None, "patient_name": "王小明", "dose_text": "咳嗽三天时服",
        "doctor": "王小明", "pharmacist": "王小明",
    } | members  # fmt: skip
    return (json.dumps(line, ensure_ascii=False) + "\n").encode()


def message(
    identifier: str = f"{CITIZEN}^^^CN^NI", item: str = "LAB-CBC^血常规", ordering: str = "H442000B01"
) -> bytes:
    """A message with one report; the collector (OBR-10) is a person."""
    segments = (
        "MSH|^~\\&|LIS|L44200001|HIE|ZS|20260302120000||ORU^R01^ORU_R01|1|P|2.5||||||UNICODE UTF-8",
        f"PID|1||77^^^ZS-H2^PI~{identifier}||王^小明||19900101|M|||石岐街道一号^^中山市^广东省^442000001^CHN||13800138000",
        f"OBR|1||R9|{item}|||20260302110000|||王小明||||||||||||20260302113000|||F",
        f"ZRR|1|N|{ordering}",
        "",
    )
    return "\r".join(segments).encode()


def test_visit_before_birth_and_onset_after_the_visit_are_refused(make: Maker) -> None:
    found = conformed(
        make,
        "hospital_b_visit",
        visits(
            visit("1"),
            visit("2", born="20260303"),
            visit("3", born="20260302"),
            visit("4", onset="20260302093001"),
            visit("5", code="A90.x00"),
            visit("6", code="感冒"),
        ),
    )
    table = found.tables["hospital_b_visit"]
    assert table.rules == {"born_before_visit": 1, "onset_before_visit": 1, "icd10_code.pattern": 1}
    rows = bronze(found, "hospital_b_visit")
    assert sorted(row["icd10_code"] for row in rows) == ["A90.X00", "J10.101", "J10.101"]
    assert {row["birth_band"] for row in rows} == {"1990-1994", "2025-2029"}
    assert not {"patient_name", "home_address", "phone", "chief_complaint", "health_card_no"} & set(rows[0])


def test_a_resident_is_one_pseudonym_in_every_feed_and_a_reference_another(make: Maker) -> None:
    a = conformed(
        make, "hospital_a_record", export(Patient=[patient("123")], Encounter=[encounter("e1", "Patient/123")])
    )
    b = conformed(make, "hospital_b_visit", visits(visit("123")))
    c = conformed(make, "appointment", booking())
    d = conformed(make, "e_prescription", prescription())
    e = conformed(make, "lab_report", message())
    rows = [
        bronze(a, "patient")[0], bronze(b, "hospital_b_visit")[0], bronze(c, "appointment")[0],
        bronze(d, "e_prescription")[0], bronze(e, "report")[0],
    ]  # fmt: skip
    (resident,) = {row["resident"] for row in rows}
    assert re.fullmatch("[0-9a-f]{32,}", resident)
    # What is written alike in two hospitals, and the same person under another purpose, are different pseudonyms.
    visit_a, visit_b = bronze(a, "encounter")[0], rows[1]
    assert rows[3]["visit_no"] == visit_b["visit_no"]
    assert (
        len({resident, rows[0]["patient_ref"], rows[0]["resident_ref"], visit_a["encounter_ref"], visit_b["visit_no"]})
        == 5
    )
    assert not {"N1", "R9"} & {rows[2]["appointment_no"], rows[4]["report_no"]}
    assert rows[4]["ordering_facility_code"] == "H442000B01"
    assert "drug_name" not in rows[3]


def test_references_of_every_form_meet_the_record_and_a_dangling_one_is_kept(make: Maker) -> None:
    uuid = "2f1b6a1e-0c64-4d0e-9d5c-0d6b1b6d0c11"
    forms = {
        "relative": "Patient/123",
        "absolute": f"{SERVER}/Patient/123",
        "version": "Patient/123/_history/2",
        "conditional": f"Patient?identifier={OID}|{CITIZEN}",
        "uuid": f"urn:uuid:{uuid}",
        "elsewhere": "https://other.example/r4/Patient/123",
        "dangling": "Patient/999",
    }
    found = conformed(
        make,
        "hospital_a_record",
        export(
            Patient=[patient("123"), patient(uuid, OTHER)],
            Encounter=[encounter(name, reference) for name, reference in forms.items()],
        ),
    )
    people = bronze(found, "patient")
    known = {row["patient_ref"] for row in people} | {row["resident_ref"] for row in people}
    visited = bronze(found, "encounter")
    assert found.tables["encounter"].rules == {}
    assert len(visited) == len(forms)
    assert sum(row["patient_ref"] in known for row in visited) == 5
    assert len({row["patient_ref"] for row in visited}) == 5


def test_diagnosis_and_report_keep_codes_and_times_only(make: Maker) -> None:
    condition = {
        "id": "c1",
        "subject": {"reference": "Patient/123"},
        "encounter": {"reference": "Encounter/e1"},
        "code": {
            "coding": [
                {"system": "urn:zs-h1:diagnosis", "code": "X"},
                {"system": "http://hl7.org/fhir/sid/icd-10", "code": "A90"},
            ],
            "text": "王小明 咳嗽三天",
        },
        "onsetDateTime": "2026-03-01",
        "recordedDate": "2026-03-02T09:10:00+08:00",
    }
    report = {
        "id": "r1",
        "status": "final",
        "subject": {"reference": "Patient/123"},
        "encounter": {"reference": "Encounter/e1"},
        "code": {"coding": [{"system": "urn:zs:exam-item", "code": "IMG-CT"}]},
        "effectiveDateTime": "2026-03-02T09:40:00+08:00",
        "issued": "2026-03-02T09:30:00+08:00",
        "performer": [{"reference": "Organization/h442000a01"}],
        "presentedForm": [{"contentType": "text/plain", "data": "546L5bCP5piO"}],
    }
    found = conformed(
        make,
        "hospital_a_record",
        export(
            Encounter=[encounter("e1", "Patient/123")],
            Condition=[condition],
            DiagnosticReport=[report, {**report, "id": "r2", "issued": "2026-03-02T10:00:00+08:00"}],
            DocumentReference=[{"id": "d1", "content": [{"attachment": {"data": "546L5bCP5piO"}}]}],
        ),
    )
    assert found.tables["diagnostic_report"].rules == {"issued_after_examined": 1}
    (kept,) = bronze(found, "diagnostic_report")
    assert (kept["item_code"], kept["is_recognised"]) == ("IMG-CT", None)
    (diagnosis,) = bronze(found, "condition")
    assert diagnosis["icd10_code"] == "A90"
    assert diagnosis["encounter_ref"] == bronze(found, "encounter")[0]["encounter_ref"]


FREE = "咳嗽三天"


@pytest.mark.parametrize(
    ("feed", "content", "rule"),
    [
        ("appointment", booking(facility_code=FREE), "facility_code.pattern"),
        ("e_prescription", prescription(drug_code=FREE), "drug_code.pattern"),
        ("e_prescription", prescription(unit=FREE), "unit.allowed"),
        ("e_prescription", prescription(facility_code=FREE), "facility_code.pattern"),
        ("hospital_b_visit", visits(visit("1", others="K29.700;WANG")), "other_icd10_codes.pattern"),
        ("lab_report", message(item=f"{FREE}^血常规"), "item_code.pattern"),
        ("lab_report", message(ordering="王小明"), "ordering_facility_code.pattern"),
        ("lab_report", message("MR000777^^^ZS-H2^PI"), "identifier_type.allowed"),
        ("lab_report", message(CITIZEN), "resident_has_type"),
    ],
)
def test_words_where_a_code_belongs_are_refused(make: Maker, feed: str, content: bytes, rule: str) -> None:
    found = conformed(make, feed, content)
    (table,) = found.tables.values()
    assert table.rules.get(rule) == 1
    assert not table.accepted


def test_words_where_a_resource_has_a_code_are_refused(make: Maker) -> None:
    request = {
        "id": "m1",
        "status": "active",
        "subject": {"reference": "Patient/123"},
        "encounter": {"reference": "Encounter/e1"},
        "medicationCodeableConcept": {"coding": [{"system": "urn:zs:drug", "code": "YP0001", "display": "王小明的药"}]},
        "authoredOn": "2026-03-02T09:10:00+08:00",
        "dispenseRequest": {"quantity": {"value": 1, "unit": "盒"}},
    }
    clinic = {"serviceType": {"coding": [{"system": "urn:zs:clinic", "code": FREE}]}}
    found = conformed(
        make,
        "hospital_a_record",
        export(
            Encounter=[encounter("e1", "Patient/123"), encounter("e2", "Patient/123", **clinic)],
            MedicationRequest=[request, {**request, "id": "m2", "dispenseRequest": {"quantity": {"unit": FREE}}}],
        ),
    )
    assert found.tables["encounter"].rules == {"clinic_code.pattern": 1}
    assert found.tables["medication_request"].rules == {"unit.allowed": 1}
    (kept,) = bronze(found, "medication_request")
    assert (kept["drug_code"], "drug_name" in kept) == ("YP0001", False)
