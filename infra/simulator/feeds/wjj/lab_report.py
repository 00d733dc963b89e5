"""检验检查报告索引: the reports of hospital B and of two laboratories, HL7 v2.5 messages in the evening."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from infra.simulator.city import City
from infra.simulator.feed import Feed
from infra.simulator.feeds.wjj.hospital_b_visit import RESIDENT, visit_no
from infra.simulator.health.exams import Exams, exams
from infra.simulator.health.hl7 import escaped, hl7_bytes
from infra.simulator.health.lines import compact, day_of, joined, where
from infra.simulator.health.places import EXAMS
from infra.simulator.health.planned import spoiled
from infra.simulator.health.residents import Run, residents
from infra.simulator.model import Slot, TableTruth
from infra.simulator.planted import Planted
from infra.simulator.rows import Rows, texts
from infra.simulator.words import MARK

_ID = "wjj.lab_report"
FINAL, PRELIMINARY = "F", "P"
STORY = "_story"
_DIRT = (
    Planted(_ID, 1, "cell", 1, "sex.allowed", {"sex": "X"}),
    Planted(_ID, 1, "duplicate", 2),
    Planted(_ID, 2, "cell", 2, "status.allowed", {"status": "Z"}),
    Planted(_ID, 3, "cell", 1, "examined_at.type", {"examined_at": "20260231080000"}),
    Planted(_ID, 4, "cell", 2, "item_code.required", {"item_code": ""}),
    Planted(_ID, 5, "cell", 1, "town_code.pattern", {"town_code": "528400"}),
)
_EVERY = 37
"""One resident in so many has a name with characters that are escaped, one in as many an alias."""


def report_rows(city: City, slot: Slot) -> Rows:
    """The rows of a file, dirt included: the day's reports, then the final ones of the day before's preliminary."""
    run, day_no = Run.of(city), city.day_no(slot.start)
    rows = _of_day(run, day_no, day_no)
    rows.append(_final(run, day_no))
    return spoiled(city, _ID, _DIRT, slot, rows, story=rows.cells[STORY])


def _of_day(run: Run, day_no: int, known_on: int) -> Rows:
    """The day's reports as they stand in the evening of a later day, or of the day itself."""
    one = exams(run, "B", day_no)
    status = where(one.preliminary & (day_no == known_on), PRELIMINARY, FINAL)
    return _rows(run, day_no, one, np.arange(len(one.visit)), status, one.issued)


def _final(run: Run, day_no: int) -> Rows:
    """What was preliminary on the day before, as final on this morning; planted rows are what they were."""
    one = exams(run, "B", day_no - 1)
    index = np.flatnonzero(one.preliminary)
    issued = np.full(len(one.visit), run.midnight(day_no) + np.timedelta64(9 * 3600, "s"))
    rows = _rows(run, day_no - 1, one, index, np.full(len(one.visit), FINAL, object), issued)
    rows.cells[STORY] = np.full(len(rows), "final", object)
    return rows


def _rows(run: Run, day_no: int, one: Exams, index: np.ndarray, status: np.ndarray, issued: np.ndarray) -> Rows:
    people, of = residents(run), one.of
    visit = one.visit[index]
    who, item = of.resident[visit], one.item[index]
    count = len(who)
    value = texts(40 + (who * 7 + one.number[index]) % 900, "%d")
    cells = {
        "report_no": "JC" + visit_no(of, run.date_of(day_no).isoformat())[visit] + "-" + texts(one.number[index], "%d"),
        "laboratory_code": one.performer[index],
        "patient_no": people.b_number[who],
        "resident": people.citizen_id[who],
        "family": people.surname[who],
        "given": where(who % _EVERY == 1, people.given[who] + "&家属|代", people.given[who]),
        "alias": where(who % _EVERY == 2, "阿" + people.given[who] + "~^", ""),  # noqa: PLR2004  another of the many
        "sex": where(people.is_male[who], "M", "F"),
        "birth_date": compact(people.birth[who]),
        "town_code": people.town_code[who],
        "address": people.address[who],
        "phone": people.phone[who],
        "item_code": item.copy(),
        "item_name": np.array([EXAMS[code] for code in item], dtype=object),
        "examined_at": compact(one.examined[index]),
        "issued_at": compact(issued[index]),
        "status": status[index],
        "ordering_facility_code": of.facility[visit],
        "is_recognised": where(of.recognised[visit], "Y", "N"),
        "result": joined(count, value, " \\T\\ 参考值见附页\\.br\\", escaped(people.name[who]), MARK),
        "note": joined(count, "已电话通知", escaped(people.name[who]), people.phone[who]),
        RESIDENT: texts(who, "%d"),
        STORY: one.story[index],
    }
    return Rows(cells, event_day=day_of(one.examined[index]))


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    rows = report_rows(city, slot)
    return hl7_bytes(rows), {"report": rows.truth()}


def _bulk(city: City, slots: Sequence[Slot]) -> tuple[bytes, int]:
    """A month in one file: every report once, as it stands when all is handed over."""
    first, *others = (_of_day(Run.of(city), city.day_no(slot.start), 0) for slot in slots)
    for rows in others:
        first.append(rows)
    return hl7_bytes(first), len(first)


FEED = Feed(
    department="wjj",
    name="lab_report",
    every="day",
    filename="lab_report_{start:%Y%m%d}{suffix}.hl7",
    arrives=timedelta(hours=22, minutes=40),
    render=_render,
    dirt=_DIRT,
    bulk=_bulk,
)
