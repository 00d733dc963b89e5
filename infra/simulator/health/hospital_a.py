"""Hospital A's records of a day as rows: what its FHIR server has as new or changed. All SYNTHETIC.

Columns are those that `fhir` writes. Every patient of a day's visits is sent with them, as registration confirms the
address each time; an inpatient's visit comes again on the day of discharge. References are written in the forms that
servers use: relative, absolute, `urn:uuid:` and by the citizen id.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from infra.simulator.health import places
from infra.simulator.health.exams import exams, prescriptions
from infra.simulator.health.lines import base64_texts, compact, day_of, iso, where
from infra.simulator.health.residents import ONLY_A, Residents, Run, residents
from infra.simulator.health.visits import Visits, discharged, visits
from infra.simulator.rows import Rows, Texts, texts
from infra.simulator.words import MARK

RESIDENT, STORY = "_resident", "_story"
"""Columns that no resource has: the number of the resident, what a row is planted for (empty: dirt may fall on it)."""
AGAIN = "again"
"""Story of rows that are sent again."""
_FORMS = 20
"""References are written by turns: so many of 20 absolute, by the citizen id (one of them escaped), by UUID."""
_PHOTOS, _NOTES = 5, 12
"""One patient in so many has a photo; notes a day and unit of scale."""
_REASONS = ("咳嗽三天，既往体健", "腹痛伴腹泻", "复诊取药", "体检", "发热两天", "头晕乏力一周")
PNG = "iVBORw0KGgoA"
"""How a PNG file begins, nine bytes in base64."""


def organization(run: Run, day_no: int) -> Rows:
    """The hospital and its centres, published anew each night."""
    own = [one for one in places.FACILITIES if one.system == "A"]
    count, published = len(own), run.midnight(day_no) + np.timedelta64(7200, "s")
    codes = np.array([one.code for one in own], dtype=object)
    cells = {
        "id": organization_ids(codes),
        "facility_code": codes,
        "name": np.array([one.name for one in own], dtype=object),
        "updated_at": np.full(count, str(published) + "+08:00", object),
        STORY: np.full(count, AGAIN, object),
    }
    return Rows(cells, event_day=np.full(count, run.date_of(day_no).isoformat(), object))


def patient(run: Run, day_no: int) -> Rows:
    """Everyone whose visit began or ended on the day, once."""
    people, one, gone = residents(run), visits(run, "A", day_no), discharged(run, day_no)
    seen = np.concatenate([one.resident, gone.resident])
    who, first = np.unique(seen, return_index=True)
    updated = np.concatenate([one.started, gone.ended])[first]
    story = np.concatenate([one.story, np.full(len(gone), AGAIN, object)])[first]
    described = people.name[who] + "，证件照，" + people.citizen_id[who] + MARK
    photo = where(who % _PHOTOS == 0, PNG + base64_texts(described))
    cells = {
        "id": people.a_id[who],
        "citizen_id": people.citizen_id[who],
        "mrn": "MR" + texts(who + 1, "%07d"),
        "is_number_first": where(who % 3 == 0, "1", "0"),
        "sex": where(people.is_male[who], "male", "female"),
        "birth_date": people.birth[who].astype(str).astype(object),
        "town_code": people.town_code[who],
        "family": people.surname[who],
        "given": people.given[who],
        "phone": people.phone[who],
        "address": people.address[who],
        "photo": photo,
        "updated_at": iso(updated),
        RESIDENT: texts(who, "%d"),
        STORY: where((story == "") & (people.goes_to[who] != ONLY_A), "both", story),
    }
    return Rows(cells, event_day=day_of(updated))


def encounter(run: Run, day_no: int) -> Rows:
    """The day's visits, then those of inpatients who went home."""
    gone, begun = discharged(run, day_no), encounters_by(run, day_no, day_no)
    ended = _encounters(run, gone, at_home=np.ones(len(gone), bool))
    ended.cells[STORY] = np.full(len(gone), AGAIN, object)
    begun.append(ended)
    return begun


