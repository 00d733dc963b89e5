"""Single cells of workbooks: what each holds by ECMA-376, what its column makes of it, and which refuse their row."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from ingestion.contract.extension import XlsxFormat
from ingestion.errors import DeliveryRefused
from tests.support.workbooks import book, cells

STYLES = (
    '<numFmts><numFmt numFmtId="164" formatCode="yyyy&quot;年&quot;m&quot;月&quot;d&quot;日&quot;"/>'
    '<numFmt numFmtId="165" formatCode="[h]:mm"/>'
    '<numFmt numFmtId="166" formatCode="[Red]0.00&quot;days&quot;"/></numFmts>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/>'
    '<xf numFmtId="20"/><xf numFmtId="10"/><xf numFmtId="22"/></cellXfs>'
)
GENERAL, DAY, CHINESE_DAY, DURATION, RED, TIME, PERCENT, MOMENT = range(8)
NUMBER = '<c s="{}"><v>{}</v></c>'


def read(make: Any, kind: str, *sheet: Any, workbook: Any = None, spec: Any = None, **column: Any) -> list[Any]:
    """The values of column `v` of these cells; a refused row's rules as a tuple."""
    sheet_xml = cells(("k", "v"), *[(f"k{n}", cell) for n, cell in enumerate(sheet)])
    payload = book(sheet_xml, **{"styles": STYLES, **(workbook or {})})
    given = make.contract(
        make.table(make.column("k"), make.column("v", kind, **column)), format=XlsxFormat(**(spec or {}))
    )
    found = make.conform(given, payload).tables["t"]
    rules = {number - 1: tuple(rules) for number, rules in make.refused(found.quarantine)}
    values = iter(row["v"] for row in make.rows(found.bronze))
    assert found.received == len(sheet)
    return [rules[n] if n in rules else next(values) for n in range(len(sheet))]


NOON = datetime.fromisoformat("2023-03-15T12:00:00")
SERIAL = {"format": "excel_serial"}
BOOL = '<c t="b"><v>1</v></c>'
DATE_CELL = NUMBER.format(DAY, 45000)


