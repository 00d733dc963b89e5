"""Rows kept aside until all are seen, in the order they came: a little in memory, the rest in the scratch folder.

A payload may consist of nothing but repeats, so what is kept must not follow its length. What rows are kept, and
why, is the business of `table`.
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
"""Bytes of rows kept before any are written."""


class HeldRows:
    """Tables of one schema. They are read back once; the file has no name, so nothing is left behind."""

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self._folder = folder
        self._limit = IN_MEMORY if limit is None else limit
        self._tables: list[pa.Table] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self._writer: pa.RecordBatchStreamWriter | None = None

    def add(self, rows: pa.Table) -> None:
        """Keep some rows. Raises StoreError where the scratch folder cannot take them."""
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
