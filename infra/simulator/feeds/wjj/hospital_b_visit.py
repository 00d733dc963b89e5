"""医院B就诊: hospital B and its centres, the day's visits late in the evening, WS 445-like CSV in GB18030."""

from __future__ import annotations

from datetime import time, timedelta

import numpy as np

from infra.simulator.city import City
from infra.simulator.feed import Feed
from infra.simulator.health.lines import compact, day_of, where
from infra.simulator.health.places import DIAGNOSES
from infra.simulator.health.planned import spoiled
from infra.simulator.health.residents import BOTH, Run, residents
from infra.simulator.health.visits import AMBULATORY, EMERGENCY, INPATIENT, Visits, visits
from infra.simulator.model import Slot, TableTruth
from infra.simulator.planted import Planted
from infra.simulator.rows import Rows, Texts, texts
from infra.simulator.words import MARK
from infra.simulator.writers import csv_bytes

_ID = "wjj.hospital_b_visit"
COLUMNS = (
    "机构代码", "门诊号", "健康卡号", "姓名", "身份证号", "性别", "出生日期", "现住址", "镇街代码", "联系电话",
    "就诊类型", "科室代码", "就诊日期时间", "发病日期时间", "主诉", "西医诊断编码", "其他诊断", "责任医师", "病情转归",
)  # fmt: skip
RESIDENT = "_resident"
"""A column that no file has: the number of the resident."""
OTHER_YEARS_CODE = "A90.x00"
"""Dengue before the edition of 2019."""
_DIRT = (
    Planted(_ID, 1, "cell", 1, "visit_class.allowed", {"就诊类型": "9"}),
    Planted(_ID, 1, "cell", 2, "visited_at.required", {"就诊日期时间": ""}),
    Planted(_ID, 1, "duplicate", 2),
    Planted(_ID, 2, "cell", 1, "born_before_visit", {"出生日期": "20990101"}),
    Planted(_ID, 2, "cell", 1, "town_code.pattern", {"镇街代码": "4420"}),
    Planted(_ID, 2, "cell", 1, "icd10.other_year", {"西医诊断编码": OTHER_YEARS_CODE}, "accept"),
    Planted(_ID, 3, "cell", 2, "icd10_code.pattern", {"西医诊断编码": "发热待查"}),
    Planted(_ID, 3, "correction", revision=2, arrives_day=4, arrives=time(10, 30)),
    Planted(_ID, 4, "cell", 1, "sex.allowed", {"性别": "男"}),
    Planted(_ID, 4, "conflict", 1, cells={"病情转归": "其他", "主诉": "与前一条不同"}),
    Planted(_ID, 5, "cell", 1, "visited_at.type", {"就诊日期时间": "20260231120000"}),
)
_CLASSES = {AMBULATORY: "1", EMERGENCY: "2", INPATIENT: "3"}
COMPLAINTS = ("咳嗽三天", "发热两天，体温38.6℃", "腹痛、腹泻", "头晕一周", "复诊取药", "腰痛", "咽痛、流涕")


def visit_no(one: Visits, day: str) -> Texts:
    """Visit numbers as hospital B writes them, plain numbers of its own."""
    return day.replace("-", "") + "-" + texts(one.serial, "%05d")


def national(codes: Texts) -> Texts:
    """ICD-10 codes in the national six-character form: J10.101 for J10.1, I10.x00 for I10."""
    has_fourth = np.char.find(codes.astype(str), ".") >= 0
    return where(has_fourth, codes + "01", codes + ".x00")


def visit_rows(city: City, slot: Slot) -> Rows:
    """The rows of a file, dirt included."""
    run, day_no = Run.of(city), city.day_no(slot.start)
    one, people, rng = visits(run, "B", day_no), residents(run), run.rng(_ID, day_no)
    who, count, day = one.resident, len(one), slot.start.date().isoformat()
    codes = np.array(list(DIAGNOSES), dtype=object)
    other = national(codes[rng.integers(0, len(codes), count)])
    has_other = rng.random(count)
    outcome = np.array(("好转", "治愈", "未愈", "其他"), dtype=object)[rng.choice(4, count, p=(0.6, 0.25, 0.12, 0.03))]
    complaint = np.array(COMPLAINTS, dtype=object)[rng.integers(0, len(COMPLAINTS), count)]
    names = people.name[who]
    cells = {
        "机构代码": one.facility.copy(),
        "门诊号": visit_no(one, day),
        "健康卡号": people.b_number[who],
        "姓名": names,
        "身份证号": people.citizen_id[who],
        "性别": where(people.is_male[who], "1", "2"),
        "出生日期": compact(people.birth[who]),
        "现住址": people.address[who],
        "镇街代码": people.town_code[who],
        "联系电话": people.phone[who],
        "就诊类型": np.array([_CLASSES[name] for name in one.visit_class], dtype=object),
        "科室代码": np.array([f"{code[:2]}.{code[2:]}" for code in one.clinic], dtype=object),
        "就诊日期时间": compact(one.started),
        "发病日期时间": compact(one.onset),
        "主诉": names + "，" + complaint + "，电话" + people.phone[who] + MARK,
        "西医诊断编码": national(one.icd10),
        "其他诊断": where(has_other < 0.15, other, where(has_other < 0.2, other + ";" + national(one.icd10))),  # noqa: PLR2004  shares of visits with one, and with two
        "责任医师": "李医生" + texts(one.serial % 40, "%02d"),
        "病情转归": outcome,
        RESIDENT: texts(who, "%d"),
    }
    rows = Rows(cells, event_day=day_of(one.started))
    story = where((one.story == "") & (people.goes_to[who] == BOTH), "both", one.story)
    return spoiled(city, _ID, _DIRT, slot, rows, story=story)


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    rows = visit_rows(city, slot)
    return csv_bytes(rows, COLUMNS, encoding="gb18030", newline="\r\n"), {"hospital_b_visit": rows.truth()}


FEED = Feed(
    department="wjj",
    name="hospital_b_visit",
    every="day",
    filename="hospital_b_visit_{start:%Y%m%d}{suffix}.csv",
    arrives=timedelta(hours=22, minutes=30),
    render=_render,
    dirt=_DIRT,
)
