"""Load the texts of a sample into DuckDB tables of text columns, one per table of the feed.

XML samples are JSON objects, one per record (`xml_sample`).

Delimited text: delimiter, quote and header by DuckDB's sniffer over the whole sample. JSON: one
column per leaf of the merged structure of all sampled records; lists stay one column of JSON text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ingestion.authoring.sample import Encoded, Sample, step
from ingestion.errors import ContractError
from ingestion.sql import identifier, literal
from ingestion.values.blanks import strip

MAX_COLUMNS = 300
_MAX_LINE = 8 * 2**20
_MAX_WORDS = 6


@dataclass(frozen=True)
class Source:
    """One source column: physical name (in XML: its path), JSON path in the sample (None for delimited text), and
    its name in the table."""

    name: str
    column: str
    path: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class SampledTable:
    """A table of the sample, all columns VARCHAR. `rejected` counts lines that did not fit,
    `repeated` headers that come twice (their later columns cannot be told by name)."""

    relation: str
    member: str
    sources: tuple[Source, ...]
    rows: int
    whole: bool
    rejected: int = 0
    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    repeated: tuple[str, ...] = ()
    escape: str = ""


def load_tables(
    connection: duckdb.DuckDBPyConnection, sample: Sample, scratch: Path
) -> tuple[list[SampledTable], dict[str, str]]:
    """The tables, and the reason for each member that is not a table. Raises ContractError where there is no table."""
    tables: list[SampledTable] = []
    left_out: dict[str, str] = {}
    for index, (member, text) in enumerate(sample.texts.items()):
        file = scratch / f"{index}.txt"
        file.write_text(text.text, encoding="utf-8", newline="")
        relation = f"sample_{index}"
        try:
            if sample.kind in ("csv", "zip", "xlsx", "parquet"):
                tables.append(_delimited(connection, file, relation, member, text))
            else:
                tables.append(_records(connection, file, relation, member, sample))
        except duckdb.Error as error:
            left_out[member] = f"cannot be read as a table: {str(error).splitlines()[0]}"
    if not tables:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise ContractError(f"no table found: {reasons}", next_step="give a sample the department sent")
    return tables, left_out


def _delimited(
    connection: duckdb.DuckDBPyConnection, file: Path, relation: str, member: str, text: Encoded
) -> SampledTable:
    options = f"sample_size => -1, all_varchar => true, max_line_size => {_MAX_LINE}, strict_mode => false"
    found = connection.execute(
        f"select delimiter, quote, hasheader, columns, skiprows from sniff_csv({literal(file)}, {options}, "
        "ignore_errors => true, null_padding => false)"
    ).fetchone()
    if found is None:
        raise duckdb.InvalidInputException("the sniffer found nothing")
    delimiter, quote, header, columns, skipped = found
    delimiter, header = _one_column(text.text, delimiter, columns), _has_header(text.text, header, delimiter)
    quote = '"' if quote in ("", "\x00", "(empty)") else quote
    escape = _escape(text.text, quote, delimiter)
    names = _header(connection, file, delimiter, quote, skipped) if header else []
    if len(names) == 1 and len(names[0].split()) > _MAX_WORDS:
        raise duckdb.InvalidInputException("one column under a sentence: prose")
    names = names or [f"column{n}" for n in range(len(columns))]
    connection.execute(
        f"create table {identifier(relation)} as from read_csv({literal(file)}, auto_detect => false, "
        f"header => {literal(header)}, skip => {literal(skipped)}, delim => {literal(delimiter)}, "
        f"quote => {literal(quote)}, escape => {literal(escape or quote)}, max_line_size => {_MAX_LINE}, "
        f"columns => {literal({f'c{n}': 'VARCHAR' for n in range(len(names))})}, strict_mode => false, "
        "store_rejects => true, rejects_limit => 100000)"
    )
    rejected = _one(connection, "select count(distinct line) from reject_errors")
    connection.execute("delete from reject_errors")
    sources = tuple(Source(name, f"c{n}") for n, name in enumerate(names) if name not in names[:n])
    repeated = sorted({name for n, name in enumerate(names) if name in names[:n]})
    rows = _one(connection, f"select count(*) from {identifier(relation)}")
    return SampledTable(
        relation, member, sources, rows, text.whole, rejected, delimiter, quote, header, tuple(repeated),
        escape,
    )  # fmt: skip


def _escape(text: str, quote: str, delimiter: str) -> str:
    """A backslash where it stands before a quote that does not end its quoted field, which no doubling explains."""
    ends = re.escape(delimiter) + r"\r\n"
    mark = re.escape(quote)
    inner = rf"(?:^|[{ends}]){mark}(?:[^{mark}\\{ends}]|\\[^{mark}])*\\{mark}(?:[^{mark}{ends}]|{mark}[{ends}])"
    return "\\" if re.search(inner, text) else ""


def _one_column(text: str, delimiter: str, columns: list[Any]) -> str:
    """The sniffer's delimiter, or a plain one where it took a letter out of a one-column file."""
    usable = delimiter in (",", ";", "\t", "|", "^", "~", ":") and delimiter in text.split("\n", 1)[0]
    return delimiter if usable and len(columns) > 1 else ","


