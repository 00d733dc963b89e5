"""Parts of workbooks by the Open Packaging Conventions, whatever they are named; and what is no workbook at all."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from ingestion.contract.extension import XlsxFormat
from tests.support.workbooks import DOC, MAIN, PACKAGE, TYPES, book, cells

STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
STRICT_DOC = "http://purl.oclc.org/ooxml/officeDocument/relationships"
SHARED = f'<sst xmlns="{MAIN}"><si><t>东</t></si></sst>'
SHEET = cells(("a", "b"), ('<c t="s"><v>0</v></c>', '<c s="1"><v>45000</v></c>'))
WORKSHEET = f'<worksheet xmlns="{MAIN}"><sheetData>{SHEET}</sheetData></worksheet>'


def renamed(payload: bytes, names: dict[str, str], texts: dict[str, tuple[str, str]]) -> bytes:
    """The package with parts under other names, and words of parts (by their old name) replaced."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(payload)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            if name in texts:
                assert texts[name][0] in text
                text = text.replace(*texts[name])
            new.writestr(names.get(name, name), text)
    return buffer.getvalue()


@pytest.fixture
def given(make: Any) -> Any:
    return make.contract(make.table(make.column("a"), make.column("b")), format=XlsxFormat())


GOOD = book(SHEET, parts={"xl/sharedStrings.xml": SHARED})
RELS = "xl/_rels/workbook.xml.rels"
ROOT = {"_rels/.rels": ("xl/workbook.xml", "xl/workbook2.xml")}


@pytest.mark.parametrize(
    "payload",
    [
        GOOD,
        renamed(GOOD, {"xl/sharedStrings.xml": "xl/SharedStrings.xml"}, {}),
        renamed(GOOD, {"xl/sharedStrings.xml": "xl/texts/t.xml"}, {RELS: ('"sharedStrings.xml', '"texts/t.xml')}),
        renamed(GOOD, {}, {RELS: ('"sharedStrings.xml', '"/xl/sharedStrings.xml')}),
        renamed(GOOD, {}, {RELS: ('"sharedStrings.xml', '"SHAREDSTRINGS.XML')}),
        renamed(GOOD, {}, {RELS: ('"sharedStrings.xml', '"../xl/./sharedStrings.xml')}),
        renamed(GOOD, {}, {RELS: ("worksheets/sheet1.xml", "worksheets\\sheet1.xml")}),
        renamed(GOOD, {"xl/styles.xml": "xl/S t.xml"}, {RELS: ("styles.xml", "S%20t.xml")}),
        renamed(GOOD, {"xl/workbook.xml": "xl/workbook2.xml", RELS: "xl/_rels/workbook2.xml.rels"}, ROOT),
        renamed(GOOD, {"xl/workbook.xml": "xl/Workbook.xml", RELS: "xl/_rels/WORKBOOK.xml.rels"}, {}),
        renamed(
            GOOD,
            {
                "xl/workbook.xml": "book.xml", RELS: "_rels/book.xml.rels", "xl/styles.xml": "styles.xml",
                "xl/sharedStrings.xml": "sharedStrings.xml", "xl/worksheets/sheet1.xml": "worksheets/sheet1.xml",
            },
            {"_rels/.rels": ("xl/workbook.xml", "/book.xml")},
        ),
        renamed(GOOD, {name: name.replace("/", "\\") for name in zipfile.ZipFile(io.BytesIO(GOOD)).namelist()}, {}),
        renamed(GOOD, {"[Content_Types].xml": "[CONTENT_TYPES].xml"}, {}),
    ],
)  # fmt: skip
def test_parts_are_found_by_their_relationships(make: Any, given: Any, payload: bytes) -> None:
    assert make.rows(make.conform(given, payload).tables["t"].bronze) == [{"a": "东", "b": "2023-03-15"}]


def test_a_strict_workbook(make: Any, given: Any) -> None:
    payload = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GOOD)) as old, zipfile.ZipFile(payload, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).decode().replace(MAIN, STRICT).replace(DOC, STRICT_DOC))
    assert make.rows(make.conform(given, payload.getvalue()).tables["t"].bronze) == [{"a": "东", "b": "2023-03-15"}]


def test_elements_of_other_namespaces_are_no_rows(make: Any, given: Any) -> None:
    foreign = '<x:sheetData xmlns:x="urn:other"><x:row r="9"/></x:sheetData>'
    payload = book(SHEET, parts={"xl/sharedStrings.xml": SHARED}, before=foreign)
    assert make.conform(given, payload).tables["t"].accepted == 1