@pytest.mark.parametrize(
    ("kind", "column", "cell", "expected"),
    [
        ("DATE", SERIAL, BOOL, ("cell_type",)),
        ("DATE", SERIAL, "1", ("cell_type",)),
        ("DATE", SERIAL, '<c t="str"><v>45000</v></c>', ("cell_type",)),
        ("DATE", SERIAL, 45000, date(2023, 3, 15)),
        ("DATE", SERIAL, DATE_CELL, date(2023, 3, 15)),
        ("DATE", SERIAL, '<c t="d"><v>2023-03-15</v></c>', date(2023, 3, 15)),
        ("DATE", SERIAL, '<c t="d"><v>2023-03-15T00:00:00</v></c>', date(2023, 3, 15)),
        ("DATE", SERIAL, '<c t="d"><v>1900-01-01</v></c>', date(1900, 1, 1)),
        ("DATE", SERIAL, '<c t="d"><v>15.3.2023</v></c>', ("cell_broken",)),
        ("DATE", SERIAL, '<c t="e"><v>#REF!</v></c>', ("cell_error",)),
        ("DATE", {}, '<c t="d"><v>2023-03-15T00:00:00</v></c>', date(2023, 3, 15)),
        ("DATE", {}, "2023-03-15", date(2023, 3, 15)),
        ("DATE", {}, DATE_CELL, ("cell_type",)),
        ("DATE", {"format": "%Y%m%d"}, 20230315, date(2023, 3, 15)),
        ("DATE", {"format": "%Y%m%d"}, DATE_CELL, ("cell_type",)),
        ("DATE", {"formats": ["%Y%m", "excel_serial"]}, "202303", date(2023, 3, 1)),
        ("DATE", {"formats": ["era_jp", "excel_serial"]}, "45000", ("cell_type",)),
        ("DATE", {"formats": ["era_jp", "excel_serial"]}, "R05.03.15", date(2023, 3, 15)),
        ("TIMESTAMP", SERIAL, NUMBER.format(MOMENT, 45000.5), NOON),
        ("TIMESTAMP", SERIAL, '<c t="d"><v>2023-03-15T12:00:00</v></c>', NOON),
        ("TIMESTAMP", SERIAL, BOOL, ("cell_type",)),
        ("BOOLEAN", {}, BOOL, True),
        ("BOOLEAN", {}, '<c t="b"><v>false</v></c>', False),
        ("BOOLEAN", {}, '<c t="b"><v>2</v></c>', ("cell_broken",)),
        ("BOOLEAN", {}, "true", True),
        ("BOOLEAN", {}, 1, ("cell_type",)),
        ("BOOLEAN", {}, DATE_CELL, ("cell_type",)),
        ("INTEGER", {}, BOOL, ("cell_type",)),
        ("INTEGER", {}, DATE_CELL, ("cell_type",)),
        ("INTEGER", {}, "12", 12),
        ("DOUBLE", {}, BOOL, ("cell_type",)),
        ("DOUBLE", {}, NUMBER.format(PERCENT, 0.25), 0.25),
        ("DOUBLE", {}, NUMBER.format(RED, 2.5), 2.5),
        ("DOUBLE", {}, NUMBER.format(DURATION, 1.5), ("cell_type",)),
        ("DOUBLE", {}, "<c><v>0.30000000000000004</v></c>", 0.1 + 0.2),
        ("DOUBLE", {}, "<c><v>1.5E+20</v></c>", 1.5e20),
        ("VARCHAR", {}, BOOL, "1"),
        ("VARCHAR", {}, DATE_CELL, "2023-03-15"),
        ("VARCHAR", {}, NUMBER.format(CHINESE_DAY, 59), "1900-02-28"),
        ("VARCHAR", {}, NUMBER.format(DAY, 60), ("cell_type",)),
        ("VARCHAR", {}, NUMBER.format(DAY, 0), ("cell_type",)),
        ("VARCHAR", {}, NUMBER.format(DAY, -1), ("cell_type",)),
        ("VARCHAR", {}, NUMBER.format(TIME, 0.75), "18:00:00"),
        ("VARCHAR", {}, NUMBER.format(TIME, 0), "00:00:00"),
        ("VARCHAR", {}, NUMBER.format(MOMENT, 45000.25), "2023-03-15T06:00:00"),
        ("VARCHAR", {}, NUMBER.format(DURATION, 1.5), ("cell_type",)),
        ("VARCHAR", {}, NUMBER.format(RED, 45000), "45000"),
        ("VARCHAR", {}, NUMBER.format(99, 45000), "45000"),
        ("VARCHAR", {}, '<c t="d"><v>2023-03-15</v></c>', "2023-03-15"),
        ("VARCHAR", {}, "<c><v>442000199001011</v></c>", "442000199001011"),
        ("VARCHAR", {}, "<c><v>442000199001011234</v></c>", ("number_precision",)),
        ("VARCHAR", {}, "<c><v>4.42000199001011E+17</v></c>", ("number_precision",)),
        ("VARCHAR", {}, "442000199001011234", "442000199001011234"),
        ("BIGINT", {}, "<c><v>6222021234567890</v></c>", ("number_precision",)),
        ("BIGINT", {"missing": [9999999999999999]}, "<c><v>9999999999999999</v></c>", None),
        ("DECIMAL(38,2)", {}, "<c><v>1E+16</v></c>", ("number_precision",)),
        ("DECIMAL(10,2)", {}, "<c><v>0.30000000000000004</v></c>", 0.30),
    ],
)
def test_a_cell_and_its_column(make: Any, kind: str, column: Any, cell: Any, expected: Any) -> None:
    (found,) = read(make, kind, cell, **column)
    assert found == expected or (kind.startswith("DECIMAL") and float(found) == expected)


def test_date_cells_as_the_contract_says(make: Any) -> None:
    for spec, kind, expected in (
        ({"date_cells": "serial"}, "VARCHAR", "45000"), ({"date_cells": "serial"}, "INTEGER", 45000),
        ({"date_cells": "refuse"}, "VARCHAR", ("cell_type",)), ({}, "VARCHAR", "2023-03-15"),
    ):  # fmt: skip
        assert read(make, kind, DATE_CELL, spec=spec) == [expected]


def test_dates_of_1904_as_text(make: Any) -> None:
    workbook = {"properties": '<workbookPr date1904="true"/>'}
    assert read(make, "VARCHAR", NUMBER.format(DAY, 43538), NUMBER.format(DAY, 0), workbook=workbook) == [
        "2023-03-15", "1904-01-01",
    ]  # fmt: skip


