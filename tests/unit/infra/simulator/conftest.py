"""One delivered run, shared by the simulator's tests."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest

from infra.simulator.city import City
from infra.simulator.deliver import deliver
from infra.simulator.health.hospital_a import TABLES
from infra.simulator.truth import write_truth
from tests.support import baked

GB18030 = ("food_licence", "credit_list", "hospital_b_visit")
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
Row = dict[str, Any]
Tables = dict[str, list[Row]]


@pytest.fixture(scope="session")
def city() -> City:
    """The demo's city."""
    return City()


def all_days(folder: Path) -> None:
    """All days delivered in order, with the truth beside them."""
    city = City()
    for day_no in range(1, city.days + 1):
        deliver(city, day_no, folder)
    write_truth(city, folder)


@pytest.fixture(scope="session")
def out() -> Path:
    """The demo's whole run; tests only read it."""
    return baked.shared("city-all-days", all_days)


@pytest.fixture(scope="session")
def truth(out: Path) -> dict[str, Any]:
    """What the truth file says."""
    loaded: dict[str, Any] = json.loads((out / "truth/truth.json").read_text())
    return loaded


@pytest.fixture(scope="session")
def drop(out: Path) -> dict[str, Tables]:
    """Every delivered file by its path in the drop folder, read with the standard library."""
    return {path: read(path, content) for path, content in files(out / "drop").items()}


def files(folder: Path) -> dict[str, bytes]:
    """Contents by relative path."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, bytes]]:
    """The function that reads a folder whole."""
    return files


def read(path: str, content: bytes) -> Tables:
    """Tables of one file, by its ending; a ragged CSV line is a row with the key `None`."""
    feed = path.split("/")[1]
    if path.endswith(".ndjson"):
        return {feed: [json.loads(line) for line in content.decode("utf-8").splitlines()]}
    if path.endswith(".csv"):
        return {feed: _csv(content.decode("gb18030" if feed in GB18030 else "utf-8"))}
    if path.endswith(".parquet"):
        return {feed: pq.read_table(io.BytesIO(content)).to_pylist()}
    if path.endswith(".xlsx"):
        return {feed: _sheet(content)}
    if path.endswith(".hl7"):
        return {"report": _reports(content.decode("utf-8"))}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if "manifest.json" in archive.namelist():
            return _resources(archive)
        names = [name for name in archive.namelist() if name != "notes.txt"]
        return {name.removesuffix(".txt"): _csv(archive.read(name).decode("utf-8")) for name in names}


def _resources(archive: zipfile.ZipFile) -> Tables:
    """Resources of an export by the table that holds their type; those of no table are left out."""
    tables = {kind: name for name, (kind, _) in TABLES.items()}
    found: Tables = {name: [] for name in tables.values()}
    for member in archive.namelist():
        if (kind := member.partition(".")[0]) in tables:
            found[tables[kind]] += [json.loads(line) for line in archive.read(member).decode("utf-8").splitlines()]
    return found


def _reports(text: str) -> list[Row]:
    """One row for each OBR: the fields of it, and of the segments around it, by segment."""
    found: list[Row] = []
    message: Row = {}
    for segment in text.split("\r"):
        name, _, fields = segment.partition("|")
        if name == "MSH":
            message = {}
        if name in ("MSH", "PID", "OBR"):
            message = {**message, name: fields.split("|")}
        if name == "OBR":
            found.append(message)
        if name == "ZRR":
            found[-1][name] = fields.split("|")
    return found


def _csv(text: str) -> list[Row]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _sheet(content: bytes) -> list[Row]:
    """Rows of a workbook's first sheet by the texts of its first row; a cell that is not there is None."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - the city wrote it
    lines = [
        {cell.attrib["r"].rstrip("0123456789"): "".join(cell.itertext()) for cell in row}
        for row in sheet.iter(f"{MAIN}row")
    ]
    return [{title: line.get(place) for place, title in lines[0].items()} for line in lines[1:]]
