"""预约挂号: what the booking platform knows of appointments that are new or ended on a day, CSV in UTF-8."""

from __future__ import annotations

from datetime import time, timedelta

from infra.simulator.city import City
from infra.simulator.feed import Feed
from infra.simulator.health.appointments import BOOKED, sent_on
from infra.simulator.health.lines import day_of, spaced, where
from infra.simulator.health.planned import spoiled
from infra.simulator.health.residents import Run, residents
from infra.simulator.model import Slot, TableTruth
from infra.simulator.planted import Planted
from infra.simulator.rows import Rows, texts
from infra.simulator.writers import csv_bytes

_ID = "wjj.appointment"
COLUMNS = (
    "appointment_no", "channel", "facility_code", "clinic_code", "id_no", "patient_name", "phone", "sex", "birth_date",
    "town_code", "booked_at", "scheduled_at", "status", "status_at",
)  # fmt: skip
_DIRT = (
    Planted(_ID, 1, "cell", 1, "channel.allowed", {"channel": "支付宝"}),
    Planted(_ID, 1, "duplicate", 2),
    Planted(_ID, 2, "cell", 2, "scheduled_at.type", {"scheduled_at": "待定"}),
    Planted(_ID, 2, "late", arrives_day=3, arrives=time(9, 20)),
    Planted(_ID, 3, "cell", 1, "booked_before_scheduled", {"scheduled_at": "2020-01-01 08:00:00"}),
    Planted(_ID, 3, "check", 2, "resident_check_digit", {"id_no": ""}, "flag"),
    Planted(_ID, 4, "cell", 1, "status.allowed", {"status": "已改期"}),
    Planted(_ID, 5, "cell", 2, "facility_code.required", {"facility_code": ""}),
)


def appointment_rows(city: City, slot: Slot) -> Rows:
    """The rows of a file, dirt included."""
    run, day_no = Run.of(city), city.day_no(slot.start)
    people = residents(run)
    one, is_last = sent_on(run, day_no)
    who = one.resident
    cells = {
        "appointment_no": "YY" + one.booked_on + "-" + texts(one.serial, "%05d"),
        "channel": one.channel.copy(),
        "facility_code": one.facility.copy(),
        "clinic_code": one.clinic.copy(),
        "id_no": people.citizen_id[who],
        "patient_name": people.name[who],
        "phone": people.phone[who],
        "sex": where(people.is_male[who], "男", "女"),
        "birth_date": people.birth[who].astype(str).astype(object),
        "town_code": people.town_code[who],
        "booked_at": spaced(one.booked),
        "scheduled_at": spaced(one.scheduled),
        "status": where(is_last, one.end, BOOKED),
        "status_at": where(is_last, spaced(one.ended), spaced(one.booked)),
    }
    rows = Rows(cells, event_day=day_of(one.booked))
    return spoiled(city, _ID, _DIRT, slot, rows)


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    rows = appointment_rows(city, slot)
    return csv_bytes(rows, COLUMNS), {"appointment": rows.truth()}


FEED = Feed(
    department="wjj",
    name="appointment",
    every="day",
    filename="appointment_{start:%Y%m%d}{suffix}.csv",
    arrives=timedelta(hours=22, minutes=50),
    render=_render,
    history="files",
    dirt=_DIRT,
)
