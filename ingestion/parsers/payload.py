"""Open a payload as the tables that its contract declares, with the parser of the declared format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from ingestion.contract.extension import CsvFormat, JsonFormat, XmlFormat, ZipFormat
from ingestion.contract.health_formats import FhirFormat, Hl7Format
from ingestion.contract.model import Contract, Table
from ingestion.contract.table_formats import FixedWidthFormat, ParquetFormat, XlsxFormat
from ingestion.errors import DeliveryRefused
from ingestion.parsers.archive import Archive
from ingestion.parsers.blocks import Segment, Source
from ingestion.parsers.delimited import Delimited, Opener
from ingestion.parsers.fhir import FhirExport
from ingestion.parsers.fixed_width import FixedWidth
from ingestion.parsers.header import match_header
from ingestion.parsers.hl7_messages import Hl7Messages
from ingestion.parsers.json_records import JsonRecords
from ingestion.parsers.pages import PagedRecords, is_pages
from ingestion.parsers.parquet_records import ParquetRecords
from ingestion.parsers.xlsx import Xlsx
from ingestion.parsers.xml_records import XmlRecords
from ingestion.settings import Settings

RecordFormat = FixedWidthFormat | XmlFormat | JsonFormat | ParquetFormat


@dataclass(frozen=True)
class Payload:
    """The tables of a payload in contract order, and the archive members that no table names.

    `doubt`: why it may be incomplete, by what it says itself.
    """

    sources: tuple[Source, ...]
    ignored_members: tuple[str, ...] = ()
    doubt: str | None = None


def open_payload(contract: Contract, path: Path, settings: Settings, content_date: date) -> Payload:
    """The tables of one payload; `content_date` says which header variants are still accepted.

    A table of the payload may name and format its source columns as a header variant does. Raises DeliveryRefused:
    `zip_damaged`, `zip_unsafe`, `members`, `fhir_manifest`, `empty`, and, where header variants are declared, `header`
    and whatever keeps a header from being read.
    """
    spec = contract.citylake.format
    size = path.stat().st_size
    if isinstance(spec, ZipFormat):
        return _archive(contract, spec, path, settings, content_date)
    if isinstance(spec, FhirFormat):
        export = FhirExport(contract, spec, path, settings)
        return Payload(export.sources(), export.ignored(), export.doubt)
    if isinstance(spec, Hl7Format):
        readers = [(one, Hl7Messages(one, contract.tables, spec, path, settings)) for one in contract.tables]
        return Payload(tuple(Source(one, reader.segments, size) for one, reader in readers))
    table = contract.tables[0]
    if isinstance(spec, XlsxFormat):
        workbook = Xlsx(table, spec, path, settings, content_date)
        return Payload((Source(workbook.table, workbook.segments, size),))
    if isinstance(spec, CsvFormat):
        found = _delimited(table, spec, lambda: path.open("rb"), "the file", settings.max_record_bytes, content_date)
        return Payload((Source(found.table, found.segments, size),))
    return Payload((Source(table, _records(table, spec, path, settings), size),))


def _records(table: Table, spec: RecordFormat, path: Path, settings: Settings) -> Callable[[], Iterator[Segment]]:
    """The `segments` function for the one table of a payload without a header line."""
    if isinstance(spec, FixedWidthFormat):
        return FixedWidth(table, spec, path, settings).segments
    if isinstance(spec, XmlFormat):
        return XmlRecords(table, spec, path, settings).segments
    if isinstance(spec, ParquetFormat):
        return ParquetRecords(table, spec, path, settings).segments
    paged = PagedRecords if is_pages(path) else JsonRecords
    return paged(table, spec, path, settings).segments


def _delimited(
    table: Table, spec: CsvFormat, opener: Opener, name: str, max_record_bytes: int, content_date: date
) -> Delimited:
    found = Delimited(table, spec, opener, name, max_record_bytes)
    if not table.header_variants:
        return found
    as_sent = match_header(table, found.header(), name, content_date)
    return Delimited(as_sent.table, spec, opener, name, max_record_bytes, as_sent)


def _archive(contract: Contract, spec: ZipFormat, path: Path, settings: Settings, content_date: date) -> Payload:
    archive = Archive(path, max_bytes=settings.max_uncompressed_bytes, max_ratio=settings.max_compression_ratio)
    optional = set(spec.optional_members)
    wanted = {str(table.source): table for table in contract.tables}
    members = {name: archive.find(name) for name in wanted}
    missing = [
        name for name, table in wanted.items()
        if members[name] is None and not optional & {name, table.name}
    ]  # fmt: skip
    ignored = tuple(name for name in archive.names if name not in members.values())
    if missing:
        raise DeliveryRefused(
            f"the archive lacks {', '.join(missing)}"
            + (f"; it has, undeclared: {', '.join(ignored[:20])}" if ignored else ""),
            rule="members",
            next_step="ask the department for a complete archive, or declare the member optional in the contract",
        )
    sources = []
    for name, table in wanted.items():
        member = members[name]
        if member is not None:
            opener = partial(archive.open, member)
            found = _delimited(
                table, spec.member, opener, f"member {name}", settings.max_record_bytes, content_date
            )  # fmt: skip
            required = not optional & {name, table.name}
            sources.append(Source(found.table, found.segments, archive.size(member), required=required))
    return Payload(tuple(sources), ignored)
