"""Write what a table holds as the raw file: Parquet of text columns, the same bytes for the same content.

Row groups are cut where a row says, not where a batch of the driver ends, and the file carries no time. So a table
that did not change is landed once (`ingestion.delivery.land` knows bytes by their hash). Each column's PostgreSQL type
stands in the metadata of its field, for `ingestion.parsers.source_types` to compare with the contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.parsers.blocks import Array
from ingestion.parsers.source_types import SourceType

GROUP_ROWS = 65_536
GROUP_BYTES = 64 * 2**20
"""A row group ends with the row that reaches one of these, so memory is bounded by two groups and one batch."""


@dataclass(frozen=True)
class SourceColumn:
    """A column of the table, with its type."""

    name: str
    type: SourceType


class RawFile:
    """The raw file of one delivery. `rows` and `size` (bytes of text) count what was written."""

    def __init__(self, path: Path, columns: Sequence[SourceColumn]) -> None:
        fields = [pa.field(column.name, pa.string(), metadata=column.type.metadata()) for column in columns]
        self._schema = pa.schema(fields)
        # Without dictionaries texts are read back several times faster, and zstd packs them as well.
        self._writer = pq.ParquetWriter(
            path, self._schema, compression="zstd", use_dictionary=False, write_statistics=False,
            write_page_checksum=True,
        )  # fmt: skip
        # A group is packed while the server sends the next one.
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._packing: Future[None] | None = None
        self._held: list[pa.RecordBatch] = []
        self._held_rows = self._held_bytes = 0
        self.rows = self.size = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows, whose columns are texts in the order of the file's. Raises OSError."""
        lengths = sum((_lengths(column) for column in batch.columns), np.zeros(batch.num_rows, np.int64))
        self.rows += batch.num_rows
        self.size += int(np.sum(lengths))
        ends = np.cumsum(lengths)
        start = done = 0
        while start < batch.num_rows:
            by_rows = start + GROUP_ROWS - self._held_rows
            by_bytes = int(np.searchsorted(ends, done + GROUP_BYTES - self._held_bytes)) + 1
            stop = min(by_rows, by_bytes, batch.num_rows)
            self._held.append(batch.slice(start, stop - start))
            self._held_rows += stop - start
            self._held_bytes += int(ends[stop - 1]) - done
            start, done = stop, int(ends[stop - 1])
            if self._held_rows >= GROUP_ROWS or self._held_bytes >= GROUP_BYTES:
                self._write_group()

    def close(self) -> None:
        """Write what is held, and the footer. Raises OSError."""
        try:
            if self._held:
                self._write_group()
            self._wait()
        finally:
            self._pool.shutdown()
            self._writer.close()

    def _write_group(self) -> None:
        held, self._held = self._held, []
        self._held_rows = self._held_bytes = 0
        self._wait()
        self._packing = self._pool.submit(self._pack, held)

    def _wait(self) -> None:
        packing, self._packing = self._packing, None
        if packing is not None:
            packing.result()

    def _pack(self, held: list[pa.RecordBatch]) -> None:
        columns = [
            pa.chunked_array([batch.column(place) for batch in held], pa.string()).combine_chunks()
            for place in range(len(self._schema))
        ]
        # Pages end where the arrays do: of one array, never of the driver's batches.
        self._writer.write_table(pa.table(columns, schema=self._schema), row_group_size=GROUP_ROWS)


def _lengths(column: pa.Array) -> Array:
    return np.asarray(pc.fill_null(pc.binary_length(column), 0), np.int64)
