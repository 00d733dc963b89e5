"""Write the two Parquet files of a conformed table: bronze (typed, pseudonymised) and quarantine (original text).

Bronze is written in a separate thread while the next segment is read. Both files get their final name only when they
are complete. The quarantine holds original text and is protected like raw data.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.errors import StoreError
from ingestion.parsers.blocks import Array

_ROW_GROUP = 1_000_000
_WAITING = 2
_PLACED_LAST = ("_record_number", "_event_date")
"""The lake's own columns that are written last, after `_batch_id` and `_loaded_at`."""

QUARANTINE_SCHEMA = pa.schema(
    [
        ("batch", pa.string()),
        ("table_name", pa.string()),
        ("record", pa.int64()),
        ("byte_offset", pa.int64()),
        ("byte_length", pa.int64()),
        ("original_text", pa.string()),
        ("rules", pa.list_(pa.string())),
        ("detail", pa.string()),
        ("sent", pa.map_(pa.string(), pa.string())),
    ]
)
"""`record` is 1-based, header excluded; `byte_offset` and `byte_length` are those of the bytes sent
(of the unpacked member in an archive); NULL offset in pages, and in a JSON or XML document that is not UTF-8. `sent`
has the text, cut, of every column that a broken rule is about, as its parser read it (NULL: none, or a word that stands
for none); files of earlier versions lack it."""


class ParquetFile:
    """A Parquet file that is created with its first rows, under a temporary name until it is complete."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial = path.with_name(path.name + ".partial")
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Write rows. Raises StoreError."""
        if table.num_rows:
            with self._disk_errors():
                self._write(table)

    def _write(self, table: pa.Table) -> None:
        if self._writer is None:
            # Split bytes make floats smaller and faster to write than a dictionary that overflows.
            floats = [f.name for f in table.schema if pa.types.is_floating(f.type)]
            # No row group can be skipped by the least and greatest pseudonym, and comparing them costs as much as
            # writing the column.
            compared = [f.name for f in table.schema if f.name == "_batch_id" or not pa.types.is_dictionary(f.type)]
            self._writer = pq.ParquetWriter(
                self._partial,
                table.schema,
                compression="zstd",
                store_schema=False,
                write_statistics=compared,
                use_dictionary=[name for name in table.column_names if name not in floats],
                column_encoding=dict.fromkeys(floats, "BYTE_STREAM_SPLIT") or None,
            )
        self._writer.write_table(table, row_group_size=_ROW_GROUP)

    def finish(self) -> Path | None:
        """The complete file; None when nothing was written."""
        if self._writer is None:
            return None
        with self._disk_errors():
            self._writer.close()
            self._writer = None
            return self._partial.rename(self.path)

    def discard(self) -> None:
        """Leave no file behind."""
        if self._writer is not None:
            with contextlib.suppress(OSError):  # the disk may be full: that is raised already
                self._writer.close()
        self._partial.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _disk_errors(self) -> Iterator[None]:
        """Raises OSError, such as for a full disk, as StoreError."""
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"{self.path.name} cannot be written to the scratch folder: {os.strerror(error.errno or 0)}",
                left="nothing was committed; the delivery's bytes stay in raw",
                next_step="free space below CITYLAKE_HOME, then ingest the interval again",
            ) from error


class BronzeFile:
    """The bronze file of one table; `_batch_id` and `_loaded_at` are added to every row.

    `background`: rows are written in a thread of their own, which pays where there are many.
    """

    def __init__(self, path: Path, batch: str, loaded_at: datetime, *, background: bool = True) -> None:
        self._file = ParquetFile(path)
        self._batch = batch
        self._loaded_at = pa.scalar(loaded_at, pa.timestamp("us", tz="UTC"))
        self._pool = ThreadPoolExecutor(max_workers=1) if background else None
        self._waiting: deque[Future[None]] = deque()

    def write(self, table: pa.Table) -> None:
        """Write rows, or queue them. Raises the error of an earlier write, such as StoreError for a full disk."""
        if self._pool is None:
            self._write(table)
            return
        while len(self._waiting) >= _WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(self._write, table))

    def finish(self) -> Path | None:
        """Wait for every write and close; None when there was no row."""
        while self._waiting:
            self._waiting.popleft().result()
        if self._pool is not None:
            self._pool.shutdown()
        return self._file.finish()

    def discard(self) -> None:
        """Leave no file behind."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._file.discard()

    def _write(self, table: pa.Table) -> None:
        count = table.num_rows
        batch = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([self._batch]))
        at = len([name for name in table.schema.names if name not in _PLACED_LAST])
        table = table.add_column(at, "_batch_id", batch)
        table = table.add_column(at + 1, "_loaded_at", pa.repeat(self._loaded_at, count))
        self._file.write(table)


class QuarantineFile:
    """The quarantine file of one table: its refused records."""

    def __init__(self, path: Path, batch: str, table_name: str) -> None:
        self._file = ParquetFile(path)
        self._batch = batch
        self._table_name = table_name

    def write(self, places: Places, rules: pa.Array, detail: pa.Array, sent: pa.Array) -> None:
        """One row per refused record; arrays are aligned with `places`."""
        count = len(places.record)
        columns = [
            pa.repeat(self._batch, count),
            pa.repeat(self._table_name, count),
            pa.array(places.record, pa.int64()),
            places.offset,
            pa.array(places.length, pa.int64()),
            places.text,
            rules,
            detail,
            sent,
        ]
        self._file.write(pa.Table.from_arrays(columns, schema=QUARANTINE_SCHEMA))

    def finish(self) -> Path | None:
        """Close; None when nothing was refused."""
        return self._file.finish()

    def discard(self) -> None:
        """Leave no file behind."""
        self._file.discard()


class Places:
    """Record number, byte offset, byte length and text of refused records; arrays of one length."""

    def __init__(self, record: Array, offset: pa.Array, length: Array, text: pa.Array) -> None:
        self.record = record
        self.offset = offset
        self.length = length
        self.text = text

    def take(self, rows: Array) -> Places:
        """The entries at these indices."""
        chosen = pa.array(rows)
        return Places(self.record[rows], self.offset.take(chosen), self.length[rows], self.text.take(chosen))
