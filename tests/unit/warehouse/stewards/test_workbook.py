"""A workbook that can be handed to anybody's spreadsheet: text only, in words, bounded, the same each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingestion.delivery.ingest import ingest_interval
from ingestion.errors import NothingToDecide
from ingestion.lake import Lake
from ingestion.settings import Settings
from tests.support.handed_out import ROWS, SUMMARY, grid, kinds, sheets
from tests.support.lakes import contract, day, drop, lake
from warehouse.stewards.workbook import workbook, workbook_name

FEED = "office.readings"
EVIL = '=HYPERLINK("http://198.51.100.1";"x")'
ROWS_SENT = f'id,seen,value\na,2026-03-02,1\n\'@SUM(1),never,\n"{EVIL.replace(chr(34), chr(34) * 2)}",x\u202ey,\x0b\n'


def refused(tmp_path: Path, text: str = ROWS_SENT, feed: dict[str, Any] | None = None, **said: Any) -> tuple[Lake, str]:
    made = lake(tmp_path, contracts={FEED: contract(**(feed or {}))}, settings=Settings(home=tmp_path, **said))
    drop(made, "readings_20260302 \u202e=x.csv", text)
    (delivery,) = ingest_interval(made, made.contracts[FEED], day(0))
    assert delivery.outcome == "refused"
    return made, delivery.batch


def test_every_cell_is_text_and_what_is_hidden_is_shown(tmp_path: Path) -> None:
    made, batch = refused(tmp_path)
    path = workbook(made, FEED, batch, tmp_path / "w.xlsx")
    assert sheets(path) == [SUMMARY, ROWS]
    assert kinds(path) <= {"inlineStr", "s"}
    head, *lines = grid(path, ROWS)
    assert head == ("表", "记录号", "列名", "字段", "报送的值", "不符合的规则", "如何更正", "记录原文")
    assert [line[1:6] for line in lines] == [
        ("2", "seen", "seen", "never", "“seen”的值不是日期"),
        ("2", "value", "value", "（空）", "不符合规则：a number"),
        ("3", "seen", "seen", "x⟨U+202E⟩y", "“seen”的值不是日期"),
        ("3", "value", "value", "⟨U+000B⟩", "不符合规则：a number"),
    ]
    summary = "\n".join(cell for row in grid(path, SUMMARY) for cell in row)
    assert "readings_20260302 ⟨U+202E⟩=x.csv" in summary
    for said in (FEED, "2026-03-02 08:00", "不合格记录所占比例", "more rows are refused", "2026-03-03 09:00", "2 of 3"):
        assert said in summary


def test_a_formula_stays_text_where_the_whole_record_is_shown(tmp_path: Path) -> None:
    made, batch = refused(tmp_path, f"id,seen,value\n{EVIL[:14]}\n=2+2,x\n")
    path = workbook(made, FEED, batch, tmp_path / "w.xlsx")
    assert kinds(path) <= {"inlineStr", "s"}
    lines = grid(path, ROWS)[1:]
    assert [(line[2], line[4], line[7]) for line in lines] == [
        ("（整条记录）", "", '=HYPERLINK("ht'),
        ("（整条记录）", "", "=2+2,x"),
    ]


def test_in_the_departments_language_with_the_other_beside_it(tmp_path: Path) -> None:
    steward = {"name": "A. Steward", "email": "steward@example.org", "language": "en"}
    made, batch = refused(tmp_path, feed={"steward": steward, "synthetic": True})
    path = workbook(made, FEED, batch, tmp_path / "w.xlsx")
    assert grid(path, ROWS)[0][4] == "Value as sent"
    assert grid(path, ROWS)[1][5] == "'seen' is not a date"
    summary = grid(path, SUMMARY)
    assert summary[0][0] == "Delivery refused · 报送数据退回清单"
    note = next(row for row in summary if row[0] == "Note 注意")
    assert note[1].startswith("synthetic data")
    assert note[2].startswith("合成数据")


def test_of_a_file_refused_before_its_rows_there_is_only_the_summary(tmp_path: Path) -> None:
    made, batch = refused(tmp_path, "nothing like it\n")
    path = workbook(made, FEED, batch, tmp_path / "w.xlsx")
    assert sheets(path) == [SUMMARY]
    summary = "\n".join(cell for row in grid(path, SUMMARY) for cell in row)
    assert "表头与约定不符" in summary
    assert "missing 'id', 'seen', 'value'" in summary


def test_rows_are_limited_and_the_summary_says_how_many_more(tmp_path: Path) -> None:
    text = "id,seen,value\n" + "".join(f"k{n},never,1\n" for n in range(4500))
    made, batch = refused(tmp_path, text, workbook_rows=4100)
    path = workbook(made, FEED, batch, tmp_path / "w.xlsx")
    lines = grid(path, ROWS)[1:]
    assert [line[1] for line in lines] == [str(n) for n in range(1, 4101)]
    summary = "\n".join(cell for row in grid(path, SUMMARY) for cell in row)
    assert "仅列出前 4,100 行，另有 400 行" in summary


def test_the_same_bytes_each_time_and_no_temporary_file_is_left(tmp_path: Path) -> None:
    made, batch = refused(tmp_path)
    folder = tmp_path / "out"
    folder.mkdir()
    first, second = (workbook(made, FEED, batch, folder / name).read_bytes() for name in ("a.xlsx", "b.xlsx"))
    assert first == second
    assert sorted(path.name for path in folder.iterdir()) == ["a.xlsx", "b.xlsx"]


def test_its_name_is_of_feed_and_interval_only() -> None:
    hourly = contract(calendar={"every": "hour", "timezone": "Asia/Shanghai", "start": "2026-01-01"})
    assert workbook_name(contract(), day(0)) == "office.readings_20260302.xlsx"
    assert workbook_name(hourly, day(0)) == "office.readings_20260302T0800.xlsx"


def test_of_an_accepted_delivery_its_refused_rows_are_listed(tmp_path: Path) -> None:
    made = lake(tmp_path, contracts={FEED: contract()})
    drop(made, "readings_20260302.csv", "id,seen,value\na,2026-03-02,1\nb,2026-03-02,1\nc,never,1\n")
    (delivery,) = ingest_interval(made, made.contracts[FEED], day(0))
    assert delivery.outcome == "accepted"
    path = workbook(made, FEED, delivery.batch, tmp_path / "w.xlsx")
    assert [line[4] for line in grid(path, ROWS)[1:]] == ["never"]
    assert "部分记录不合格" in {cell for row in grid(path, SUMMARY) for cell in row}


def test_a_delivery_without_refused_rows_has_none(tmp_path: Path) -> None:
    made = lake(tmp_path, contracts={FEED: contract()})
    drop(made, "readings_20260302.csv", "id,seen,value\na,2026-03-02,1\n")
    (delivery,) = ingest_interval(made, made.contracts[FEED], day(0))
    with pytest.raises(NothingToDecide, match="has refused rows"):
        workbook(made, FEED, delivery.batch, tmp_path / "w.xlsx")
