"""A sample workbook as delimited text: its sheet, where its headings are, and its first rows.

The headings are the first row in which every column has a word of its own; what stands above it is a title.
Whether headings are merged over several rows is for a person to see.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.authoring.sample import Encoded, Sample
from ingestion.errors import ContractError, DeliveryRefused
from ingestion.parsers.sheet_cells import Fault, Kind
from ingestion.parsers.sheet_dates import iso_texts
from ingestion.parsers.sheet_styles import NumberDisplay
from ingestion.parsers.sheet_values import Values
from ingestion.parsers.workbook import Sheet, Workbook
from ingestion.settings import Settings
from ingestion.values.blanks import is_blank, strip

MAX_ROWS = 5_000
_TITLE_ROWS = 20

Rows = list[list[str | None]]


def read_workbook(path: Path) -> Sample:
    """The first visible sheet with a table. Raises ContractError where there is none, or the workbook is refused."""
    try:
        book = Workbook(path, Settings())
        for sheet in (sheet for sheet in book.sheets if sheet.visible):
            rows, dated, whole = _rows(book, sheet)
            header = _header_row(rows)
            if header is not None:
                left_out = {other.name: "another sheet" for other in book.sheets if other != sheet}
                encoded = Encoded(_delimited(rows[header:]), "utf-8", "a workbook", whole=whole)
                names = [strip(cell or "") for cell in rows[header]]
                form = "excel_serial_1904" if book.date_1904 else "excel_serial"
                serials = {names[column]: form for column in dated if column < len(names)}
                return Sample("xlsx", {sheet.name: encoded}, left_out=left_out, header_row=header + 1, serials=serials)
    except DeliveryRefused as refusal:
        raise ContractError(
            f"{path}: {refusal.message}", left="nothing was written", next_step="ask for an .xlsx or CSV"
        ) from refusal
    raise ContractError(
        f"{path}: no visible sheet begins with a row of headings", left="nothing was written",
        next_step="give a sample the department sent",
    )  # fmt: skip


def _rows(book: Workbook, sheet: Sheet) -> tuple[Rows, set[int], bool]:
    """The first rows, days as ISO 8601; which columns have such numbers; and whether these are all rows."""
    shape = book.reader(sheet).shape(1, MAX_ROWS)
    count = min(shape.rows, MAX_ROWS)
    width = max(shape.columns, default=-1) + 1
    rows: Rows = [[None] * width for _ in range(count)]
    if shape.head is None or not width:
        return [], set(), True
    head = shape.head
    text, dated = _shown(book, head)
    for row, column, word, fault in zip(
        head.row.tolist(), head.column.tolist(), text.to_pylist(), head.fault.tolist(), strict=True
    ):
        rows[row - 1][column] = word if fault in (Fault.NONE, Fault.ERROR) else None
    return rows, dated, shape.rows <= MAX_ROWS


def _shown(book: Workbook, head: Values) -> tuple[pa.LargeStringArray, set[int]]:
    """The texts with numbers shown as dates as ISO 8601, and the columns that have some."""
    number = (head.kind == Kind.NUMBER) & ~np.isnan(head.number) & (head.style < len(book.shown))
    shown = np.zeros(len(head), np.int64)
    shown[number] = book.shown[head.style[number]]
    at = shown != NumberDisplay.NUMBER
    if not at.any():
        return head.text, set()
    said = head.text.filter(pa.array(at))
    days = pc.coalesce(iso_texts(head.number[at], shown[at], date_1904=book.date_1904), said)
    return pc.replace_with_mask(head.text, pa.array(at), days), set(
        head.column[at & (shown == NumberDisplay.DATE)].tolist()
    )


def _header_row(rows: Rows) -> int | None:
    """The first row filled up to the last column that any of the first rows uses, in distinct words."""
    top = rows[: _TITLE_ROWS + 1]
    width = max((index + 1 for row in top for index, cell in enumerate(row) if cell and not is_blank(cell)), default=0)
    for place, row in enumerate(top):
        words = [strip(cell or "") for cell in row[:width]]
        if width and all(words) and len(set(words)) == width:
            return place
    return None


def _delimited(rows: Rows) -> str:
    width = max(index + 1 for index, cell in enumerate(rows[0]) if cell and not is_blank(cell))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        line = [strip(" ".join((cell or "").split("\n"))) for cell in row[:width]]
        if any(line):
            writer.writerow(line)
    return buffer.getvalue()
