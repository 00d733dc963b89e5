"""Excel workbooks (ECMA-376) from rows: one sheet, texts inline; the same rows give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from xml.sax.saxutils import escape

import numpy as np

from infra.simulator.rows import Rows, Texts
from infra.simulator.writers import is_number, zip_bytes

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_DOC = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_DOC}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOC}"><sheets>'
    '<sheet name="SYNTHETIC 模拟数据" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_DOC}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def xlsx_bytes(rows: Rows, header: Mapping[str, str], stamp: datetime, *, numbers: Sequence[str] = ()) -> bytes:
    """The workbook of a header (its texts to columns) and rows; numbers in columns of `numbers` are number cells.

    `stamp` is the time that the archive's members bear.
    """
    lines = [_row(1, [_text(title) for title in header])]
    columns = [_cells(rows.cells[column], column in numbers) for column in header.values()]
    lines += [_row(number, cells) for number, cells in enumerate(zip(*columns, strict=True), start=2)]
    sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>'
    parts = {**_PARTS, "xl/worksheets/sheet1.xml": sheet}
    return zip_bytes({name: (_XML + part).encode() for name, part in parts.items()}, stamp)


def _cells(values: Texts, may_be_numbers: bool) -> list[str]:
    """Attributes and content of cells without their place; empty ones are left out of the sheet."""
    numeric = is_number(values) & may_be_numbers
    found = np.array([_text(value) for value in values], dtype=object)
    found[numeric] = [f"><v>{value}</v>" for value in values[numeric]]
    return list(found)


def _text(value: str) -> str:
    return f' t="inlineStr"><is><t>{escape(value)}</t></is>' if value else ""


def _row(number: int, cells: Sequence[str]) -> str:
    placed = (f'<c r="{_column(place)}{number}"{cell}</c>' for place, cell in enumerate(cells) if cell)
    return f'<row r="{number}">{"".join(placed)}</row>'


def _column(place: int) -> str:
    """The letters of a column, from 0."""
    tens, ones = divmod(place, len(_LETTERS))
    return (_LETTERS[tens - 1] if tens else "") + _LETTERS[ones]