def test_words_for_no_value_contradict_nothing(make: Any) -> None:
    spec = {"null_values": ["", "#N/A", "0"]}
    cell = '<c t="e"><v>#N/A</v></c>'
    assert read(make, "BOOLEAN", cell, 0, BOOL, spec=spec) == [None, None, True]


READING = '<rPh sb="0" eb="2"><t>トウキョウ</t></rPh><phoneticPr fontId="1"/>'
SHARED = "<si><t>东</t></si><si><t>西</t></si><si><t>a</t><t>b</t></si>"
OTHER = {"shared": SHARED}


@pytest.mark.parametrize(
    "cell",
    [
        '<c t="s"><v>3</v></c>',
        '<c t="s"><v>-1</v></c>',
        '<c t="s"><v>x</v></c>',
        '<c t="s"><v>1.0</v></c>',
        '<c t="s"><v>1e0</v></c>',
        '<c t="s"><v>99999999999999999999</v></c>',
        '<c t="s"><v>2</v></c>',
        "<c><v>1</v><v>2</v></c>",
        '<c t="s"><v>0</v><v>1</v></c>',
        '<c t="inlineStr"><v>0</v><is><t>x</t></is></c>',
        '<c t="inlineStr"><is><t>x</t></is><is><t>y</t></is></c>',
        '<c t="inlineStr"><is><t>x</t><t>y</t></is></c>',
        '<c t="inlineStr"><v>x</v></c>',
        '<c t="s"><is><t>x</t></is></c>',
        "<c><is><t>x</t></is></c>",
        '<c t="zz"><v>7</v></c>',
        '<c t=""><v>7</v></c>',
        '<c t="S"><v>0</v></c>',
        "<c><v>abc</v></c>",
        "<c><v>1,5</v></c>",
        "<c><v>INF</v></c>",
        "<c><v>0x1F</v></c>",
        "<c><v>1 2</v></c>",
        "<c><v>1<x/>2</v></c>",
        "<c>7</c>",
        '<c t="b"><v>yes</v></c>',
    ],
)
@pytest.mark.parametrize("kind", ["VARCHAR", "DOUBLE"])
def test_a_broken_cell_refuses_its_row(make: Any, cell: str, kind: str) -> None:
    good = "7" if kind == "DOUBLE" else '<c t="s"><v>1</v></c>'
    before, broken, after = read(make, kind, good, cell, good, workbook=OTHER)
    assert broken == ("cell_broken",)
    assert before == after == (7 if kind == "DOUBLE" else "西")


@pytest.mark.parametrize("word", ["#N/A", "#REF!", "#NEW!", "5", ""])
def test_a_cell_of_type_error_is_none_whatever_it_says(make: Any, word: str) -> None:
    assert read(make, "VARCHAR", f'<c t="e"><v>{word}</v></c>', "x") == [("cell_error",), "x"]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (f'<c t="inlineStr"><is><t>東京</t>{READING}</is></c>', "東京"),
        ('<c t="inlineStr"><is><r><t>高</t></r><r><rPr><b/></rPr><t>松</t></r></is></c>', "高松"),
        ('<c t="inlineStr"><is><t>a&amp;b&#10;c &lt;d&gt;</t></is></c>', "a&b\nc <d>"),
        ('<c t="inlineStr"><is><t>a&#x4E2D;b</t></is></c>', "a中b"),
        ('<c t="inlineStr"><is><t><![CDATA[a<b]]></t></is></c>', "a<b"),
        ('<c t="inlineStr"><is><t>a<!-- c -->b</t></is></c>', "ab"),
        ('<c t="inlineStr"><is><t>a_x000D_\nb_x4E2D_</t></is></c>', "a\r\nb中"),
        ('<c t="inlineStr"><is><t>_x005F_x000D_ _x00g0_</t></is></c>', "_x000D_ _x00g0_"),
        ('<c t="inlineStr"><is><t>_xD83D__xDE00_ _xD83D_ _x0000_</t></is></c>', "😀 _xD83D_ _x0000_"),
        ('<c t="str"><f>A1</f><v>x_x0041_</v></c>', "xA"),
        ("<c t='inlineStr'><is><t>single</t></is></c>", "single"),
        ('<c t="s"><v> 1 </v></c>', "西"),
        ("<c><v> 1.50 </v></c>", "1.50"),
    ],
)  # fmt: skip
def test_text_as_ecma_376_has_it(make: Any, cell: str, text: str) -> None:
    assert read(make, "VARCHAR", cell, "x", workbook=OTHER) == [text, "x"]


