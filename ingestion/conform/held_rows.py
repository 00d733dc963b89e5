"""A queue of rows that is held in memory up to a limit and then written to a file in the scratch folder.

`table` holds possible repeats in it until all rows were read. A payload may consist of repeats only, so that memory
must be bounded.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa

from ingestion.errors import StoreError

IN_MEMORY = 32 * 2**20
"""Bytes of rows held in memory before they are written to a file."""


class HeldRows:
    """Tables of one schema, read back once, in order. The file is unnamed, so it cannot be left behind."""

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self._folder = folder
        self._limit = IN_MEMORY if limit is None else limit
        self._tables: list[pa.Table] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self._writer: pa.RecordBatchStreamWriter | None = None

    def add(self, rows: pa.Table) -> None:
        """Add rows. Raises StoreError where the scratch folder has no room."""
        self._tables.append(rows)
        self._bytes += rows.nbytes
        if self._bytes > self._limit:
            with self._writing():
                self._spill()

    def __iter__(self) -> Iterator[pa.Table]:
        """All rows, in order."""
        if self._file is not None and self._writer is not None:
            with self._writing():
                self._spill()
                self._writer.close()
                self._file.seek(0)
            with self._file, pa.ipc.open_stream(self._file) as reader:
                for batch in reader:
                    yield pa.Table.from_batches([batch])
        yield from self._tables

    def _spill(self) -> None:
        for table in self._tables:
            if self._file is None or self._writer is None:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  closed when it was read
                self._writer = pa.ipc.new_stream(self._file, table.schema)
            self._writer.write_table(table.unify_dictionaries().combine_chunks())
        self._tables, self._bytes = [], 0

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"repeated rows cannot be written to the scratch folder: {os.strerror(error.errno or 0)}",
                left="nothing was committed; the delivery's bytes stay in raw",
                next_step="free space below CITYLAKE_HOME, then ingest the interval again",
            ) from error
