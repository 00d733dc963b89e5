"""Resources of FHIR R4 from rows, one JSON object a line, as hospital A's server exports them.

Cells are plain texts; an empty optional one leaves its member out. References are already written as they are sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from infra.simulator.health.lines import joined, where
from infra.simulator.health.places import CITIZEN, FACILITY, MRN
from infra.simulator.rows import Rows, Texts
from infra.simulator.words import MARK
from infra.simulator.writers import json_texts

Cells = Mapping[str, Texts]
MEMBER_LINES = 200
"""Resources of one file of an export; more of a type make more files."""


def _start(kind: str, count: int, cells: Cells) -> Texts:
    """The beginning of a resource up to its meta data."""
    return joined(count, f'{{"resourceType":"{kind}","id":', json_texts(cells["id"]),
                  ',"meta":{"versionId":"1","lastUpdated":', json_texts(cells["updated_at"]), "}")  # fmt: skip


def _coding(system: str, code: Texts, count: int, display: Texts | None = None) -> Texts:
    shown = "" if display is None else joined(count, ',"display":', json_texts(display))
    return joined(count, f'{{"system":"{system}","code":', json_texts(code), shown, "}")


def _member(name: str, values: Texts, count: int) -> Texts:
    """`,"name":"value"`, nothing for an empty value."""
    return where(values == "", "", joined(count, f',"{name}":', json_texts(values)))


def _reference(name: str, values: Texts, count: int) -> Texts:
    return joined(count, f',"{name}":{{"reference":', json_texts(values), "}")


def organization(rows: Rows) -> Texts:
    """Organization: the hospital and its centres."""
    n, c = len(rows), rows.cells
    return joined(
        n, _start("Organization", n, c), f',"identifier":[{{"system":"{FACILITY}","value":',
        json_texts(c["facility_code"]), '}],"active":true,"name":', json_texts(c["name"]), "}",
    )  # fmt: skip


def patient(rows: Rows) -> Texts:
    """Patient: identifiers in either order, name, phone, address, sometimes a photo."""
    n, c = len(rows), rows.cells
    citizen = joined(n, f'{{"use":"official","system":"{CITIZEN}","value":', json_texts(c["citizen_id"]), "}")
    number = joined(n, '{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},'
                    f'"system":"{MRN}","value":', json_texts(c["mrn"]), "}")  # fmt: skip
    identifiers = where(c["is_number_first"] == "1", joined(n, number, ",", citizen), joined(n, citizen, ",", number))
    shown = joined(
        n, f',"photo":[{{"contentType":"image/png","title":"证件照{MARK}","data":', json_texts(c["photo"]), "}]"
    )
    photo = where(c["photo"] == "", "", shown)
    return joined(
        n, _start("Patient", n, c), ',"extension":[{"url":"urn:zs:nationality","valueString":"CHN"},'
        '{"url":"urn:zs:town-code","valueCode":', json_texts(c["town_code"]), '}],"identifier":[', identifiers,
        '],"name":[{"use":"official","text":', json_texts(c["family"] + c["given"]), ',"family":',
        json_texts(c["family"]), ',"given":[', json_texts(c["given"]),
        ']}],"telecom":[{"system":"phone","use":"mobile","value":',
        json_texts(c["phone"]), "}]", _member("gender", c["sex"], n), _member("birthDate", c["birth_date"], n),
        ',"address":[{"use":"home","line":[', json_texts(c["address"]), '],"city":"中山市","country":"CN"}]', photo,
        "}",
    )  # fmt: skip


def encounter(rows: Rows) -> Texts:
    """Encounter: a doctor by a conditional reference with a display name, a reason in free text."""
    n, c = len(rows), rows.cells
    doctor = joined(n, '[{"individual":{"reference":"Practitioner?identifier=urn:zs:doctor|', c["doctor_no"],
                    '","display":', json_texts(c["doctor"]), "}}]")  # fmt: skip
    ended = _member("end", c["ended_at"], n)
    started = where(c["started_at"] == "", '"id":"p"', joined(n, '"start":', json_texts(c["started_at"])))
    return joined(
        n, _start("Encounter", n, c), ',"status":', json_texts(c["status"]),
        ',"class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":', json_texts(c["class_code"]),
        '},"serviceType":{"coding":[', _coding("http://snomed.info/sct", c["sct"], n), ",",
        _coding("urn:zs:clinic", c["clinic_code"], n, c["clinic_name"]), "]}", _reference("subject", c["patient"], n),
        ',"participant":', doctor, ',"period":{', started, ended, '},"reasonCode":[{"text":', json_texts(c["reason"]),
        "}]", _reference("serviceProvider", c["organization"], n), "}",
    )  # fmt: skip


def condition(rows: Rows) -> Texts:
    """Condition: the ICD-10 code beside a local one."""
    n, c = len(rows), rows.cells
    return joined(
        n, _start("Condition", n, c), ',"clinicalStatus":{"coding":[{"system":'
        '"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"coding":[',
        _coding("urn:zs-h1:diagnosis", c["local_code"], n), ",",
        _coding("http://hl7.org/fhir/sid/icd-10", c["icd10_code"], n, c["icd10_name"]), "]}",
        _reference("subject", c["patient"], n), _reference("encounter", c["encounter"], n),
        _member("onsetDateTime", c["onset_at"], n), _member("recordedDate", c["recorded_at"], n), "}",
    )  # fmt: skip


def medication_request(rows: Rows) -> Texts:
    """MedicationRequest: a drug and how much of it is dispensed."""
    n, c = len(rows), rows.cells
    return joined(
        n, _start("MedicationRequest", n, c), ',"status":', json_texts(c["status"]),
        ',"intent":"order","medicationCodeableConcept":{"coding":[',
        _coding("urn:zs:drug", c["drug_code"], n, c["drug_name"]), "]}", _reference("subject", c["patient"], n),
        _reference("encounter", c["encounter"], n), _member("authoredOn", c["prescribed_at"], n),
        ',"dispenseRequest":{"quantity":{"value":', c["quantity"], ',"unit":', json_texts(c["unit"]), "}}}",
    )  # fmt: skip


def diagnostic_report(rows: Rows) -> Texts:
    """DiagnosticReport: with the text of the report attached."""
    n, c = len(rows), rows.cells
    return joined(
        n, _start("DiagnosticReport", n, c), ',"extension":[{"url":"urn:zs:source","valueCode":"LIS"},'
        '{"url":"urn:zs:recognised","valueBoolean":', c["is_recognised"], '}],"status":', json_texts(c["status"]),
        ',"code":{"coding":[', _coding("urn:zs:exam-item", c["item_code"], n, c["item_name"]), "]}",
        _reference("subject", c["patient"], n), _reference("encounter", c["encounter"], n),
        _member("effectiveDateTime", c["examined_at"], n), _member("issued", c["issued_at"], n),
        ',"performer":[{"reference":', json_texts(c["organization"]),
        f'}}],"presentedForm":[{{"contentType":"application/pdf","title":"检查报告{MARK}","data":',
        json_texts(c["attachment"]), "}]}",
    )  # fmt: skip


def document_reference(rows: Rows) -> Texts:
    """DocumentReference: a note of a visit, which no table of the lake reads."""
    n, c = len(rows), rows.cells
    return joined(
        n, _start("DocumentReference", n, c), ',"status":"current"', _reference("subject", c["patient"], n),
        ',"content":[{"attachment":{"contentType":"text/plain","data":', json_texts(c["attachment"]), "}}]}",
    )  # fmt: skip


WRITERS: dict[str, Callable[[Rows], Texts]] = {
    "Organization": organization,
    "Patient": patient,
    "Encounter": encounter,
    "Condition": condition,
    "MedicationRequest": medication_request,
    "DiagnosticReport": diagnostic_report,
    "DocumentReference": document_reference,
}


def members(kind: str, lines: Texts) -> dict[str, bytes]:
    """The files of one type: `<type>.<number>.ndjson` to their bytes."""
    starts = range(0, max(len(lines), 1), MEMBER_LINES)
    return {
        f"{kind}.{number:03d}.ndjson": "".join(line + "\n" for line in lines[first : first + MEMBER_LINES]).encode()
        for number, first in enumerate(starts)
    }