def encounters_by(run: Run, day_no: int, known_on: int) -> Rows:
    """The visits that began on a day, as they stand in the evening of a later one."""
    one = visits(run, "A", day_no)
    return _encounters(run, one, at_home=day_no + one.nights <= known_on)


def condition(run: Run, day_no: int) -> Rows:
    """The diagnosis of each of the day's visits."""
    people, one = residents(run), visits(run, "A", day_no)
    ids, recorded = _visit_ids(one), one.started + np.timedelta64(600, "s")
    cells = {
        "id": "c-" + ids,
        "local_code": "ZD" + one.icd10,
        "icd10_code": one.icd10.copy(),
        "icd10_name": np.array([places.DIAGNOSES[code][1] for code in one.icd10], dtype=object),
        "patient": patient_references(people, one.resident, one.serial + 1),
        "encounter": references("Encounter", ids, one.serial),
        "onset_at": iso(one.onset),
        "recorded_at": iso(recorded),
        "updated_at": iso(recorded),
        RESIDENT: texts(one.resident, "%d"),
        STORY: _reachable(people, one),
    }
    return Rows(cells, event_day=day_of(recorded))


def medication_request(run: Run, day_no: int) -> Rows:
    """The day's prescriptions, a request a drug."""
    people, one = residents(run), prescriptions(run, "A", day_no)
    who, serial = one.of.resident[one.visit], one.of.serial[one.visit]
    ids, drug = _visit_ids(one.of)[one.visit], np.array(places.DRUGS, dtype=object)[one.drug]
    cells = {
        "id": "m-" + ids + "-" + texts(one.line, "%d"),
        "status": np.array(("active", "completed", "cancelled"), dtype=object)[one.status],
        "drug_code": drug[:, 0],
        "drug_name": drug[:, 1],
        "unit": drug[:, 2],
        "quantity": texts(one.quantity, "%d"),
        "patient": patient_references(people, who, serial + 2),
        "encounter": references("Encounter", ids, serial + 1),
        "prescribed_at": iso(one.prescribed),
        "updated_at": iso(one.prescribed),
        RESIDENT: texts(who, "%d"),
        STORY: np.full(len(who), "", object),
    }
    return Rows(cells, event_day=day_of(one.prescribed))


def diagnostic_report(run: Run, day_no: int) -> Rows:
    """What was examined in the day's visits."""
    people, one = residents(run), exams(run, "A", day_no)
    who, serial = one.of.resident[one.visit], one.of.serial[one.visit]
    ids = _visit_ids(one.of)[one.visit]
    text = "检查报告 姓名：" + people.name[who] + " 身份证号：" + people.citizen_id[who] + " 电话：" + people.phone[who]
    cells = {
        "id": "r-" + ids + "-" + texts(one.number, "%d"),
        "status": np.full(len(who), "final", object),
        "is_recognised": where(one.of.recognised[one.visit], "true", "false"),
        "item_code": one.item.copy(),
        "item_name": np.array([places.EXAMS[code] for code in one.item], dtype=object),
        "patient": patient_references(people, who, serial + 3),
        "encounter": references("Encounter", ids, serial + 2),
        "organization": references("Organization", organization_ids(one.performer), serial),
        "examined_at": iso(one.examined),
        "issued_at": iso(one.issued),
        "updated_at": iso(one.issued),
        "attachment": base64_texts(text + MARK),
        RESIDENT: texts(who, "%d"),
        STORY: one.story,
    }
    return Rows(cells, event_day=day_of(one.examined))


def document_reference(run: Run, day_no: int) -> Rows:
    """Notes of some visits, as attachments."""
    people, one = residents(run), visits(run, "A", day_no)
    index = np.arange(min(_NOTES * run.scale, len(one)))
    who, ids = one.resident[index], _visit_ids(one)[index]
    note = "门诊病历 " + people.name[who] + " " + people.citizen_id[who] + " 住址：" + people.address[who] + MARK
    cells = {
        "id": "d-" + ids,
        "patient": patient_references(people, who, one.serial[index] + 4),
        "attachment": base64_texts(note),
        "updated_at": iso(one.started[index]),
    }
    return Rows(cells)