@pytest.mark.parametrize("blank", ["keep", "trim"])
def test_blanks_of_preserved_text(make: Any, blank: str) -> None:
    cell = '<c t="inlineStr"><is><t xml:space="preserve">  a b </t></is></c>'
    expected = "  a b " if blank == "keep" else "a b"
    assert read(make, "VARCHAR", cell, spec={"trim": blank == "trim"}) == [expected]


def test_shared_text_by_the_parser_and_by_the_pattern_is_the_same(make: Any) -> None:
    items = (
        '<si><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh><phoneticPr fontId="1"/></si>'
        '<si><t xml:space="preserve"> a&amp;b_x000D_ </t></si><si><t/></si>'
    )
    word = '<c t="s"><v>{}</v></c>'
    for extra in ("", "<!-- by hand -->"):
        found = read(
            make, "VARCHAR", word.format(0), word.format(1), word.format(2), workbook={"shared": items + extra}
        )
        assert found == ["東京", "a&b", None]


def rows(*texts: str) -> str:
    return cells(("k", "v"), ("x", 1)) + "".join(texts)


TEXT = '<c r="{}" t="inlineStr"><is><t>{}</t></is></c>'


@pytest.mark.parametrize(
    ("row", "rules"),
    [
        ('<row r="3"><c r="A3"><v>1</v></c><c r="B3"><v>2</v></c><c r="B3"><v>3</v></c></row>', ["cell_misplaced"]),
        ('<row r="3">' + TEXT.format("A3", "y") + '<c r="B4"><v>2</v></c></row>', ["cell_misplaced"]),
        ('<row r="3">' + TEXT.format("A3", "y") + '<c r="XFE3"><v>2</v></c></row>', ["cell_misplaced"]),
        ('<row r="3">' + TEXT.format("A3", "y") + '<c r="b3"><v>2</v></c></row>', ["cell_misplaced"]),
        ('<row r="3">' + TEXT.format("A3", "y") + '<c r="$B$3"><v>2</v></c></row>', ["cell_misplaced"]),
    ],
)  # fmt: skip
def test_a_cell_that_is_not_where_it_says(make: Any, row: str, rules: list[str]) -> None:
    given = make.contract(make.table(make.column("k"), make.column("v", "INTEGER")), format=XlsxFormat())
    found = make.conform(given, book(rows(row))).tables["t"]
    assert make.refused(found.quarantine) == [(2, rules)]
    assert make.rows(found.bronze) == [{"k": "x", "v": 1}]


def test_cells_out_of_order_are_where_they_say(make: Any) -> None:
    row = '<row r="3"><c r="B3"><v>2</v></c>' + TEXT.format("A3", "y") + "</row>"
    given = make.contract(make.table(make.column("k"), make.column("v", "INTEGER")), format=XlsxFormat())
    assert make.rows(make.conform(given, book(rows(row))).tables["t"].bronze)[1] == {"k": "y", "v": 2}


def test_hidden_rows_and_columns_are_data(make: Any) -> None:
    row = '<row r="3" hidden="1">' + TEXT.format("A3", "y") + '<c r="B3"><v>2</v></c></row>'
    given = make.contract(make.table(make.column("k"), make.column("v", "INTEGER")), format=XlsxFormat())
    payload = book(rows(row), before='<cols><col min="2" max="2" hidden="1"/></cols>')
    assert len(make.rows(make.conform(given, payload).tables["t"].bronze)) == 2


@pytest.mark.parametrize("cell", ['<c t="s"><v>9</v></c>', '<c t="s"/>', "<c><f>A9</f></c>", '<c t="zz"><v>v</v></c>'])
def test_a_heading_that_cannot_be_told_is_said(make: Any, cell: str) -> None:
    given = make.contract(make.table(make.column("k"), make.column("v")), format=XlsxFormat())
    caught = make.refusal(given, book(cells(("k", cell), ("x", "y"))))
    assert caught.rule == "header"
    assert "the heading in B1 of sheet 'S1' cannot be told" in caught.message


