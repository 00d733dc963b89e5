"""A sample Parquet file as delimited text: its columns and first rows, as the parser reads them.

The types are guessed from the texts, as for any sample: a text column that holds dates is a column of dates.
"""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from ingestion.authoring.sample import Encoded, Sample
from ingestion.contract.model import Column, Table
from ingestion.contract.table_formats import ParquetFormat
from ingestion.errors import ContractError, DeliveryRefused
from ingestion.parsers.parquet_file import column_names
from ingestion.parsers.parquet_records import ParquetRecords
from ingestion.settings import Settings

MAX_ROWS = 5_000


def read_parquet(path: Path) -> Sample:
    """The first rows. Raises ContractError where the file is refused, or has no rows."""
    try:
        names = column_names(path, Settings())
        columns = tuple(Column(f"c{place}", "VARCHAR", name, name, name) for place, name in enumerate(names))
        table = Table("sample", "sample", "sample", "one row", None, columns, None, ())
        found: list[pa.Table] = []
        for segment in ParquetRecords(table, ParquetFormat(), path, Settings()).segments():
            found.append(segment.columns)
            if sum(part.num_rows for part in found) > MAX_ROWS:
                break
    except DeliveryRefused as refusal:
        raise ContractError(
            f"{path}: {refusal.message}", left="nothing was written", next_step="give a sample the department sent"
        ) from refusal
    if not found:
        raise ContractError(f"{path} has no rows", left="nothing was written", next_step="give a sample with rows")
    rows = pa.concat_tables(found).slice(0, MAX_ROWS)
    # The sniffer of delimited text takes a line end in a value for the end of a line.
    on_one_line = [pc.replace_substring_regex(column, r"[\r\n]+", " ") for column in rows.columns]
    rows = pa.table(on_one_line, names=names)
    buffer = io.BytesIO()
    csv.write_csv(rows, buffer, csv.WriteOptions(quoting_style="all_valid"))
    whole = sum(part.num_rows for part in found) <= MAX_ROWS
    return Sample("parquet", {path.name: Encoded(buffer.getvalue().decode(), "utf-8", "a Parquet file", whole)})