NO_TEXTS = f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" Type="{DOC}/worksheet" '
NO_TEXTS += 'Target="worksheets/sheet1.xml"/></Relationships>'
TWICE = NO_TEXTS.replace(
    "</Relationships>", f'<Relationship Id="rId1" Type="{DOC}/styles" Target="x"/></Relationships>'
)
OUTSIDE = NO_TEXTS.replace("Target=", 'TargetMode="External" Target=')
ROWLESS = f'<worksheet xmlns="{MAIN}"/>'
FOREIGN = WORKSHEET.replace(MAIN, "urn:other")


def typed(content_type: str) -> bytes:
    return renamed(GOOD, {}, {"[Content_Types].xml": (f"{TYPES}.sheet.main+xml", content_type)})


@pytest.mark.parametrize(
    ("payload", "rule", "message"),
    [
        (book(SHEET, parts={"xl/sharedStrings.xml": None}), "workbook_damaged", "lacks its part xl/sharedStrings.xml"),
        (book(SHEET, parts={"xl/styles.xml": None}), "workbook_damaged", "lacks its part xl/styles.xml"),
        (book(SHEET, parts={RELS: None}), "workbook_damaged", "lacks its part xl/_rels/workbook.xml.rels"),
        (book(SHEET, parts={RELS: TWICE}), "workbook_damaged", "gives one id to several relationships"),
        (book(SHEET, parts={RELS: OUTSIDE}), "workbook_links", "external links"),
        (book(SHEET, parts={RELS: NO_TEXTS.replace("rId1", "rId7")}), "workbook_damaged", "'S1' names no part"),
        (book(SHEET, parts={"xl/SHAREDSTRINGS.xml": SHARED}), "workbook_damaged", "have one name"),
        (book(SHEET, parts={"xl/worksheets/sheet1.xml": FOREIGN}), "workbook_damaged", "is no worksheet"),
        (book(SHEET, parts={"xl/worksheets/sheet1.xml": ROWLESS}), "workbook_damaged", "no rows"),
        (book(SHEET, parts={"xl/worksheets/sheet1.xml": WORKSHEET.replace("</row></sheet", "</sheet")}),
         "workbook_damaged", "not well-formed"),
        (book(SHEET, parts={"xl/sharedStrings.xml": SHARED[:-3]}), "workbook_damaged", "not well-formed"),
        (book(SHEET, parts={"xl/sharedStrings.xml": SHARED.encode("gb18030")}), "workbook_damaged", "not well-formed"),
        (book(SHEET, parts={"xl/worksheets/sheet1.xml": f'<?xml version="1.0" encoding="gbk"?>{WORKSHEET}'}),
         "workbook_unsafe", "declares 'gbk'"),
        (book(SHEET, parts={"xl/styles.xml": "<!DOCTYPE x><styleSheet/>"}), "workbook_unsafe", "document type"),
        (typed("application/vnd.ms-excel.sheet.macroEnabled.main+xml"), "workbook_macros", "macros"),
        (typed("application/vnd.ms-excel.sheet.binary.macroEnabled.main"), "xlsb_binary", r"\(.xlsb\)"),
        (typed(f"{TYPES.replace('spreadsheet', 'wordprocessing')}.document.main+xml"), "container", "another kind"),
    ],
)  # fmt: skip
def test_packages_that_contradict_themselves(make: Any, given: Any, payload: bytes, rule: str, message: str) -> None:
    caught = make.refusal(given, payload)
    assert caught.rule == rule
    assert message.replace("\\", "") in caught.message


def test_cells_of_shared_text_without_any(make: Any, given: Any) -> None:
    """A workbook without shared text has none to give: each such cell refuses its row, and only that."""
    sheet = cells(("a", "b"), ('<c t="s"><v>0</v></c>', "x"), ("y", "z"))
    found = make.conform(given, book(sheet, parts={RELS: NO_TEXTS})).tables["t"]
    assert make.refused(found.quarantine) == [(1, ["cell_broken"])]


def test_two_sheets_of_one_name(make: Any) -> None:
    payload = book(SHEET, sheets={"S2": "visible"})
    payload = renamed(payload, {}, {"xl/workbook.xml": ('name="S2"', 'name="S1"')})
    given = make.contract(make.table(make.column("a"), make.column("b")), format=XlsxFormat(sheet="S1"))
    caught = make.refusal(given, payload)
    assert (caught.rule, "2 sheets are named 'S1'" in caught.message) == ("sheet", True)


def test_an_opendocument_file(make: Any, given: Any) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        made.writestr("content.xml", "<office/>")
    caught = make.refusal(given, buffer.getvalue())
    assert (caught.rule, "OpenDocument" in caught.message) == ("container", True)