MERGED = '<mergeCells><mergeCell ref="{}"/></mergeCells>'


@pytest.mark.parametrize(
    ("merge", "refused", "filled"),
    [
        ("A2:A4", [1, 2, 3], [("甲", 1), ("甲", 2), ("甲", 3), ("丁", 4)]),
        ("A2:A3", [1, 2], [("甲", 1), ("甲", 2), (None, 3), ("丁", 4)]),
        ("A5:C5", [4], ["merged_cell"]),
        ("C2:D9", [], None),
        ("A1:A3", [1, 2], ["merged_cell"]),
    ],
)
def test_merged_cells_among_the_data(make: Any, merge: str, refused: list[int], filled: Any) -> None:
    sheet = cells(("k", "v"), ("甲", 1), (None, 2), (None, 3), ("丁", 4))
    table = make.table(make.column("k"), make.column("v", "INTEGER"))
    payload = book(sheet, after=MERGED.format(merge))
    found = make.conform(make.contract(table, format=XlsxFormat()), payload).tables["t"]
    assert make.refused(found.quarantine) == [(number, ["merged_cell"]) for number in refused]
    assert found.received == 4
    given = make.contract(table, format=XlsxFormat(merged="fill"))
    found = make.conform(given, payload).tables["t"]
    if filled == ["merged_cell"]:  # two values under one merge, or a heading's
        assert {rule for _, rules in make.refused(found.quarantine) for rule in rules} == {"merged_cell"}
    elif filled is not None:
        assert [(row["k"], row["v"]) for row in make.rows(found.bronze)] == filled


def test_a_fault_is_filled_like_a_value(make: Any) -> None:
    sheet = cells(("k", "v"), ('<c t="s"><v>9</v></c>', 1), (None, 2), ("丁", 4), ("戊", 5))
    given = make.contract(make.table(make.column("k"), make.column("v")), format=XlsxFormat(merged="fill"))
    found = make.conform(given, book(sheet, after=MERGED.format("A2:A3"))).tables["t"]
    assert make.refused(found.quarantine) == [(1, ["cell_broken"]), (2, ["cell_broken"])]


def test_cells_under_two_merges_cannot_be_told(make: Any) -> None:
    sheet = cells(("k", "v"), ("甲", 1), (None, 2), (None, 3))
    merged = '<mergeCells><mergeCell ref="A2:A3"/><mergeCell ref="A3:A4"/></mergeCells>'
    given = make.contract(make.table(make.column("k"), make.column("v")), format=XlsxFormat(merged="fill"))
    found = make.conform(given, book(sheet, after=merged)).tables["t"]
    assert (2, ["merged_cell"]) in make.refused(found.quarantine)


def test_a_merge_over_many_runs_of_rows(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.parsers.xlsx._CELLS", 1)
    monkeypatch.setattr("ingestion.parsers.opc._CHUNK", 700)
    sheet = cells(("k", "v"), ("甲", 0), *[(None, n) for n in range(1, 60)])
    given = make.contract(make.table(make.column("k"), make.column("v", "INTEGER")), format=XlsxFormat(merged="fill"))
    found = make.conform(given, book(sheet, after=MERGED.format("A2:A61"))).tables["t"]
    assert [(row["k"], row["v"]) for row in make.rows(found.bronze)] == [("甲", n) for n in range(60)]


@pytest.mark.parametrize("ref", ["A2", "A2:B", "Sheet1!A1:B2", ""])
def test_merges_that_are_no_range(make: Any, ref: str) -> None:
    given = make.contract(make.table(make.column("k"), make.column("v")), format=XlsxFormat())
    payload = book(cells(("k", "v"), ("x", 1)), after=MERGED.format(ref))
    if ref == "A2":
        assert make.conform(given, payload).tables["t"].accepted == 1
    else:
        assert make.refusal(given, payload).rule == "workbook_damaged"


def test_elements_where_rows_are_expected(make: Any) -> None:
    given = make.contract(make.table(make.column("k"), make.column("v")), format=XlsxFormat())
    for stray in ("<alternate><row/></alternate>", "stray text", '<row r="9"><cell/></row>', '<row r="0"/>'):
        with pytest.raises(DeliveryRefused) as caught:
            make.conform(given, book(rows() + stray))
        assert caught.value.rule in ("workbook_damaged", "sheet_order")
