"""Which values of what departments sent are personal: those that a contract de-identifies, drops or does not read.

Derived from contracts, feed by feed: every leaf of a payload (a cell, a JSON member, a component of an HL7 field) that
no column keeps as it is. A value that another kept column has too (a code, a date of a company) tells nobody apart and
is left out, as are words of the formats themselves and of the committed lists (names of drugs and of towns in seeds).
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ingestion.contract.extension import CsvFormat, JsonFormat
from ingestion.contract.health_formats import FhirFormat, Hl7Format
from ingestion.contract.hl7_paths import hl7_path
from ingestion.contract.model import Column, Contract, Table
from ingestion.contract.table_formats import ParquetFormat

Leaf = tuple[str, str, bool]
"""Place (a path without indices), value, and whether a column keeps it as it is."""

_WORDS = re.compile(r"(https?://|urn:oid:|urn:ietf)\S*|[a-z][a-zA-Z_\-]*|[A-Z_\-]+")
"""Addresses of code systems and the words of codes; a name has a capital letter and small ones."""
_OF_THE_FORMAT = frozenset({
    "system", "url", "code", "profile", "resourceType", "status", "use", "type", "unit", "currency", "contentType",
    "versionId", "lastUpdated", "language", "format", "issued", "recorded", "start", "end", "date", "recordedDate",
    "authoredOn", "effectiveDateTime", "occurrenceDateTime", "onsetDateTime", "abatementDateTime",
})  # fmt: skip
"""Members of FHIR that say what something is or when; a birth date, a name, an address are none of them."""
_CODED = re.compile(r"\b(coding|meta|category|class|securityLabel)\b")
_LEAST, _LEAST_CJK = 6, 2
_DATE = re.compile(r"((?:19|20)\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?:[T ]?\d\d:?\d\d\S*)?$")
_LINE = 12
_CJK = re.compile(r"[\u3400-\u9fff]")
SEEDS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds"


@dataclass
class Sent:
    """What was sent so far: personal values with their places, and values that some column keeps."""

    personal: dict[str, str] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)

    def add(self, contract: Contract, payload: bytes) -> None:
        """Take in a payload of a feed."""
        for place, value, is_kept in leaves(contract, payload):
            if is_kept:
                self.kept.add(value)
            elif is_telling(value):
                self.personal.setdefault(value, f"{contract.name} {place}")

    def add_kept(self, contract: Contract, payload: bytes) -> None:
        """Take in a payload of another department: only what it keeps, which is then nothing personal of the first."""
        self.kept |= {value for _, value, is_kept in leaves(contract, payload) if is_kept}

    @property
    def values(self) -> dict[str, str]:
        """What must not be found anywhere: value → where it was sent."""
        return {value: place for value, place in self.personal.items() if value not in self.kept and not _date(value)}

    @property
    def dates(self) -> dict[str, str]:
        """Days that no kept column of these feeds has, in both spellings: births, above all. Other tables have days of
        their own (a calendar has all of them), so that these mean something among health only.

        The first days of five-year bands are what births become.
        """
        kept = {found for found in map(_date, self.kept) if found}
        found = {day: place for value, place in self.personal.items() if (day := _date(value)) and day not in kept}
        births = {day: place for day, place in found.items() if not _is_band(day)}
        return {spelled: place for day, place in births.items() for spelled in (day, day.replace("-", ""))}


def sent_by(department: str, drop: Path, contracts: Mapping[str, Contract]) -> Sent:
    """What lies in the drop folder: of one department all, of the others what they keep."""
    sent = Sent(kept=_words_of_seeds())
    for contract in contracts.values():
        for path in sorted((drop / contract.department / contract.feed).glob("*")):
            (sent.add if contract.department == department else sent.add_kept)(contract, path.read_bytes())
    return sent


def _words_of_seeds() -> set[str]:
    """Every cell of the committed lists that models name codes by: what stands there is known to everybody."""
    words: set[str] = set()
    for path in SEEDS.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            words.update(cell for row in csv.reader(file) for cell in row)
    return words


def _date(value: str) -> str | None:
    """The day of a date or time, ISO; None for another value."""
    found = _DATE.match(value)
    return "-".join(found.groups()) if found else None


def _is_band(day: str) -> bool:
    return day.endswith("-01-01") and int(day[:4]) % 5 == 0


def is_telling(value: str) -> bool:
    """Whether a value can tell a person: not a short code, a word of the format, a number or a round date."""
    if len(_CJK.findall(value)) >= _LEAST_CJK:
        return True
    if len(value) < _LEAST or _WORDS.fullmatch(value):
        return False
    is_number = re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
    return not is_number or len(value.lstrip("-")) >= len("19800101")


def leaves(contract: Contract, payload: bytes) -> Iterator[Leaf]:
    """Every leaf of a payload."""
    spec = contract.citylake.format
    if isinstance(spec, CsvFormat):
        yield from _cells(contract.tables[0], spec, payload)
    elif isinstance(spec, JsonFormat):
        for line in payload.splitlines() if spec.type == "ndjson" else [payload]:
            yield from _members(contract.tables[0], json.loads(line), "", None) if line.strip() else ()
    elif isinstance(spec, FhirFormat):
        yield from _resources(contract, payload)
    elif isinstance(spec, Hl7Format):
        yield from _components(contract, payload)
    elif isinstance(spec, ParquetFormat):
        yield from _parquet(contract.tables[0], payload)


def _keeps(column: Column) -> bool:
    return column.spec.deidentify is None


def _cells(table: Table, spec: CsvFormat, payload: bytes) -> Iterator[Leaf]:
    kept = {column.source for column in table.source_columns if _keeps(column)}
    rows = csv.reader(io.StringIO(payload.decode(spec.encoding)), delimiter=spec.delimiter)
    names = [name.strip() for name in next(rows)]
    for row in rows:
        for name, value in zip(names, row, strict=False):
            if value.strip():
                yield name, value.strip(), name in kept


def _parquet(table: Table, payload: bytes) -> Iterator[Leaf]:
    kept = {column.source for column in table.source_columns if _keeps(column)}
    found = pq.read_table(io.BytesIO(payload))
    for name in found.column_names:
        for value in found[name].unique().to_pylist():
            if value is not None:
                yield name, str(value).strip(), name in kept


def _resources(contract: Contract, payload: bytes) -> Iterator[Leaf]:
    tables = {str(table.source): table for table in contract.tables}
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        for name in archive.namelist():
            kind = name.split(".")[0]
            if not name.endswith(".ndjson") or not kind[:1].isupper():
                continue
            for line in archive.read(name).splitlines():
                if line.strip().startswith(b"{"):
                    for place, value, is_kept in _members(tables.get(kind), _parsed(line), "", None):
                        yield f"{kind}{place}", value, is_kept


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:  # planted dirt
        return {}


def _members(table: Table | None, value: Any, place: str, element: dict[str, Any] | None) -> Iterator[Leaf]:
    """The leaves of a JSON value. `element`: the nearest object that is an element of a list."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _members(table, inner, f"{place}.{name}", element)
    elif isinstance(value, list):
        for inner in value:
            yield from _members(table, inner, f"{place}[*]", inner if isinstance(inner, dict) else element)
    elif isinstance(value, str) and value.strip():
        is_kept = any(_keeps(column) and _reads(column, place, element) for column in _columns(table))
        name = place.rpartition(".")[2].replace("[*]", "")
        if is_kept or not (name in _OF_THE_FORMAT or _CODED.search(place)):
            yield place, value.strip(), is_kept
            yield from ((f"{place} (decoded)", line, False) for line in _attachment(name, value))


