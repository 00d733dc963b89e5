"""The health department: people who are one across feeds, forms of its files, and the truth against the files."""

from __future__ import annotations

import base64
import re
import zipfile
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stdnum.cn import ric

from infra.simulator.city import City
from infra.simulator.health import outbreak, places
from infra.simulator.health.hospital_a import patient_references
from infra.simulator.health.residents import BOTH, GROUPS, Run, residents
from infra.simulator.health.visits import visits
from infra.simulator.health_truth import health_effects, weekly
from infra.simulator.words import MARK
from tests.unit.infra.simulator.conftest import Row

A_DAY = "wjj/hospital_a_record/hospital_a_record_20260303.zip"
REFERENCES = {
    "relative": r"^Patient/[A-Za-z0-9-]+$",
    "absolute": r"^https://fhir\.zs-h1\.example/r4/Patient/",
    "by the citizen id": r"^Patient\?identifier=urn:oid:2\.16\.156\.10011\.1\.3\|[0-9X]{18}$",
    "escaped": r"^Patient\?identifier=urn:oid:2\.16\.156\.10011\.1\.3%7C[0-9X]{18}$",
    "by UUID": r"^urn:uuid:[0-9a-f-]{36}$",
}


def everything(drop: dict[str, Any], feed: str, table: str) -> list[Row]:
    """Rows of a table in all files of a feed, in the order of their paths."""
    return [row for path, tables in drop.items() if f"/{feed}/" in path for row in tables[table]]


def test_people_have_valid_numbers_of_their_own() -> None:
    people = residents(Run.of(City()))
    assert len(set(people.citizen_id)) == len(set(people.a_id)) == len(set(people.b_number)) == len(people)
    assert "123" in people.a_id
    assert "123" in people.b_number
    for number in range(0, len(people), 400):
        citizen = people.citizen_id[number]
        assert ric.calc_check_digit(citizen) == citizen[-1]
        assert ric.get_birth_date(citizen) == people.birth[number].astype(object)
        assert (int(citizen[16]) % 2 == 1) == people.is_male[number]
        assert citizen.startswith("442000")


def test_a_day_does_not_depend_on_other_days() -> None:
    run, other = Run.of(City()), Run.of(City(days=300))
    later, first = visits(other, "A", 200), visits(run, "A", 3)
    assert len(later) > 100
    assert np.array_equal(first.started, visits(other, "A", 3).started)


def test_a_day_examines_one_group_so_that_repeats_are_the_planted_ones() -> None:
    run = Run.of(City())
    for day_no in range(-10, 5):
        one = visits(run, "B", day_no)
        group = run.date_of(day_no).toordinal() % GROUPS
        by_chance = one.resident[(one.item != "") & (one.story != "repeated")]
        assert {int(who) % GROUPS for who in by_chance} == {group}


def test_references_come_in_every_form(drop: dict[str, Any]) -> None:
    sent = [row["subject"]["reference"] for row in drop[A_DAY]["encounter"]]
    sent += [row["subject"]["reference"] for row in drop[A_DAY]["condition"]]
    for name, form in REFERENCES.items():
        assert sum(bool(re.match(form, one)) for one in sent) > 3, name
    assert all(any(re.match(form, one) for form in REFERENCES.values()) for one in sent)


def test_every_reference_leads_to_a_resource_of_its_export_but_the_planted_ones(drop: dict[str, Any]) -> None:
    day = drop[A_DAY]
    people = residents(Run.of(City()))
    ids = {row["id"] for row in day["patient"]}
    known = {form for who in np.flatnonzero(np.isin(people.a_id, list(ids))) for form in forms(people, who)}
    subjects = [row["subject"]["reference"] for table in ("encounter", "condition") for row in day[table]]
    assert Counter(one for one in subjects if one not in known) == {"Patient/99999999": 2}
    encounters = {row["id"] for row in day["encounter"]}
    for table in ("condition", "medication_request", "diagnostic_report"):
        assert {row["encounter"]["reference"].rpartition("/")[2] for row in day[table]} <= encounters
    organisations = {row["id"] for row in day["organization"]}
    assert {row["serviceProvider"]["reference"].rpartition("/")[2] for row in day["encounter"]} <= organisations


def forms(people: Any, who: int) -> set[str]:
    """Every form in which a patient may be referred to."""
    turns = np.arange(20)
    return set(patient_references(people, np.full(len(turns), who), turns))


