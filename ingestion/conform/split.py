"""Split the rows of a bulk delivery by the feed's intervals, one bronze file for each.

Rows are divided by their event time. They may come in any order: they are staged in one file, sorted there unless they
came in order, and written interval by interval, so that memory does not grow with the number of intervals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion import keys
from ingestion.conform.output import BronzeFile, ParquetFile
from ingestion.contract.model import Contract
from ingestion.errors import ContractError
from ingestion.intervals import Interval
from ingestion.parsers.blocks import Array

PART, POSITION = "_part", "_position"
"""Columns of staged rows: number of the interval, and place among the rows accepted (int64)."""
OUTSIDE = "outside_span"
"""Rule of rows whose event time is missing or outside the span that was declared."""
_MIX = np.uint64(0x9E3779B97F4A7C15)
_ROWS_AT_ONCE = 100_000


@dataclass(frozen=True)
class Split:
    """The intervals that a bulk delivery may hold, oldest first and without gaps; `digest` is keys.bulk_digest."""

    intervals: tuple[Interval, ...]
    digest: str

    def numbers(self, moments: pa.Array | pa.ChunkedArray) -> Array:
        """The index of each moment's interval (int64); -1 for NULL and for a moment in none.

        `moments` are microseconds since 1970, UTC (int64).
        """
        values = moments.fill_null(np.iinfo(np.int64).min).to_numpy()
        found = np.searchsorted(self._starts, values, side="right") - 1
        return np.where(values < self._end, found, -1)

    def separate(self, key: Array, numbers: Array) -> Array:
        """Hashes of keys, made different where the interval is: a key is unique within its interval."""
        return np.asarray(key ^ (numbers.astype(np.uint64) * _MIX))

    def batch(self, number: int) -> str:
        """The batch id of one interval."""
        return keys.batch_id(self.intervals[number], self.digest)

    @cached_property
    def _starts(self) -> Array:
        return np.array([_microseconds(interval.start) for interval in self.intervals], np.int64)

    @cached_property
    def _end(self) -> int:
        return _microseconds(self.intervals[-1].end)


def split_of(contract: Contract, span: Interval, sha256: str) -> Split:
    """How a bulk delivery of `span` is divided. Raises ContractError where the feed's deliveries cannot be."""
    require_dividable(contract)
    return Split(tuple(contract.calendar.between(span.start, span.end)), keys.bulk_digest(span, sha256))


def require_dividable(contract: Contract) -> None:
    """Raise ContractError unless the rows of the feed's tables can be divided by interval."""
    reason = None
    undated = [table.name for table in contract.tables if table.event_time is None]
    if contract.citylake.delivery == "snapshot":
        reason = "a snapshot is a state and not the records of intervals"
    elif undated:
        reason = f"{', '.join(undated)} declares no event_time to divide rows by"
    elif contract.calendar.every == "hour" and any(t.column(str(t.event_time)).type == "DATE" for t in contract.tables):
        reason = "its intervals are hours and its event_time is a date"
    if reason:
        raise ContractError(
            f"a file cannot hold several deliveries of this feed: {reason}",
            feed=contract.name,
            left="nothing was loaded",
            next_step=f"give one file for each interval, named as the contract's source says: citylake load "
            f"{contract.name} FILES",
        )


@dataclass(frozen=True)
class PartFile:
    """The bronze file of one interval of one table, and what its rows are; `days` as in ConformedTable."""

    path: Path
    rows: int
    row_hash: str
    days: dict[str, int]


