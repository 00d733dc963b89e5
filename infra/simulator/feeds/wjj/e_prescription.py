"""电子处方: the prescriptions of hospital B and its centres, a line a drug, NDJSON in the evening."""

from __future__ import annotations

from datetime import time, timedelta

import numpy as np

from infra.simulator.city import City
from infra.simulator.feed import Feed
from infra.simulator.feeds.wjj.hospital_b_visit import visit_no
from infra.simulator.health.exams import prescriptions
from infra.simulator.health.lines import day_of, iso, where
from infra.simulator.health.places import DRUGS
from infra.simulator.health.planned import spoiled
from infra.simulator.health.residents import Run, residents
from infra.simulator.model import Slot, TableTruth
from infra.simulator.planted import Planted
from infra.simulator.rows import Rows, texts
from infra.simulator.writers import json_bytes

_ID = "wjj.e_prescription"
MEMBERS = (
    "rx_no", "line_no", "facility_code", "visit_no", "id_no", "patient_name", "sex", "birth_date", "town_code",
    "prescribed_at", "drug_code", "drug_name", "dose_text", "quantity", "unit", "days", "status", "dispensed_at",
    "doctor", "pharmacist",
)  # fmt: skip
OPEN, DISPENSED, CANCELLED = "已开具", "已调剂", "已撤销"
_DIRT = (
    Planted(_ID, 1, "cell", 2, "status.allowed", {"status": "已作废"}),
    Planted(_ID, 2, "cell", 1, "quantity.range", {"quantity": "-2"}),
    Planted(_ID, 2, "duplicate", 2),
    Planted(_ID, 2, "cell", 1, "days.range", {"days": "0"}),
    Planted(_ID, 3, "cell", 2, "drug_code.required", {"drug_code": ""}),
    Planted(_ID, 4, "cell", 1, "prescribed_at.type", {"prescribed_at": "{day}T25:00:00+08:00"}),
    Planted(_ID, 5, "redelivery", revision=2, arrives_day=5, arrives=time(23, 20)),
)


def prescription_rows(city: City, slot: Slot) -> Rows:
    """The rows of a file, dirt included."""
    run, day_no, day = Run.of(city), city.day_no(slot.start), slot.start.date().isoformat()
    people, one = residents(run), prescriptions(run, "B", day_no)
    who, drug = one.of.resident[one.visit], np.array(DRUGS, dtype=object)[one.drug]
    dispensed = one.prescribed + np.timedelta64(1500, "s")
    number = visit_no(one.of, day)[one.visit]
    cells = {
        "rx_no": "CF" + number,
        "line_no": texts(one.line, "%d"),
        "facility_code": one.of.facility[one.visit],
        "visit_no": number,
        "id_no": people.citizen_id[who],
        "patient_name": people.name[who],
        "sex": where(people.is_male[who], "男", "女"),
        "birth_date": people.birth[who].astype(str).astype(object),
        "town_code": people.town_code[who],
        "prescribed_at": iso(one.prescribed),
        "drug_code": drug[:, 0],
        "drug_name": drug[:, 1],
        "dose_text": people.name[who] + "：每日三次，每次一份，饭后服用",
        "quantity": texts(one.quantity, "%d"),
        "unit": drug[:, 2],
        "days": texts(one.days, "%d"),
        "status": np.array((OPEN, DISPENSED, CANCELLED), dtype=object)[one.status],
        "dispensed_at": where(one.status == 1, iso(dispensed)),
        "doctor": "李医生" + texts(who % 40, "%02d"),
        "pharmacist": "周药师" + texts(who % 12, "%02d"),
    }
    rows = Rows(cells, event_day=day_of(one.prescribed))
    return spoiled(city, _ID, _DIRT, slot, rows)


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    rows = prescription_rows(city, slot)
    members = {name: name for name in MEMBERS}
    return json_bytes(rows, members, numbers=("line_no", "quantity", "days")), {"e_prescription": rows.truth()}


FEED = Feed(
    department="wjj",
    name="e_prescription",
    every="day",
    filename="e_prescription_{start:%Y%m%d}{suffix}.ndjson",
    arrives=timedelta(hours=22, minutes=45),
    render=_render,
    dirt=_DIRT,
)