def test_an_inpatient_comes_again_on_the_day_of_discharge(drop: dict[str, Any]) -> None:
    files = [tables["encounter"] for path, tables in drop.items() if "/hospital_a_record/" in path]
    assert len(files) == 5
    by_id: dict[str, list[Row]] = defaultdict(list)
    for rows in files:
        for row in rows:
            by_id[row["id"]].append(row)
    again = [rows for rows in by_id.values() if len({row["status"] for row in rows}) > 1]
    assert len(again) > 5
    for first, last in again:
        assert (first["class"]["code"], first["status"], last["status"]) == ("IMP", "in-progress", "finished")
        assert "end" not in first["period"]
        assert last["period"]["end"] > last["period"]["start"] == first["period"]["start"]


def test_attachments_and_texts_hold_what_must_not_leave_the_hospital(out: Path) -> None:
    """A scan of what the lake keeps has something to find."""
    with zipfile.ZipFile(out / "drop" / A_DAY) as archive:
        text = "".join(archive.read(name).decode() for name in archive.namelist())
    attached = [base64.b64decode(one) for one in re.findall(r'"data":"([A-Za-z0-9+/=]+)"', text)]
    assert len(attached) > 100
    assert all(re.search(rb"442000[0-9]{11}[0-9X]", one) for one in attached)
    assert '"display":"王医生' in text
    assert MARK in text


def test_messages_repeat_identifiers_and_escape_delimiters(drop: dict[str, Any]) -> None:
    rows = everything(drop, "lab_report", "report")
    numbers = [[one.split("^")[0] for one in row["PID"][2].split("~")] for row in rows]
    assert all(number.isdecimal() and ric.calc_check_digit(citizen) == citizen[-1] for number, citizen in numbers)
    names = " ".join(row["PID"][4] for row in rows)
    assert all(escape in names for escape in ("\\T\\", "\\F\\", "\\R\\", "\\S\\"))
    assert {row["MSH"][2] for row in rows} == {places.HOSPITAL_B, *places.LABORATORIES}
    several = sum(row["OBR"][0] == "2" for row in rows)
    assert several > 10


def test_hospitals_write_clinics_and_diagnoses_each_in_its_way(drop: dict[str, Any]) -> None:
    b = everything(drop, "hospital_b_visit", "hospital_b_visit")
    assert all(re.fullmatch(r"\d\d\.\d\d", row["科室代码"]) for row in b)
    coded = [row["西医诊断编码"] for row in b if row["西医诊断编码"] != "发热待查"]
    assert all(re.fullmatch(r"[A-Z]\d\d\.(\d\d\d|x\d\d)", code) for code in coded)
    a = [row["code"]["coding"][1]["code"] for row in everything(drop, "hospital_a_record", "condition")]
    assert set(a) <= set(places.DIAGNOSES)
    assert {code.replace(".x00", "")[:5] for code in coded} >= {"J06.9", "I10"}


def _examined(drop: dict[str, Any]) -> dict[str, tuple[str, str, str, str, bool]]:
    """Reports by number, from the files: person, item, facility, minute, and whether recognised."""
    found = {}
    patients: dict[str, str] = {}
    people = residents(Run.of(City()))
    for row in everything(drop, "hospital_a_record", "patient"):
        (citizen,) = (one["value"] for one in row["identifier"] if one["system"] == places.CITIZEN)
        (who,) = np.flatnonzero(people.citizen_id == citizen)
        patients |= dict.fromkeys(forms(people, int(who)), citizen)
    for row in everything(drop, "hospital_a_record", "diagnostic_report"):
        recognised = row["extension"][1]["valueBoolean"]
        facility = row["performer"][0]["reference"].rpartition("/")[2].upper()
        item = row["code"]["coding"][0]["code"]
        examined = re.sub(r"[-T:]", "", row["effectiveDateTime"][:19])
        found[row["id"]] = patients[row["subject"]["reference"]], item, facility, examined, recognised
    for row in everything(drop, "lab_report", "report"):
        obr = row["OBR"]
        citizen = row["PID"][2].split("~")[1].split("^")[0]
        found[obr[2]] = citizen, obr[3].split("^")[0], row["MSH"][2], obr[6], row["ZRR"][1] == "Y"
    return found