def _has_header(text: str, found: bool, delimiter: str) -> bool:
    """The sniffer's word, corrected where every column is text: a first line of distinct words without digits."""
    first = [strip(cell).strip('"') for cell in text.split("\n", 1)[0].split(delimiter)]
    words = all(cell and not cell[0].isdigit() and cell[0] not in "+-." for cell in first)
    return found or (words and len(set(first)) == len(first))


def _header(connection: duckdb.DuckDBPyConnection, file: Path, delimiter: str, quote: str, skipped: int) -> list[str]:
    """The first line's cells as they are written."""
    rows = connection.execute(
        f"from read_csv({literal(file)}, header => false, skip => {literal(skipped)}, all_varchar => true, "
        f"delim => {literal(delimiter)}, quote => {literal(quote)}, strict_mode => false, null_padding => true, "
        "ignore_errors => true, "
        f"max_line_size => {_MAX_LINE}) limit 1"
    ).fetchall()
    return [strip(str(cell or f"column{n}")) for n, cell in enumerate(rows[0] if rows else ())]


def _records(
    connection: duckdb.DuckDBPyConnection, file: Path, relation: str, member: str, sample: Sample
) -> SampledTable:
    staged = identifier(f"{relation}_records")
    if sample.kind in ("ndjson", "xml"):
        source = f"select json as record from read_ndjson_objects({literal(file)}, ignore_errors => true)"
    else:
        source = (
            f"select unnest(from_json(json_extract(content, {literal(sample.records)}), '[\"JSON\"]')) as record "
            f"from read_text({literal(file)})"
        )
    connection.execute(f"create table {staged} as {source}")
    structure = json.loads(_one(connection, f"select json_group_structure(record)::varchar from {staged}"))
    leaves = _leaves(structure, (), [])
    sources = tuple(
        Source(".".join(keys), f"c{n}", "$" + "".join(f".{step(key)}" for key in keys), note)
        for n, (keys, note) in enumerate(leaves[:MAX_COLUMNS])
    )
    cells = ", ".join(f"json_extract_string(record, {literal(s.path)}) as {identifier(s.column)}" for s in sources)
    connection.execute(f"create table {identifier(relation)} as select {cells} from {staged}")
    rows = _one(connection, f"select count(*) from {identifier(relation)}")
    return SampledTable(relation, member, sources, rows, sample.texts[member].whole)


def _leaves(
    node: Any, keys: tuple[str, ...], found: list[tuple[tuple[str, ...], str | None]]
) -> list[tuple[tuple[str, ...], str | None]]:
    """Paths to scalars; a list, or a value that is now a scalar and now a list, is one leaf of JSON text."""
    if isinstance(node, dict) and node:
        for key, value in node.items():
            _leaves(value, (*keys, key), found)
    elif isinstance(node, list | dict):
        found.append((keys, "a list or object, kept as JSON text"))
    elif keys:
        found.append((keys, "now one value, now a list: kept as JSON text" if node == "JSON" else None))
    return found


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
