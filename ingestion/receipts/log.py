"""ReceiptLog: all receipts and decisions as tables in one local DuckDB file, a cache of the objects in the store.

The log finds the objects that are new in the store and adds them ("folds" them) to the file. The objects are the truth:
the file can be deleted at any time and is rebuilt. Several processes may refresh at once: each opening of the file
(ingestion.receipts.file) holds a short lock, and long readers get a copy in memory (`connect`), so that no reader
delays a commit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from pydantic import ValidationError

from ingestion import keys
from ingestion.errors import IntegrityError
from ingestion.receipts import fold
from ingestion.receipts.file import Identity, LogFile
from ingestion.receipts.standing import create_views
from ingestion.sql import identifier
from ingestion.store.base import Store
from ingestion.store.reading import reading

LOOK_BACK = timedelta(days=2)
"""Date partitions up to this long before the newest folded one are listed again, as clocks of hosts differ."""

_READ_AT_ONCE = 2_000
_PARTITION = re.compile(r"committed=\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class _Folded:
    """Contents of one state of the file: all partitions, and the keys from partition `first` on."""

    partitions: frozenset[str]
    first: str
    known: frozenset[str]
    decided_at: datetime | None


class ReceiptLog:
    """The receipt log. Tables: see ingestion.receipts.fold; view `standing`: see ingestion.receipts.standing."""

    def __init__(self, store: Store, path: Path, *, lock_seconds: float = 120.0) -> None:
        self._store = store
        self._file = LogFile(path, lock_seconds=lock_seconds)
        self._remembered: tuple[Identity, _Folded] | None = None

    def refresh(self) -> int:
        """Add the objects that are in the store and not yet in the file; returns their number.

        Raises IntegrityError naming an object that cannot be read (nothing is folded then), LakeBusy.
        """
        with self._file.locked():
            folded = self._folded_state()
            receipts, decisions = self._new_receipts(folded), self._new_decisions(folded)
            if not receipts and not decisions:
                return 0
            with self._file.writing() as connection:
                self._fold(connection, receipts, decisions)
                folded = _read(connection)
            self._remembered = self._file.identity(), folded
            return len(receipts) + len(decisions)

    def rebuild(self) -> int:
        """Delete the file and build it from all objects again; returns their number."""
        with self._file.locked():
            self._file.forget()
        return self.refresh()

    def connect(
        self, *, refresh: bool = True, since: Mapping[str, datetime] | None = None
    ) -> duckdb.DuckDBPyConnection:
        """A private in-memory copy of the log, with its view; the caller closes it.

        The copy is consistent, is not changed by later refreshes, and holds no lock. With `since` it holds only the
        receipts of these feeds (`department.feed`) whose interval ends at that moment or later, and of a snapshot feed
        all, without their bronze files: what `standing` says of these is the same as in the whole log.
        """
        if refresh:
            self.refresh()
        with self._file.locked():
            connection = self._file.private("folded")
            connection.execute("attach ':memory:' as log")
            fold.copy_all(connection) if since is None else fold.copy_since(connection, since)
            connection.execute("detach folded")
        connection.execute("use log")
        create_views(connection)
        return connection

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The file itself, read-only, holding the lock: for short look-ups only."""
        with self._file.locked(), self._file.reading() as connection:
            yield connection

    @contextmanager
    def refreshed(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """As `reading`, after a refresh."""
        self.refresh()
        with self.reading() as connection:
            yield connection

    def next_commit_time(self, now: datetime) -> datetime:
        """`now`, or one microsecond after the newest receipt if that is later, so that a clock set back cannot reorder
        commits.
        """
        return self._after_newest("receipt", "committed_at", now)

    def next_decision_time(self, now: datetime) -> datetime:
        """As `next_commit_time`, for decisions."""
        return self._after_newest("decision", "decided_at", now)

    def _after_newest(self, table: str, column: str, now: datetime) -> datetime:
        with self.reading() as connection:
            row = connection.execute(f"select max({identifier(column)}) from {identifier(table)}").fetchone()
        newest: datetime | None = row[0] if row else None
        now = now.astimezone(UTC)
        return now if newest is None else max(now, newest.astimezone(UTC) + timedelta(microseconds=1))

    def _folded_state(self) -> _Folded:
        """Contents of the file; cached, so that a refresh that finds nothing new need not open it."""
        if self._remembered is None or self._remembered[0] != self._file.identity():
            with self._file.writing() as connection:
                folded = _read(connection)
            self._remembered = self._file.identity(), folded
        return self._remembered[1]

    def _new_receipts(self, folded: _Folded) -> list[str]:
        names = [name for name in self._store.list_folders(f"{keys.RECEIPTS}/") if _PARTITION.fullmatch(name)]
        due = [name for name in names if name >= folded.first or name not in folded.partitions]
        return [key for name in due for key in self._listed(f"{keys.RECEIPTS}/{name}/", folded.known)]

    def _new_decisions(self, folded: _Folded) -> list[str]:
        after = None
        if folded.decided_at is not None:
            after = f"{keys.DECISIONS}/{folded.decided_at.astimezone(UTC) - LOOK_BACK:%Y%m%dT%H%M%S}"
        return self._listed(f"{keys.DECISIONS}/", folded.known, after)

    def _listed(self, prefix: str, known: frozenset[str], after: str | None = None) -> list[str]:
        objects = self._store.list(prefix, after=after)
        return [info.key for info in objects if info.key.endswith(".json") and info.key not in known]

    def _fold(self, connection: duckdb.DuckDBPyConnection, receipts: list[str], decisions: list[str]) -> None:
        connection.begin()
        for start in range(0, len(receipts), _READ_AT_ONCE):
            self._add(connection, fold.RECEIPTS, receipts[start : start + _READ_AT_ONCE])
        if decisions:
            self._add(connection, fold.DECISIONS, decisions)
        connection.commit()

    def _add(self, connection: duckdb.DuckDBPyConnection, kind: fold.Kind, found: Sequence[str]) -> None:
        with reading(self._store, connection, "read receipts"):
            self._add_read(connection, kind, found)

    def _add_read(self, connection: duckdb.DuckDBPyConnection, kind: fold.Kind, found: Sequence[str]) -> None:
        connection.register("listed", pa.table({"url": [self._store.url(key) for key in found], "key": list(found)}))
        connection.execute("create or replace temp table opened as from listed")
        connection.unregister("listed")
        # As a query parameter the list would be planned element by element.
        connection.execute("set variable urls = (select list(url) from opened)")
        try:
            connection.execute(kind.parse)
            bad = connection.execute(kind.unreadable).fetchone()
            if bad is None:
                connection.execute(kind.add)
        except (duckdb.InvalidInputException, duckdb.ConstraintException, duckdb.ConversionException) as error:
            raise self._unreadable(kind, found) from error
        if bad is not None:
            raise self._unreadable(kind, [str(bad[0])])

    def _unreadable(self, kind: fold.Kind, found: Iterable[str]) -> IntegrityError:
        """The error that names the unreadable object, found by reading the objects one by one."""
        for key in found:
            try:
                kind.model.model_validate_json(self._store.get_bytes(key))
            except ValidationError as error:
                return _bad_object(key, error.errors(include_url=False, include_input=False)[0])
        return _bad_object(next(iter(found)), {"loc": (), "msg": "cannot be folded with the others"})


def _read(connection: duckdb.DuckDBPyConnection) -> _Folded:
    partitions = connection.execute("select distinct partition from receipt").fetchall()
    newest = max((str(name) for (name,) in partitions), default=None)
    first = "" if newest is None else f"committed={_day(newest) - LOOK_BACK:%Y-%m-%d}"
    query = "select key from receipt where partition >= $first union all select key from decision"
    known = connection.execute(query, {"first": first}).fetchall()
    decided = connection.execute("select max(decided_at) from decision").fetchone()
    return _Folded(
        partitions=frozenset(str(name) for (name,) in partitions),
        first=first,
        known=frozenset(str(key) for (key,) in known),
        decided_at=decided[0] if decided else None,
    )


def _day(partition: str) -> date:
    return date.fromisoformat(partition.removeprefix("committed="))


def _bad_object(key: str, problem: Mapping[str, Any]) -> IntegrityError:
    where = ".".join(str(part) for part in problem["loc"]) or "the object"
    return IntegrityError(
        f"object {key!r} is not one this version reads: {where}: {problem['msg']}",
        left="the log is as before; nothing was folded, objects are unchanged",
        next_step="restore that object from a backup, or move it out of the store, then run the command again",
    )
