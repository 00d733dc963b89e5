"""Opens a payload as the tables its contract declares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ingestion.contract.extension import CsvFormat, JsonFormat, ZipFormat
from ingestion.contract.model import Contract, Table
from ingestion.contract.table_formats import FixedWidthFormat, XlsxFormat
from ingestion.errors import DeliveryRefused
from ingestion.parsers.archive import Archive
from ingestion.parsers.blocks import Source
from ingestion.parsers.delimited import Delimited
from ingestion.parsers.fixed_width import FixedWidth
from ingestion.parsers.json_records import JsonRecords
from ingestion.parsers.pages import PagedRecords, is_pages
from ingestion.parsers.xlsx import Xlsx
from ingestion.settings import Settings


@dataclass(frozen=True)
class Payload:
    """The tables found, in contract order, and archive members no table names."""

    sources: tuple[Source, ...]
    ignored_members: tuple[str, ...] = ()


def open_payload(contract: Contract, path: Path, settings: Settings) -> Payload:
    """The tables of one payload. Raises DeliveryRefused: `zip_damaged`, `zip_unsafe`, `members`, `empty`."""
    spec = contract.citylake.format
    size = path.stat().st_size
    if isinstance(spec, ZipFormat):
        return _archive(contract, spec, path, settings)
    table = contract.tables[0]
    if isinstance(spec, JsonFormat) and is_pages(path):
        return Payload((Source(table, PagedRecords(table, spec, path, settings).segments, size),))
    if isinstance(spec, FixedWidthFormat):
        return Payload((Source(table, FixedWidth(table, spec, path, settings).segments, size),))
    if isinstance(spec, XlsxFormat):
        return Payload((Source(table, Xlsx(table, spec, path, settings).segments, size),))
    if isinstance(spec, JsonFormat):
        return Payload((Source(table, JsonRecords(table, spec, path, settings).segments, size),))
    return Payload((Source(table, _delimited(table, spec, path, settings).segments, size),))


def _delimited(table: Table, spec: CsvFormat, path: Path, settings: Settings) -> Delimited:
    return Delimited(table, spec, lambda: path.open("rb"), "the file", settings.max_record_bytes)


def _archive(contract: Contract, spec: ZipFormat, path: Path, settings: Settings) -> Payload:
    archive = Archive(path, max_bytes=settings.max_uncompressed_bytes, max_ratio=settings.max_compression_ratio)
    optional = set(spec.optional_members)
    wanted = {str(table.source): table for table in contract.tables}
    missing = [
        name for name, table in wanted.items()
        if name not in archive.names and not optional & {name, table.name}
    ]  # fmt: skip
    ignored = tuple(name for name in archive.names if name not in wanted)
    if missing:
        raise DeliveryRefused(
            f"the archive lacks {', '.join(missing)}"
            + (f"; it has, undeclared: {', '.join(ignored[:20])}" if ignored else ""),
            rule="members",
            next_step="ask the department for a complete archive, or declare the member optional in the contract",
        )
    sources = tuple(
        Source(
            table,
            _member(archive, name, table, spec.member, settings).segments,
            archive.size(name),
            required=not optional & {name, table.name},
        )
        for name, table in wanted.items()
        if name in archive.names
    )
    return Payload(sources, ignored)


def _member(archive: Archive, name: str, table: Table, spec: CsvFormat, settings: Settings) -> Delimited:
    return Delimited(table, spec, lambda: archive.open(name), f"member {name}", settings.max_record_bytes)