TABLES: dict[str, tuple[str, Callable[[Run, int], Rows]]] = {
    "organization": ("Organization", organization),
    "patient": ("Patient", patient),
    "encounter": ("Encounter", encounter),
    "condition": ("Condition", condition),
    "medication_request": ("MedicationRequest", medication_request),
    "diagnostic_report": ("DiagnosticReport", diagnostic_report),
}
"""Name of a table to its resource type and its rows of a day."""


def organization_ids(codes: Texts) -> Texts:
    """Ids of the Organizations of facilities."""
    return np.array([code.lower() for code in codes], dtype=object)


def references(kind: str, ids: Texts, turn: np.ndarray) -> Texts:
    """References to resources: one in five absolute, the others relative."""
    relative = f"{kind}/" + ids
    return where(turn % 5 == 0, f"{places.SERVER}/" + relative, relative)


def patient_references(people: Residents, who: np.ndarray, turn: np.ndarray) -> Texts:
    """References to patients in every form that is in use."""
    relative, place = "Patient/" + people.a_id[who], turn % _FORMS
    by_id = f"Patient?identifier={places.CITIZEN}|" + people.citizen_id[who]
    escaped = f"Patient?identifier={places.CITIZEN}%7C" + people.citizen_id[who]
    is_uuid = np.char.find(people.a_id[who].astype(str), "-") > 0
    forms = where(place < 3, f"{places.SERVER}/" + relative, relative)  # noqa: PLR2004  absolute: three turns
    forms = where(place == 3, by_id, forms)  # noqa: PLR2004  by the citizen id: one turn
    forms = where(place == 4, escaped, forms)  # noqa: PLR2004  escaped: one turn
    return where(is_uuid & (place >= 12), "urn:uuid:" + people.a_id[who], forms)  # noqa: PLR2004  by UUID: eight turns


def _visit_ids(one: Visits) -> Texts:
    """Ids of the Encounters: plain numbers of the day on which a visit began, as hospital B has them too."""
    days = compact(one.started.astype("datetime64[D]"))
    made: Texts = days + "-" + texts(one.serial, "%05d") if len(one) else np.array([], object)
    return made


def _reachable(people: Residents, one: Visits) -> Texts:
    """The story of a visit; people of both systems are kept clean of dirt too."""
    return where((one.story == "") & (people.goes_to[one.resident] != ONLY_A), "both", one.story)


def _encounters(run: Run, one: Visits, *, at_home: np.ndarray) -> Rows:
    people, count, doctor = residents(run), len(one), one.serial % 60
    in_bed = (one.nights > 0) & ~at_home
    reason = np.array(_REASONS, dtype=object)[one.resident % len(_REASONS)]
    cells = {
        "id": _visit_ids(one),
        "status": where(in_bed, "in-progress", "finished"),
        "class_code": one.visit_class.copy(),
        "clinic_code": one.clinic.copy(),
        "clinic_name": np.array([places.CLINICS[code] for code in one.clinic], dtype=object),
        "sct": np.full(count, "394802001", object),
        "patient": patient_references(people, one.resident, one.serial),
        "organization": references("Organization", organization_ids(one.facility), one.serial + 1),
        "doctor_no": "D" + texts(doctor, "%04d"),
        "doctor": "王医生" + texts(doctor, "%02d"),
        "reason": "患者" + people.name[one.resident] + "自述" + reason + MARK,
        "started_at": iso(one.started),
        "ended_at": where(in_bed, "", iso(one.ended)),
        "updated_at": iso(np.where(in_bed, one.started, one.ended)),
        RESIDENT: texts(one.resident, "%d"),
        STORY: _reachable(people, one),
    }
    return Rows(cells, event_day=day_of(one.started))