def _columns(table: Table | None) -> Iterable[Column]:
    return table.source_columns if table is not None else ()


def _reads(column: Column, place: str, element: dict[str, Any] | None) -> bool:
    path = (column.spec.path or f"$.{column.source}").removeprefix("$")
    if re.sub(r"\[\d+\]", "[*]", path) != place:
        return False
    choose = column.spec.choose
    if choose is None:
        return True
    found: Any = element
    for part in choose.member.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return bool(found == choose.equals)


def _attachment(name: str, value: str) -> Iterator[str]:
    """The lines of a base64 text, as notes and reports are attached."""
    if name != "data":
        return
    try:
        text = base64.b64decode(value, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return
    yield from (line.strip() for line in text.splitlines() if len(line.strip()) >= _LINE)


def _components(contract: Contract, payload: bytes) -> Iterator[Leaf]:
    """Every component of HL7 messages, escapes read by the library `hl7`; the delimiters are the usual ones."""
    paths = [hl7_path(str(c.spec.path or c.source)) for t in contract.tables for c in t.source_columns if _keeps(c)]
    kept = {(path.segment, path.field, path.component or 1) for path in paths}
    for line in re.split(r"[\r\n]+", payload.decode("utf-8", "replace")):
        segment, *fields = line.split("|")
        if segment == "MSH":
            fields = ["", *fields]
        for number, text in enumerate(fields, 1):
            if segment == "MSH" and number <= 2:
                continue
            for repetition in text.split("~"):
                for place, part in enumerate(repetition.split("^"), 1):
                    for piece in _pieces(part):
                        yield f"{segment}-{number}.{place}", piece, (segment, number, place) in kept


def _pieces(part: str) -> Iterator[str]:
    text = part.replace("\\T\\", "&").replace("\\R\\", "~").replace("\\S\\", "^").replace("\\F\\", "|")
    text = text.replace("\\E\\", "\\")
    yield from (piece.strip() for piece in text.split("\\.br\\") if piece.strip())
