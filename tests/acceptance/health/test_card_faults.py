"""Bad cards get a clear answer: each is refused under the name of its rule, and the good card beside it is taken in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.card_tables import card_contract
from tests.support.conforming import Maker, make

__all__ = ["make"]

TABLE = "notifiable_disease_card"
CITIZEN, NAME, PHONE = "44200019900307123X", "测试患者", "13800138000"
WRONG_DIGIT = "442000199003071233"
CARD: dict[str, Any] = {
    "card_no": "C1", "revision": 0, "report_type": "初次报告", "id_no": CITIZEN, "sex": "男",
    "birth_date": "1990-03-07",
    "belongs_to": "本县区", "town_code": "442000107", "occupation": "农民", "case_class": "确诊病例",
    "onset_date": "2026-03-01", "diagnosed_at": "2026-03-02T08:00:00+08:00", "death_date": None, "disease_code": "DENG",
    "corrected_from_code": None, "is_withdrawn": False, "reporting_facility": "H442000A01", "filled_date": "2026-03-02",
    "reported_at": "2026-03-02T09:00:00+08:00", "patient_name": NAME, "guardian_name": None, "employer": "某公司",
    "phone": PHONE, "address": "某路1号", "reporting_doctor": "某医生", "remark": "无",
}  # fmt: skip
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "without onset": ({"onset_date": None}, "onset_date.required"),
    "unknown disease": ({"disease_code": "X99"}, "disease_code.allowed"),
    "another class": ({"case_class": "可疑"}, "case_class.allowed"),
    "onset after diagnosis": ({"onset_date": "2026-03-03"}, "onset_by_diagnosis"),
    "diagnosis after report": ({"diagnosed_at": "2026-03-02T09:00:01+08:00"}, "diagnosed_by_report"),
    "diagnosed long ago": ({"diagnosed_at": "2021-03-02T08:00:00+08:00", "onset_date": "2021-03-01"},
                           "diagnosed_within_three_years"),
    "died before onset": ({"death_date": "2026-02-27"}, "death_after_onset"),
    "free text for an occupation": ({"occupation": "农民张三，电话13800138000"}, "occupation.allowed"),
    "no town of the city": ({"town_code": "440100001"}, "town_code.pattern"),
}  # fmt: skip


def conformed(make: Maker, *cards: dict[str, Any]) -> Any:
    lines = "\n".join(json.dumps(card, ensure_ascii=False) for card in cards)
    return make.conform(card_contract(), lines.encode()).tables[TABLE]


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_card_is_refused_under_its_rule(make: Maker, name: str) -> None:
    change, rule = REFUSED[name]
    found = conformed(make, CARD, CARD | {"card_no": "C2"} | change)
    assert found.accepted == 1
    assert make.refused(found.quarantine) == [(2, [rule])]


def test_a_correction_whose_number_is_zero_is_kept_and_counted(make: Maker) -> None:
    found = conformed(make, CARD | {"report_type": "订正报告"})
    assert (found.accepted, found.flags) == (1, {"correction_has_number": 1})


def test_a_number_with_a_wrong_check_digit_is_kept_and_counted(make: Maker) -> None:
    found = conformed(make, CARD | {"id_no": WRONG_DIGIT})
    assert (found.accepted, found.flags) == (1, {"resident_check_digit": 1})


def test_a_person_is_one_pseudonym_however_the_number_is_written(make: Maker) -> None:
    found = conformed(make, CARD, CARD | {"card_no": "C2", "id_no": "".join(chr(ord(one) + 0xFEE0) for one in CITIZEN)})
    assert len({row["resident"] for row in make.rows(found.bronze)}) == 1


def test_a_card_keeps_its_key_and_not_its_number(make: Maker) -> None:
    found = conformed(make, CARD, CARD | {"revision": 1, "report_type": "订正报告"}, CARD | {"card_no": "C2"})
    keys = [row["card_no"] for row in make.rows(found.bronze)]
    assert keys[0] == keys[1] != keys[2]
    assert {"C1", "C2"}.isdisjoint(keys)


def test_nothing_of_the_person_is_kept(make: Maker) -> None:
    found = conformed(make, CARD)
    (row,) = make.rows(found.bronze)
    assert row["birth_band"] == "1990-1994"
    assert row.keys().isdisjoint({"patient_name", "guardian_name", "employer", "phone", "address", "remark"})
    assert not [value for value in row.values() if value in (CITIZEN, NAME, PHONE)]
    assert not [
        path for path in Path(make.scratch).rglob("*") if path.is_file() and CITIZEN.encode() in path.read_bytes()
    ]
