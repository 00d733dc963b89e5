"""Workbooks from bytes to bronze: cells as written, merged headings, footers; bad workbooks each with its answer.

What single cells may hold is in `test_workbook_cells`, how parts may be named in `test_workbook_parts`.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from ingestion.contract.extension import XlsxFormat
from ingestion.errors import DeliveryRefused
from tests.support.workbooks import DOC, MAIN, PACKAGE, book, cells

GOOD = cells(("a", "b"), ("x", 1))


@pytest.fixture
def two(make: Any) -> Any:
    return make.table(make.column("a"), make.column("b", "INTEGER"))


def contract(make: Any, *columns: Any, rules: Any = (), **facts: Any) -> Any:
    return make.contract(make.table(*columns, rules=rules), format=XlsxFormat.model_validate(facts))


def test_cells_stay_as_the_file_writes_them(make: Any) -> None:
    names = ("id", "code", "n", "day", "formula", "flag")
    sheet = cells(
        names,
        ("007", 442000199001011, 0.1, '<c s="1"><v>44004</v></c>', '<c t="str"><f>"x"&amp;"y"</f><v>xy</v></c>', "y"),
        (" 0 8 ", "４４", "1e3", 44004, "<c><f>1+1</f><v>2</v></c>", '<c t="b"><v>1</v></c>'),
    )
    columns = [make.column(n) for n in ("id", "code", "n", "formula", "flag")]
    given = contract(make, *columns[:3], make.column("day", "DATE", format="excel_serial"), *columns[3:])
    found = make.conform(given, book(sheet)).tables["t"]
    day = date(2020, 6, 22)
    assert make.rows(found.bronze) == [
        {"id": "007", "code": "442000199001011", "n": "0.1", "day": day, "formula": "xy", "flag": "y"},
        {"id": "0 8", "code": "４４", "n": "1e3", "day": day, "formula": "2", "flag": "1"},
    ]


def test_shared_text_without_its_reading_aid(make: Any, two: Any) -> None:
    """Japanese workbooks keep a reading beside each word (rPh): it is no part of the text."""
    shared = (
        "<si><t>a</t></si><si><t>b</t></si><si><t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh></si>"
        "<si><r><t>高</t></r><r><rPr><b/></rPr><t>松</t></r></si>"
    )
    word = '<c t="s"><v>%d</v></c>'
    sheet = cells((word % 0, word % 1), (word % 2, 1), (word % 3, 2))
    found = make.conform(make.contract(two, format=XlsxFormat()), book(sheet, shared=shared)).tables["t"]
    assert [row["a"] for row in make.rows(found.bronze)] == ["東京", "高松"]


def test_titles_gaps_footers_and_empty_rows(make: Any, two: Any) -> None:
    sheet = cells(
        ("统计表",), (None,), ("b", "a"), (1, "x"), ("", " "), (2, "y"), ("合计", 3), ("制表人：王",), (None,)
    )  # fmt: skip
    given = make.contract(two, format=XlsxFormat(header_row=3, footer="^合计"))
    found = make.conform(given, book(sheet)).tables["t"]
    assert (found.received, found.accepted) == (2, 2)
    assert make.rows(found.bronze) == [{"a": "x", "b": 1}, {"a": "y", "b": 2}]


def test_merged_headings(make: Any) -> None:
    sheet = cells(("名称", "地址", None, "数"), (None, "区", "路", None), ("甲", "石岐", "中山路", 1))
    merged = '<mergeCells><mergeCell ref="A1:A2"/><mergeCell ref="B1:C1"/><mergeCell ref="D1:D2"/></mergeCells>'
    given = contract(
        make,
        make.column("name", source="名称"),
        make.column("town", source="地址/区"),
        make.column("road", source="地址/路"),
        make.column("n", "INTEGER", source="数"),
        header_rows=2,
    )
    found = make.conform(given, book(sheet, after=merged)).tables["t"]
    assert make.rows(found.bronze) == [{"name": "甲", "town": "石岐", "road": "中山路", "n": 1}]


def test_refused_rows_say_where_they_are(make: Any, two: Any) -> None:
    sheet = cells(("a", "b"), ("x", "?"), (None, None), ('<c t="e"><v>#N/A</v></c>', 2), ("z", 3, "loose"), ("w", 4))
    found = make.conform(make.contract(two, format=XlsxFormat()), book(sheet)).tables["t"]
    assert (found.received, found.accepted) == (4, 1)
    assert make.refused(found.quarantine) == [(1, ["b.type"]), (2, ["cell_error"]), (3, ["unnamed_column"])]
    rows = {row["record"]: row for row in make.rows(found.quarantine)}
    assert rows[1]["original_text"] == '{"row":2,"a":"x","b":"?","C":null}'
    assert rows[2]["original_text"].startswith('{"row":4,"a":"#N/A"')
    assert rows[1]["byte_offset"] is None


def test_an_error_value_may_be_declared_to_be_none(make: Any, two: Any) -> None:
    sheet = cells(("a", "b"), ('<c t="e"><v>#N/A</v></c>', 2))
    given = make.contract(two, format=XlsxFormat(null_values=["", "#N/A"]))
    assert make.rows(make.conform(given, book(sheet)).tables["t"].bronze) == [{"a": None, "b": 2}]


def test_sheets_by_name_and_number(make: Any, two: Any) -> None:
    payload = book(GOOD, sheets={"hidden": "hidden", "数据": "visible"}, parts={
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData/></worksheet>'
    })  # fmt: skip
    for facts in ({"sheet": "数据"}, {"sheet_number": 3}, {"sheet": "hidden"}):
        found = make.conform(make.contract(two, format=XlsxFormat(**facts)), payload).tables["t"]
        assert found.accepted == 1


def test_rows_and_cells_without_references(make: Any, two: Any) -> None:
    bare = "<row><c t='inlineStr'><is><t>a</t></is></c><c t='inlineStr'><is><t>b</t></is></c></row>"
    sheet = bare + "<row><c t='inlineStr'><is><t>x</t></is></c><c><v>1</v></c></row>"
    payload = book(sheet, before='<dimension ref="A1:B2"/>')
    found = make.conform(make.contract(two, format=XlsxFormat()), payload).tables["t"]
    assert make.rows(found.bronze) == [{"a": "x", "b": 1}]


@pytest.mark.parametrize("word", ["#N/A", "#DIV/0!", "#FIELD!", "#BLOCKED!", "#CONNECT!", "#PYTHON!"])
def test_error_cells_are_no_text(make: Any, two: Any, word: str) -> None:
    payload = book(cells(("a", "b"), (f'<c t="e"><v>{word}</v></c>', 1)))
    found = make.conform(make.contract(two, format=XlsxFormat()), payload).tables["t"]
    assert make.refused(found.quarantine) == [(1, ["cell_error"])]


def test_no_row_falls_out_of_a_sheet(make: Any, two: Any) -> None:
    """However a program spells its tags, the last row is the last row, and a gap before it is no end."""
    good = cells(("a", "b"), ("x", 1))
    for spelt in (
        "<row r='9'><c r='A9'><v>7</v></c><c r='B9'><v>8</v></c></row>",
        '<row spans="1:2" r = "9"><c s="0" r = "A9"><v>7</v></c><c s="0" r = "B9"><v>8</v></c></row>',
        cells((None, None), first=9).replace("9", "8") + '<row><c r="A9"><v>7</v></c><c r="B9"><v>8</v></c></row>',
    ):
        found = make.conform(make.contract(two, format=XlsxFormat()), book(good + spelt)).tables["t"]
        assert make.rows(found.bronze) == [{"a": "x", "b": 1}, {"a": "7", "b": 8}]


@pytest.mark.parametrize(
    ("sheet", "message"),
    [
        (cells(("a", "b")) + cells(("y", 9), first=9) + cells(("x", 2), first=2), "row 2 after row 9"),
        (cells(("a", "b"), ("x", 1)) + cells(("y", 9), first=2), "row 2 after row 2"),
        (cells(("a", "b"), ("x", 1)) + "<row><c><v>7</v></c><c><v>8</v></c></row>", "some cells of sheet 'S1' say"),
    ],
)
def test_a_sheet_whose_order_is_a_guess(make: Any, two: Any, sheet: str, message: str) -> None:
    with pytest.raises(DeliveryRefused) as caught:
        make.conform(make.contract(two, format=XlsxFormat()), book(sheet))
    assert caught.value.rule == "sheet_order"
    assert message in caught.value.message


def test_elements_under_a_prefix(make: Any, two: Any) -> None:
    sheet = cells(("a", "b"), ("x", 1)).replace("<", "<x:").replace("<x:/", "</x:")
    prefixed = f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData>{sheet}</x:sheetData></x:worksheet>'
    payload = book(sheet, parts={"xl/worksheets/sheet1.xml": prefixed})
    found = make.conform(make.contract(two, format=XlsxFormat()), payload).tables["t"]
    assert make.rows(found.bronze) == [{"a": "x", "b": 1}]


@pytest.mark.parametrize("stray", ['<c t="str" r="C3"><v>z</v></c>', "<c r='C3'><v>9</v></c>"])
def test_a_stray_cell_is_seen_however_it_is_spelt(make: Any, two: Any, stray: str) -> None:
    sheet = cells(("a", "b"), ("x", 1)) + f'<row r="3"><c r="A3"><v>5</v></c>{stray}</row>'
    found = make.conform(make.contract(two, format=XlsxFormat()), book(sheet)).tables["t"]
    assert make.refused(found.quarantine) == [(2, ["unnamed_column"])]


@pytest.mark.parametrize("far", ['<row r="3"><c r="XFD3" s="1"/></row>', ""])
def test_cells_without_content_widen_nothing(make: Any, two: Any, far: str) -> None:
    """A formatted cell in the last column would make the reader hold 16,384 columns."""
    before = "" if far else '<dimension ref="A1:XFD3"/>'
    after = '<mergeCells count="2"><mergeCell ref="B1:D1"/><mergeCell ref="F1:G1"/></mergeCells>'
    payload = book(cells(("a", "b"), ("x", 1)) + far, before=before, after=after)
    found = make.conform(make.contract(two, format=XlsxFormat()), payload).tables["t"]
    assert make.rows(found.bronze) == [{"a": "x", "b": 1}]


@pytest.mark.parametrize("hollow", ['<c t="s"/>', '<c s="0" t="s"><v></v></c>', "<c t='s'>\n<v/></c>", '<c t="s"></c>'])
def test_a_cell_of_shared_text_that_names_none(make: Any, two: Any, hollow: str) -> None:
    """The reader gives such a cell the first text of the workbook."""
    payload = book(cells(("a", "b"), (hollow, 1), ("y", 2)), shared="<si><t>q</t></si>")
    found = make.conform(make.contract(two, format=XlsxFormat()), payload).tables["t"]
    assert make.refused(found.quarantine) == [(1, ["text_without_value"])]
    assert make.rows(found.bronze) == [{"a": "y", "b": 2}]


@pytest.mark.parametrize("formula", ["<c>\n<f>1+1</f>\n</c>", "<c\ts='0'><f>1+1</f><v> </v></c>"])
def test_a_formula_without_a_value_however_it_is_spelt(make: Any, two: Any, formula: str) -> None:
    sheet = cells(("a", "b"), (formula, 1), ("x", 2), ("y", 3), ("z", 4)).replace('r="A2"', "r='A2'")
    found = make.conform(make.contract(two, format=XlsxFormat()), book(sheet)).tables["t"]
    assert make.refused(found.quarantine) == [(1, ["formula_without_value"])]


def test_dates_of_the_1904_system_are_not_mistaken(make: Any) -> None:
    sheet = cells(("d",), (42542,))
    for form, properties, good in (
        ("excel_serial", "", False), ("excel_serial_1904", '<workbookPr date1904="1"/>', True),
    ):  # fmt: skip
        given = contract(make, make.column("d", "DATE", format=form))
        found = make.conform(given, book(sheet, properties=properties)).tables["t"]
        assert make.rows(found.bronze) == [{"d": date(2020, 6, 22) if good else date(2016, 6, 21)}]


def ole(*words: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + b"".join(word.encode("utf-16-le") for word in words)


UNCOMPUTED = cells(("a", "b"), *[("x", "<c><f>1+1</f></c>")] * 3)
UNCOMPUTED_EMPTY = cells(("a", "b"), *[("x", "<c><f>1+1</f><v></v></c>")] * 3)
BOMB = '<worksheet xmlns="{}"><sheetData/><!--{}--></worksheet>'.format(MAIN, " " * 3_000_000)
ENTITY = f'<!DOCTYPE x [<!ENTITY e "{"x" * 99}">]><worksheet xmlns="{MAIN}"><sheetData>{GOOD}</sheetData></worksheet>'

NAMELESS = f'<workbook xmlns="{MAIN}" xmlns:r="{DOC}"><sheets><sheet sheetId="1" r:id="rId1"/></sheets></workbook>'
AIMLESS = (
    f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" Type="{DOC}/worksheet"/></Relationships>'
)


@pytest.mark.parametrize(
    ("payload", "facts", "rule", "message"),
    [
        (b"", {}, "empty", "the file is empty"),
        (b"<!doctype html><title>Log in</title>", {}, "html_page", "HTML page"),
        (b"a,b\nx,1\n", {}, "container", "is not an Excel workbook"),
        (b"%PDF-1.7", {}, "container", "is not an Excel workbook"),
        (ole("Workbook"), {}, "xls_binary", r"old binary workbook \(.xls\)"),
        (ole("EncryptionInfo", "EncryptedPackage"), {}, "workbook_encrypted", "encrypted with a password"),
        (book(GOOD)[:-40], {}, "zip_damaged", "cannot be read"),
        (book(GOOD, parts={"xl/workbook.xml": None}), {}, "container", "ZIP archive, not an Excel workbook"),
        (book(GOOD, parts={"xl/vbaProject.bin": b"x"}), {}, "workbook_macros", "macros"),
        (book(GOOD, parts={"xl/externalLinks/externalLink1.xml": "<x/>"}), {}, "workbook_links", "external links"),
        (book(GOOD, parts={"xl/worksheets/sheet1.xml": ENTITY}), {}, "workbook_unsafe", "document type"),
        (book(GOOD, parts={"xl/worksheets/sheet1.xml": BOMB}), {}, "zip_unsafe", "200 times its packed size"),
        (book(GOOD, parts={"xl/styles.xml": ENTITY}), {}, "workbook_unsafe", "styles.xml declares a document type"),
        (book(GOOD, parts={"[Content_Types].xml": ENTITY}), {}, "workbook_unsafe", "declares a document type"),
        (book(GOOD, parts={"xl/workbook.xml": NAMELESS}), {"sheet": "S1"}, "sheet", "no sheet is named 'S1'"),
        (book(GOOD, parts={"xl/_rels/workbook.xml.rels": AIMLESS}), {}, "workbook_damaged", "lacks its part"),
        (book(GOOD, parts={"xl/worksheets/sheet1.xml": None}), {}, "workbook_damaged", "lacks its part"),
        (book(GOOD, parts={"xl/workbook.xml": "<workbook>"}), {}, "workbook_damaged", "not well-formed"),
        (book(GOOD, parts={"xl/workbook.xml": "<x/>".encode("utf-16")}), {}, "workbook_unsafe", "is not UTF-8"),
        (book(GOOD), {"sheet": "数据"}, "sheet", "no sheet is named '数据'; the workbook has 'S1'"),
        (book(GOOD), {"sheet_number": 2}, "sheet", "there is no sheet number 2; the workbook has 'S1'"),
        (book(GOOD, sheets={"S2": "visible"}), {}, "sheet", "names no sheet and 2 are visible; .* 'S1', 'S2'"),
        (book(cells(("a", "c"), ("x", 1))), {}, "header", r"'S1' \(row 1\) .* missing 'b'; not in the contract 'c'"),
        (book(cells(("a", "b", "c"), ("x", 1, 2))), {}, "header", "not in the contract 'c'"),
        (book(cells(("a", "b", "a"), ("x", 1, 2))), {}, "header", "more than once 'a'"),
        (book(GOOD), {"header_row": 5}, "header", "missing 'a', 'b'"),
        (book(cells(("a", "b"))), {}, "empty", "no records in t"),
        (book(UNCOMPUTED), {}, "formula_without_value", r"without a saved value in sheet 'S1', from B2 \(b, 3 cells\)"),
        (book(UNCOMPUTED_EMPTY), {}, "formula_without_value", r"B2 \(b, 3"),
        (book(cells(("a", "b"), *[("合计", 1)] * 22)), {"footer": "合计"}, "footer", "more than 20 rows"),
    ],
)  # fmt: skip
def test_refused_whole(make: Any, two: Any, payload: bytes, facts: Any, rule: str, message: str) -> None:
    with pytest.raises(DeliveryRefused, match=message) as caught:
        make.conform(make.contract(two, format=XlsxFormat(**facts)), payload)
    assert caught.value.rule == rule
    assert "next:" in str(caught.value)
    assert "bronze is unchanged" in str(caught.value)


def test_the_wrong_date_system_is_refused(make: Any) -> None:
    given = contract(make, make.column("d", "DATE", format="excel_serial"))
    with pytest.raises(
        DeliveryRefused, match="counts days from 1904, but the contract reads d as excel_serial"
    ) as caught:
        make.conform(given, book(cells(("d",), (1,)), properties='<workbookPr date1904="1"/>'))
    assert caught.value.rule == "date_system"


def test_a_single_formula_without_a_value_refuses_its_row(make: Any, two: Any) -> None:
    sheet = cells(("a", "b"), ("x", 1), ('<c><f t="array" ref="A3">-x- 73</f><v /></c>', 2), ("z", 3), ("w", 4))
    found = make.conform(make.contract(two, format=XlsxFormat()), book(sheet)).tables["t"]
    assert make.refused(found.quarantine) == [(2, ["formula_without_value"])]
    assert found.accepted == 3


def test_formulas_that_nobody_reads_or_that_give_empty_text_are_fine(make: Any, two: Any) -> None:
    sheet = cells(("a", "b", "c"), ('<c t="str"><f>""</f><v></v></c>', 1, "<c><f>1+1</f></c>"))
    given = make.contract(two, format=XlsxFormat(lenient_extra_columns=True))
    assert make.rows(make.conform(given, book(sheet)).tables["t"].bronze) == [{"a": None, "b": 1}]


def test_a_part_held_in_memory_is_bounded(make: Any, two: Any) -> None:
    payload = book(GOOD, shared="<si><t>" + "".join(f"{n}," for n in range(3000)) + "</t></si>")
    with pytest.raises(DeliveryRefused, match=r"sharedStrings\.xml unpacks to more than 10,000 bytes"):
        make.conform(make.contract(two, format=XlsxFormat()), payload, max_document_bytes=10_000)


@pytest.mark.parametrize(
    ("facts", "message"),
    [({"sheet": "a", "sheet_number": 1}, "not by both"), ({"footer": "("}, "not a regular expression")],
)
def test_formats_that_cannot_be(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        XlsxFormat(**facts)
