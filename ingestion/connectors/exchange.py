"""Connector for a table of a PostgreSQL database: an interval's rows, or the whole table, from one snapshot.

What the table holds is landed whatever its columns are, and conform refuses it by name where they do not fit the
contract: nothing is lost by a change at the source (docs/adr/0028). `exchange_query` says what is read,
`exchange_session` reads it, `exchange_file` writes it.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from ingestion.connectors.base import Fetched, content_as_of
from ingestion.connectors.exchange_file import RawFile, SourceColumn
from ingestion.connectors.exchange_query import CURSOR_TYPES, Query
from ingestion.connectors.exchange_session import Sessions, Snapshot
from ingestion.connectors.fetch_errors import FetchError
from ingestion.connectors.read_intervals import ReadIntervals
from ingestion.connectors.retries import read_with_retries
from ingestion.connectors.scratch import scratch_folder
from ingestion.contract.model import Contract
from ingestion.contract.sources import Database
from ingestion.intervals import Interval
from ingestion.lake import Lake

NAME = "database/1"


@dataclass(frozen=True)
class DatabaseConnector:
    """See ingestion.connectors.base.Connector."""

    lake: Lake
    contract: Contract
    source: Database

    @cached_property
    def _sessions(self) -> Sessions:
        return Sessions(self.source, self.lake.database(self.source.connection))

    @cached_property
    def _read(self) -> ReadIntervals:
        return ReadIntervals(self.lake, self.contract)

    def fetch(self, contract: Contract, interval: Interval, now: datetime) -> list[Fetched]:
        """The interval's rows, or the whole table; empty where the interval has not ended.

        An increment that was taken in is not read again, as its rows may have changed and moved on to a later one, nor
        is a snapshot older than one that was: `known` names it then.
        """
        is_snapshot = contract.citylake.delivery == "snapshot"
        if not is_snapshot and interval.end > now:
            return []
        if not is_snapshot or self._read.is_over(interval):
            known = self._read.batch(interval)
            if known is not None:
                return [self._fetched(Path(os.devnull), interval, now, now, known=known)]
            if is_snapshot:
                return []
        with scratch_folder(self.lake, contract, interval) as scratch:
            query = Query(contract, self.source, interval)
            path = scratch.folder / "table.parquet"
            copied = self._copied(query, path)
            fetched = self._fetched(path, interval, now, copied.taken_at, headers=copied.headers, replaces=is_snapshot)
            return [scratch.remove_with(fetched)]

    def _fetched(
        self, path: Path, interval: Interval, now: datetime, taken_at: datetime, *, known: str | None = None,
        headers: dict[str, str] | None = None, replaces: bool = False,
    ) -> Fetched:  # fmt: skip
        where, source = self._sessions.connection.where, self.source
        return Fetched(
            path=path,
            filename=f"{self.contract.feed}_{interval.id}.parquet",
            source=f"database:{where}/{source.schema_name}.{source.table}",
            connector=NAME,
            fetched_at=now.astimezone(UTC),
            content_as_of=content_as_of(self.contract, interval, modified=taken_at, fetched=now),
            headers=headers or {},
            known=known,
            replaces=replaces,
        )

    def _copied(self, query: Query, path: Path) -> _Copied:
        """The table's rows at `path`, from the first snapshot that could be read whole. Raises FetchError."""
        deadline = time.monotonic() + self.source.timeouts.total

        def attempt() -> _Copied:
            with self._sessions.snapshot(deadline) as snapshot:
                return self._copy(snapshot, query, path)

        return read_with_retries(
            attempt, attempts=self.source.attempts, deadline=deadline, again="read again from a new snapshot"
        )

    def _copy(self, snapshot: Snapshot, query: Query, path: Path) -> _Copied:
        columns = query.chosen(snapshot.columns())
        self._check(query, columns)
        statement = query.statement(columns)
        raw = RawFile(path, columns)
        try:
            for batch in snapshot.batches(statement):
                raw.write(batch)
                self._check_bounds(raw)
        finally:
            raw.close()
        return _Copied(statement, snapshot, raw.rows)

    def _check(self, query: Query, columns: list[SourceColumn]) -> None:
        """Raise FetchError where the table cannot be read as the contract says: what is missing is named."""
        name, where = f"{self.source.schema_name}.{self.source.table}", self._sessions.connection.where
        advice = "ask the department what became of it, and revise the contract"
        if not columns:
            raise FetchError(f"has a table {name} with none of the contract's columns", where, advice=advice)
        cursor = query.cursor
        if cursor is None:
            return
        kinds = {column.name: column.type for column in columns}
        if cursor not in kinds:
            raise FetchError(f"has a table {name} without its cursor column {cursor!r}", where, advice=advice)
        if kinds[cursor].base not in CURSOR_TYPES:
            raise FetchError(
                f"has a table {name} whose cursor column {cursor!r} is {kinds[cursor].shown}, not "
                f"{', '.join(CURSOR_TYPES)}", where, advice=advice,
            )  # fmt: skip

    def _check_bounds(self, raw: RawFile) -> None:
        source = self.source
        for count, limit, unit, key in (
            (raw.rows, source.max_rows, "rows", "max_rows"), (raw.size, source.max_bytes, "bytes", "max_bytes"),
        ):  # fmt: skip
            if count > limit:
                raise FetchError(
                    f"holds more than the contract's {limit:,} {unit} in {source.schema_name}.{source.table}",
                    self._sessions.connection.where,
                    advice=f"ask the department why it has grown; if that is right, raise `source.{key}`",
                )


@dataclass(frozen=True)
class _Copied:
    """What was read, and of which snapshot."""

    statement: str
    snapshot: Snapshot
    rows: int

    @property
    def taken_at(self) -> datetime:
        """The server's time of the snapshot, UTC."""
        return self.snapshot.taken_at

    @property
    def headers(self) -> dict[str, str]:
        """What the manifest says of it."""
        return {
            "query": self.statement,
            "snapshot": self.snapshot.id,
            "snapshot-time": self.snapshot.taken_at.isoformat(),
            "rows": str(self.rows),
            "server": f"PostgreSQL {self.snapshot.server_version}",
        }
