"""Workbooks for stewards, read back cell by cell, and what their XML says of each cell."""

from __future__ import annotations

import zipfile
from pathlib import Path

import duckdb
from lxml import etree

from ingestion.machine import extensions
from ingestion.sql import literal

SUMMARY, ROWS = "摘要 Summary", "行 Rows"
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def sheets(path: Path) -> list[str]:
    """Names of the sheets, in order."""
    with zipfile.ZipFile(path) as archive:
        return [found.get("name") for found in etree.fromstring(archive.read("xl/workbook.xml")).iter(f"{_MAIN}sheet")]


def grid(path: Path, sheet: str) -> list[tuple[str, ...]]:
    """Every row of a sheet that has a value as text, as another program reads it."""
    options = "range = 'A1:H5000', header = false, all_varchar = true, stop_at_empty = false"
    source = f"{literal(path)}, sheet = {literal(sheet)}, {options}"
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        extensions.load(connection, "excel")
        rows = connection.execute(f"select * from read_xlsx({source})").fetchall()
    return [tuple(cell or "" for cell in row) for row in rows if any(row)]


def kinds(path: Path) -> set[str]:
    """The types of all cells of all sheets, and `formula` and `link` where there is one."""
    found: set[str] = set()
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/sheet"):
                tree = etree.fromstring(archive.read(name))
                found |= {cell.get("t", "n") for cell in tree.iter(f"{_MAIN}c")}
                found |= {"formula" for _ in tree.iter(f"{_MAIN}f")} | {"link" for _ in tree.iter(f"{_MAIN}hyperlink")}
            found |= {"macro"} if "vba" in name.lower() or "external" in name.lower() else set()
    return found
