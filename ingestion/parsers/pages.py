"""Store the pages of a paged delivery as one payload, a ZIP archive without compression, and read them again.

Each page is stored byte for byte as `page-00001.json` and so on, with fixed times and attributes, so that the same
pages give an archive with the same sha256. They are read one by one with `JsonRecords`.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ingestion.contract.extension import JsonFormat
from ingestion.contract.model import Table
from ingestion.errors import DeliveryRefused
from ingestion.machine import engines
from ingestion.parsers.archive import Archive
from ingestion.parsers.blocks import Segment
from ingestion.parsers.json_records import JsonRecords
from ingestion.settings import Settings

_NAME = "page-{:05}.json"
_FIRST_NAME_AT = 30
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)


class PageArchive:
    """Writes an archive of pages, in order."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._count = 0

    @classmethod
    @contextmanager
    def create(cls, path: Path) -> Iterator[PageArchive]:
        """Create a new archive at `path`, closed at the end of the block."""
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            yield cls(archive)

    def add(self, page: bytes) -> None:
        """Append the next page."""
        self._count += 1
        info = zipfile.ZipInfo(_NAME.format(self._count), _FIXED_TIME)
        info.create_system = 3
        info.external_attr = 0o644 << 16
        self._archive.writestr(info, page)


def is_pages(path: Path) -> bool:
    """Whether a payload is an archive of pages, judged by the name of its first member."""
    name = _NAME.format(1).encode()
    with path.open("rb") as file:
        head = file.read(_FIRST_NAME_AT + len(name))
    return head.startswith(b"PK\x03\x04") and head[_FIRST_NAME_AT:] == name


class PagedRecords:
    """Reader of an archive of pages; records are numbered consecutively over all pages."""

    def __init__(self, table: Table, spec: JsonFormat, path: Path, settings: Settings) -> None:
        self._document = JsonRecords(table, spec, path, settings)
        self._path = path
        self._settings = settings

    def segments(self) -> Iterator[Segment]:
        """Every record of every page in order.

        Raises DeliveryRefused as JsonRecords, and `zip_damaged`, `zip_unsafe`, `members`.
        """
        settings = self._settings
        archive = Archive(
            self._path, max_bytes=settings.max_uncompressed_bytes, max_ratio=settings.max_compression_ratio
        )
        pages = [_NAME.format(number) for number in range(1, len(archive.names) + 1)]
        if list(archive.names) != pages:
            raise DeliveryRefused(
                "the archive holds something other than pages 1 to n in order",
                rule="members",
                next_step="ingest the interval again from its source",
            )
        done = 0
        with engines.session(engines.plain, threads=settings.threads, memory_limit=settings.memory_limit) as connection:
            for page in archive.read_members(pages, max_bytes=settings.max_document_bytes):
                for segment in self._document.read(io.BytesIO(page), connection):
                    yield replace(segment, block=replace(segment.block, first=segment.block.first + done, base=None))
                    done += len(segment.block)
