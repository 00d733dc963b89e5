"""A sample workbook as delimited text: its sheet, where its headings are, and its first rows.

The headings are the first row in which every column has a word of its own; what stands above it is a title.
Whether headings are merged over several rows is for a person to see.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import duckdb

from ingestion.contract.drafting.sample import Encoded, Sample
from ingestion.contract.table_formats import XlsxFormat
from ingestion.engines import shut
from ingestion.errors import ContractError, DeliveryRefused
from ingestion.extensions import load
from ingestion.parsers.sheet_shape import Shape
from ingestion.parsers.workbook import Sheet, Workbook
from ingestion.parsers.xlsx import cells
from ingestion.settings import Settings

MAX_ROWS = 5_000
_TITLE_ROWS = 20


def read_workbook(path: Path) -> Sample:
    """The first visible sheet with a table. Raises ContractError where there is none, or the workbook is refused."""
    try:
        book = Workbook(path, Settings())
        for sheet in (sheet for sheet in book.sheets if sheet.visible):
            shape = book.shape(book.sheet(XlsxFormat(sheet=sheet.name)))
            rows = _rows(path, sheet, shape)
            header = _header_row(rows)
            if header is not None:
                left_out = {other.name: "another sheet" for other in book.sheets if other != sheet}
                text = _delimited(rows[header:])
                encoded = Encoded(text, "utf-8", "a workbook", whole=shape.rows <= MAX_ROWS)
                return Sample("xlsx", {sheet.name: encoded}, left_out=left_out, header_row=header + 1)
    except (DeliveryRefused, duckdb.Error) as error:
        problem = error.message if isinstance(error, DeliveryRefused) else str(error).splitlines()[0]
        raise ContractError(
            f"{path}: {problem}", left="nothing was written", next_step="ask for an .xlsx or CSV"
        ) from error
    raise ContractError(
        f"{path}: no visible sheet begins with a row of headings", left="nothing was written",
        next_step="give a sample the department sent",
    )  # fmt: skip


def _rows(path: Path, sheet: Sheet, shape: Shape) -> list[tuple[str | None, ...]]:
    if not shape.columns or not shape.rows:
        return []
    with duckdb.connect(config={"memory_limit": "1GB", "threads": 2}) as connection:
        load(connection, "excel")
        shut(connection, files=[path])
        relation = cells(path, sheet, shape.columns, 1, min(shape.rows, MAX_ROWS))
        return connection.execute(f"select * from {relation}").fetchall()


def _header_row(rows: list[tuple[str | None, ...]]) -> int | None:
    """The first row filled up to the last column that any of the first rows uses, in distinct words."""
    top = rows[: _TITLE_ROWS + 1]
    width = max((index + 1 for row in top for index, cell in enumerate(row) if cell and cell.strip()), default=0)
    for place, row in enumerate(top):
        words = [(cell or "").strip() for cell in row[:width]]
        if width and all(words) and len(set(words)) == width:
            return place
    return None


def _delimited(rows: list[tuple[str | None, ...]]) -> str:
    width = max(index + 1 for index, cell in enumerate(rows[0]) if cell and cell.strip())
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        line = [" ".join((cell or "").split("\n")).strip() for cell in row[:width]]
        if any(line):
            writer.writerow(line)
    return buffer.getvalue()