class PartCounts:
    """Counts of accepted rows by interval: number, sum and XOR of their hashes, event days."""

    def __init__(self, split: Split) -> None:
        size = len(split.intervals)
        self._rows = np.zeros(size, np.int64)
        self._high, self._low, self._parity = (np.zeros(size, np.uint64) for _ in range(3))
        self._days: list[pa.Table] = []

    def add(self, rows: pa.Table, content: Array) -> None:
        """Count rows with the column `_part` (and `_event_date`); `content` are their hashes."""
        numbers = rows[PART].to_numpy()
        self._rows += np.bincount(numbers, minlength=len(self._rows))
        np.add.at(self._high, numbers, content >> np.uint64(32))
        np.add.at(self._low, numbers, content & np.uint64(0xFFFFFFFF))
        np.bitwise_xor.at(self._parity, numbers, content)
        if "_event_date" in rows.column_names:
            days = rows.select([PART, "_event_date"]).group_by([PART, "_event_date"]).aggregate([([], "count_all")])
            self._days.append(days)

    def row_hash(self, number: int) -> str:
        """As `Counts.row_hash`, of one interval's rows."""
        content = (int(self._high[number]) << 32) + int(self._low[number])
        return f"{self._rows[number]}-{content:032x}-{int(self._parity[number]):016x}"

    def rows(self, number: int) -> int:
        """Accepted rows of an interval."""
        return int(self._rows[number])

    @cached_property
    def days(self) -> dict[int, dict[str, int]]:
        """Rows by event day, by interval. Read once everything was added."""
        found: dict[int, Counter[str]] = {}
        for row in pa.concat_tables(self._days).to_pylist() if self._days else []:
            if isinstance(row["_event_date"], date):
                found.setdefault(row[PART], Counter())[row["_event_date"].isoformat()] += row["count_all"]
        return {number: dict(sorted(days.items())) for number, days in found.items()}


@dataclass
class SplitBronze:
    """The bronze files of one table of a bulk delivery; used as `BronzeFile` until `parts`."""

    folder: Path
    table: str
    split: Split
    loaded_at: datetime
    connection: duckdb.DuckDBPyConnection
    _position: int = 0
    _newest: int = -1
    _is_sorted: bool = True
    _staged: ParquetFile = field(init=False)

    def __post_init__(self) -> None:
        self._staged = ParquetFile(self.folder / f"{self.table}.staged.parquet")

    def write(self, table: pa.Table) -> None:
        """Stage rows, which have the column `_part`. Raises StoreError."""
        numbers = table[PART].to_numpy()
        self._is_sorted &= bool(len(numbers) == 0 or numbers[0] >= self._newest) and bool(np.all(np.diff(numbers) >= 0))
        self._newest = max(self._newest, int(numbers.max(initial=-1)))
        places = np.arange(self._position, self._position + len(numbers))
        self._position += len(numbers)
        self._staged.write(table.append_column(POSITION, pa.array(places)))

    def finish(self) -> Path | None:
        """No single file is left: `parts` writes them."""
        return None

    def parts(self, counts: PartCounts) -> dict[int, PartFile]:
        """Write one file for each interval with rows, by its number. Raises StoreError."""
        staged = self._staged.finish()
        if staged is None:
            return {}
        files: dict[int, PartFile] = {}
        open_part, writer = -1, None
        for number, rows in self._by_part(staged):
            if number != open_part or writer is None:
                self._close(files, open_part, writer, counts)
                path = self.folder / f"{self.table}.{number}.bronze.parquet"
                open_part = number
                writer = BronzeFile(path, self.split.batch(number), self.loaded_at, background=False)
            writer.write(rows)
        self._close(files, open_part, writer, counts)
        staged.unlink()
        return files

    def discard(self) -> None:
        """Leave no file behind."""
        self._staged.discard()
        for path in self.folder.glob(f"{self.table}.*.bronze.parquet*"):
            path.unlink()

    @staticmethod
    def _close(files: dict[int, PartFile], number: int, writer: BronzeFile | None, counts: PartCounts) -> None:
        path = writer.finish() if writer is not None else None
        if path is not None:
            files[number] = PartFile(path, counts.rows(number), counts.row_hash(number), counts.days.get(number, {}))

    def _by_part(self, staged: Path) -> Iterator[tuple[int, pa.Table]]:
        """The staged rows in order of their interval, in pieces of one interval each."""
        for batch in self._in_order(pq.ParquetFile(staged)):
            numbers = batch.column(PART).to_numpy()
            bounds = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
            rows = pa.Table.from_batches([batch]).drop_columns([PART, POSITION])
            for start, stop in pairwise(bounds):
                if stop > start:
                    yield int(numbers[start]), rows.slice(start, stop - start)

    def _in_order(self, staged: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
        batches = staged.iter_batches(_ROWS_AT_ONCE)
        if self._is_sorted:
            yield from batches
            return
        schema = staged.schema_arrow
        self.connection.register("staged", pa.RecordBatchReader.from_batches(schema, batches))
        found = self.connection.execute(f"select * from staged order by {PART}, {POSITION}")
        for batch in found.to_arrow_reader(_ROWS_AT_ONCE):
            yield batch.cast(schema)
        self.connection.unregister("staged")


def _microseconds(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