def test_repeats_counted_from_the_files_are_the_truths(drop: dict[str, Any], truth: dict[str, Any]) -> None:
    groups: dict[tuple[str, str], list[tuple[str, str, bool]]] = defaultdict(list)
    for person, item, facility, at, recognised in _examined(drop).values():
        groups[person, item].append((at, facility, recognised))
    repeated = [
        later[2]
        for exams in groups.values()
        for earlier, later in pairwise(sorted(exams))
        if earlier[1] != later[1] and not earlier[2] and _moment(later[0]) - _moment(earlier[0]) <= timedelta(days=14)
    ]
    expected = truth["effects"]["health"]["repeats"]
    assert (len(repeated), sum(repeated)) == (expected["repeated"], expected["recognised"])
    assert 0 < expected["recognised"] < expected["repeated"]


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d%H%M%S")  # noqa: DTZ007 - both local


def test_cases_counted_from_the_cards_are_the_truths(drop: dict[str, Any], truth: dict[str, Any]) -> None:
    """Dirt is in the same files: what the truth of the files refuses is left out by its rule's value."""
    last: dict[str, Row] = {}
    for row in everything(drop, "notifiable_disease_card", "notifiable_disease_card"):
        bad = row["disease_code"] == "UNKNOWN" or row["onset_date"] in (None, "2099-01-01")
        bad |= row["case_class"] == "待定" or row["diagnosed_at"][11:13] == "25"
        if not bad and row["revision"] >= last.get(row["card_no"], {"revision": -1})["revision"]:
            last[row["card_no"]] = row
    counts: Counter[tuple[str, str, str]] = Counter()
    for row in last.values():
        day = date.fromisoformat(row["diagnosed_at"][:10])
        monday = (day - timedelta(days=day.weekday())).isoformat()
        counts[row["disease_code"], row["town_code"], monday] += not row["is_withdrawn"]
    expected = truth["effects"]["health"]["weekly"]
    assert +counts == Counter(
        {(d, t, w): n for d, towns in expected.items() for t, weeks in towns.items() for w, n in weeks.items()}
    )
    assert truth["effects"]["health"]["cards"]["withdrawn"] == sum(row["is_withdrawn"] for row in last.values())


@pytest.fixture(scope="module")
def effects() -> dict[str, Any]:
    """With a history that holds the outbreak."""
    return health_effects(City(days=1, history=25))


def test_the_outbreak_is_all_there_is_of_its_disease_in_its_town(effects: dict[str, Any]) -> None:
    found = effects["outbreak"]
    assert found["cards"] == sum(outbreak.CASES)
    assert date.fromisoformat(found["week"][0]).weekday() == 0
    assert effects["weekly"][found["disease"]][found["town"]] == {found["week"][0]: found["cards"]}
    elsewhere = {town: weeks for town, weeks in effects["weekly"][found["disease"]].items() if town != found["town"]}
    assert max(max(weeks.values()) for weeks in elsewhere.values()) <= 2


def test_weeks_have_towns_with_few_cases_and_with_many(effects: dict[str, Any]) -> None:
    cells = [
        towns[town]["2026-02-16"]
        for towns in effects["weekly"].values()
        for town in towns
        if "2026-02-16" in towns[town]
    ]
    assert sum(count < 5 for count in cells) > 20
    assert sum(count >= 8 for count in cells) > 3


def test_an_earlier_moment_knows_fewer_cards() -> None:
    city = City(days=2)
    moment = city.midnight(2)
    before, after = (
        sum(n for towns in found.values() for weeks in towns.values() for n in weeks.values())
        for found in (weekly(city, moment), weekly(city))
    )
    assert 20 < before < after


def test_many_are_seen_in_both_hospitals_and_most_are_not(effects: dict[str, Any]) -> None:
    found, people = effects["residents"], residents(Run.of(City()))
    assert 100 < found["pairs"] < 0.1 * found["A"]
    assert 0 < (people.goes_to == BOTH).sum() < 0.05 * len(people)


def test_late_reports_by_class(effects: dict[str, Any]) -> None:
    found = effects["late_cards"]
    assert set(found) == {"甲", "乙", "丙"}
    assert all(0 < one["late"] < one["reported"] for one in found.values() if one["reported"] > 5)
    # Of some cards that are revised in the first days the first report was sent before the history.
    first_reports = sum(one["reported"] for one in found.values())
    assert 0.98 * effects["cards"]["cards"] < first_reports < effects["cards"]["cards"]


def test_appointments_and_prescriptions_add_up(effects: dict[str, Any]) -> None:
    appointments = effects["appointments"]
    assert appointments["total"] == sum(sum(one.values()) for one in appointments["by_channel"].values())
    assert appointments["no_shows"] == sum(one["爽约"] for one in appointments["by_channel"].values())
    assert set(effects["prescriptions"]["B"]) == {"已开具", "已调剂", "已撤销"}
