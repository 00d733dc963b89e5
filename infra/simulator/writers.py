"""Bytes from rows: CSV in any encoding, NDJSON with nested objects, ZIP with fixed times."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Union

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from infra.simulator.rows import Rows, Texts

Template = Mapping[str, Union[str, "Template"]]
"""JSON object: member name to column name, or to a nested object."""


def csv_bytes(
    rows: Rows, header: Mapping[str, str] | Sequence[str], *, encoding: str = "utf-8", newline: str = "\n"
) -> bytes:
    """Header line, rows, then raw lines; minimal RFC 4180 quoting; strict encoding.

    `header` lists columns, or maps each header text to the column that fills it.
    """
    columns = dict(header) if isinstance(header, Mapping) else {name: name for name in header}
    parts = [_quoted(rows.cells[column]) for column in columns.values()]
    lines = pc.binary_join_element_wise(*parts, ",").to_pylist()
    return _joined([",".join(columns), *lines, *(line for line, _ in rows.raw)], encoding, newline)


def ndjson_bytes(rows: Rows, template: Template) -> bytes:
    """One UTF-8 object a line; cells are JSON literals already."""
    parts: list[str | Texts] = []
    _fill(template, rows, parts)
    size = len(rows)
    arrays = [
        pa.array(np.full(size, part, dtype=object) if isinstance(part, str) else part, pa.string()) for part in parts
    ]
    return _joined(pc.binary_join_element_wise(*arrays, "").to_pylist(), "utf-8", "\n")


def json_bytes(
    rows: Rows, members: Mapping[str, str], *, numbers: Sequence[str] = (), booleans: Sequence[str] = ()
) -> bytes:
    """One flat object a line, member to column: cells are plain texts, an empty one is null, a number in a column of
    `numbers` and true or false in one of `booleans` stand as they are."""
    cells = {}
    for column in members.values():
        values = rows.cells[column]
        literal = json_texts(values)
        if column in numbers:
            literal = np.where(is_number(values), values, literal)
        if column in booleans:
            literal = np.where(np.isin(values, ("true", "false")), values, literal)
        cells[column] = np.where(values == "", "null", literal).astype(object)
    return ndjson_bytes(Rows(cells), members)


def is_number(values: Texts) -> NDArray[np.bool_]:
    """Whether each text is a plain decimal number."""
    matched: NDArray[np.bool_] = pc.match_substring_regex(
        pa.array(values, pa.string()), r"^-?[0-9]+(\.[0-9]+)?$"
    ).to_numpy(zero_copy_only=False)
    return matched


def parquet_bytes(rows: Rows) -> bytes:
    """Parquet of text columns; an empty cell is NULL. The bytes depend on the cells only."""
    columns = {}
    for name, cells in rows.cells.items():
        values = pa.array(cells, pa.string())
        columns[name] = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd", store_schema=False)
    return buffer.getvalue()


def json_texts(values: Texts) -> Texts:
    """Texts as JSON string literals; control characters are not expected."""
    escaped = pc.replace_substring(pc.replace_substring(pa.array(values, pa.string()), "\\", "\\\\"), '"', '\\"')
    return '"' + escaped.to_numpy(zero_copy_only=False).astype(object) + '"'


def zip_bytes(members: Mapping[str, bytes], stamp: datetime) -> bytes:
    """A deflated archive whose bytes depend on the members and `stamp` only."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, stamp.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, content, compresslevel=6)
    return buffer.getvalue()


def _quoted(column: Texts) -> pa.Array:
    plain = pa.array(column, pa.string())
    special = pc.match_substring_regex(plain, '[",\r\n]')
    if not pc.any(special).as_py():
        return plain
    doubled = pc.binary_join_element_wise('"', pc.replace_substring(plain, '"', '""'), '"', "")
    return pc.if_else(special, doubled, plain)


def _fill(template: Template, rows: Rows, parts: list[str | Texts]) -> None:
    opening = "{"
    for name, value in template.items():
        parts.append(f'{opening}"{name}":')
        if isinstance(value, str):
            parts.append(rows.cells[value])
        else:
            _fill(value, rows, parts)
        opening = ","
    parts.append("}")


def _joined(lines: list[str], encoding: str, newline: str) -> bytes:
    return (newline.join(lines) + newline).encode(encoding) if lines else b""
