"""A draft's guess about privacy fails safe: what may be about a person is never `public`, and is asked about."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion.authoring.draft import draft
from ingestion.contract import personal
from ingestion.contract.load import load_contract

ROWS = 120


def _said(tmp_path: Path, text: str, name: str) -> dict[str, tuple[str, bool]]:
    """Physical name → classification, and whether it has a `decide:`. The draft must load."""
    sample = tmp_path / name
    sample.write_text(text, encoding="utf-8")
    drafted = draft(sample, department="d", feed="f")
    target = tmp_path / "f.yaml"
    target.write_text(drafted, encoding="utf-8")
    sources = [column.source for column in load_contract(target).tables[0].columns if column.source]
    lines = re.findall(r"^        classification: (\w+)(.*)$", drafted, re.MULTILINE)
    return {source: (kind, "decide:" in rest) for source, (kind, rest) in zip(sources, lines, strict=True)}


def _table(tmp_path: Path, columns: dict[str, Callable[[int], str]]) -> dict[str, tuple[str, bool]]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    writer.writerows([value(n) for value in columns.values()] for n in range(ROWS))
    return _said(tmp_path, buffer.getvalue(), "sample_20260302.csv")


HEADERS = (
    "氏名", "代表者名", "申請者氏名", "生年月日", "住所", "電話番号", "連絡先", "備考", "姓名", "联系电话",
    "身份证号", "出生日期", "家庭地址", "户籍所在地址", "法人", "车牌号", "银行卡号", "姓名", "身分證字號",
    "聯絡電話", "出生日期", "通訊地址", "Mailing_Address", "mailingAddress", "MAILING ADDRESS", "Home Phone", "dob",
    "DOB", "BirthDate", "birth_date", "tel", "Tel2", "addr", "MailAddr", "e-mail", "EMail", "xm", "XM", "sfzh",
    "lxdh", "csrq", "jtzz", "cph", "PatientName", "patient_id", "Applicant", "OwnerName", "next_of_kin_name",
    "gender", "Remarks", "zip", "LicensePlate", "ssn", "WeChat", "birthplace", "ownername",
)  # fmt: skip


@pytest.mark.parametrize("header", dict.fromkeys(HEADERS))
def test_a_word_for_a_person_in_any_language_and_spelling(tmp_path: Path, header: str) -> None:
    # Values that say nothing, and seldom repeat.
    found = _table(tmp_path, {"score": str, header: lambda n: f"v{n * 7919 % 1000}"})
    assert found[header] == ("personal", True)
    assert found["score"] == ("public", False)


def _citizen(n: int) -> str:
    return f"44200019{50 + n % 50:02d}0{1 + n % 9}{10 + n % 18}{100 + n % 900}X"


SURNAMES = personal.first_characters("surname")
VALUES: dict[str, Callable[[int], str]] = {
    "mobile": lambda n: f"138{n:08d}",
    "mobile of some": lambda n: f"138{n:08d}" if n % 10 == 0 else "",
    "landline": lambda n: f"0760-{8800000 + n}",
    "US phone": lambda n: f"(415) 555-{1000 + n}",
    "masked mobile": lambda n: f"138****{1000 + n}",
    "citizen number": _citizen,
    "phone or mail": lambda n: f"p{n}@example.invalid" if n % 2 else f"139{n:08d}",
    "a phone in a text": lambda n: f"please call 138{n:08d} soon",
    "Chinese name": lambda n: f"{SURNAMES[n % 90]}{'伟芳娜敏静'[n % 5]}{'军丽强磊洋'[n // 5 % 5]}",
    "a few names again and again": lambda n: ("王小明", "李娜", "张伟强")[n % 3],
    "masked Chinese name": lambda n: f"{SURNAMES[n % 90]}*{'军丽强磊洋'[n % 5]}",
    "Japanese name": lambda n: f"{'高橋佐藤鈴木田中'[n % 4 * 2 : n % 4 * 2 + 2]}\u3000{chr(0x4E00 + n)}郎",
    "Latin name": lambda n: f"{['Anna', 'Maria', 'Jacob', 'Peter'][n % 4]} Mc{chr(65 + n % 26)}ill{chr(97 + n // 26)}",
    "Latin name, family name first": lambda n: (
        f"MC{chr(65 + n % 26)}ILL, {['ANNA', 'JACOB', 'PETER'][n % 3]}{chr(65 + n // 26)}"
    ),
    "plate": lambda n: f"粤T{10000 + n * 37}",
    "reference": lambda n: f"Patient/{n:04d}",
    "uuid": lambda n: f"4f1b2c3d-0000-4000-8000-{n:012d}",
    "IPv4": lambda n: f"10.0.{n}.1",
    "card": lambda n: f"62220212345{n:08d}",
    "coordinates": lambda n: f"22.{5000 + n}, 113.{3000 + n}",
    "JSON": lambda n: json.dumps({"a": n}),
    "HTML": lambda n: f"<div>{n}</div>",
    "address": lambda n: f"中山{n}路{n}号",
    "English address": lambda n: f"{n} Main Street",
    "free text": lambda n: f"the {n}th thing that was written about something",
    "Chinese text": lambda n: f"反映第{n}个问题的情况",
    "member number": lambda n: f"M{n:06d}",
    "digits of one length": lambda n: str(40_000_000 + n),
    "empty": lambda n: "",
}


@pytest.mark.parametrize("kind", VALUES)
def test_values_under_a_header_that_says_nothing(tmp_path: Path, kind: str) -> None:
    found = _table(tmp_path, {"score": lambda n: str(n % 7), "f1": VALUES[kind]})
    classification, is_asked = found["f1"]
    assert is_asked
    assert classification != "public"
    unknown = ("member number", "digits of one length", "empty", "card", "coordinates")
    assert classification == "personal" or kind in unknown


def test_birth_days_without_a_word(tmp_path: Path) -> None:
    found = _table(tmp_path, {"score": str, "d1": lambda n: f"{1930 + n % 80}-05-{1 + n % 28:02d}"})
    assert found["d1"] == ("internal", True)


def test_what_cannot_name_a_person_is_not_asked_about(tmp_path: Path) -> None:
    found = _table(
        tmp_path,
        {
            "observed_at": lambda n: f"2026-03-02 {n % 24:02d}:00:00",
            "temperature": lambda n: f"{n % 30}.5",
            "is_valid": lambda n: "true" if n % 2 else "false",
            "grade": lambda n: "ABC"[n % 3],
            "状态": lambda n: ("有效", "注销")[n % 2],
        },
    )
    assert set(found.values()) == {("public", False)}


def test_a_place_is_a_persons_where_the_table_is_about_people(tmp_path: Path) -> None:
    place: dict[str, Callable[[int], str]] = {"lat": lambda n: f"22.{5000 + n}", "lng": lambda n: f"113.{5000 + n}"}
    assert set(_table(tmp_path, place).values()) == {("internal", True)}
    assert set(_table(tmp_path, {**place, "姓名": lambda n: f"v{n}"}).values()) == {("personal", True)}


def test_every_nested_part_of_a_person(tmp_path: Path) -> None:
    patient: dict[str, Any] = {
        "resourceType": "Patient",
        "text": {"status": "generated", "div": "<div>Anna</div>"},
        "identifier": [{"value": "1"}],
        "name": [{"family": "Müller"}],
        "telecom": [{"value": "+41 1"}],
        "address": [{"line": ["x"]}],
        "birthDate": "1980-01-02",
        "managingOrganization": {"reference": "Organization/1"},
        "contact": {"name": {"text": "Bea"}},
        "deceasedBoolean": False,
    }
    lines = "".join(json.dumps({"id": f"p{n}", **patient}) + "\n" for n in range(30))
    found = _said(tmp_path, lines, "Patient.ndjson")
    assert {source for source, said in found.items() if said != ("personal", True)} == {"resourceType"}
