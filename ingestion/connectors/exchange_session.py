"""A read-only, repeatable-read transaction of a PostgreSQL database, and its errors as FetchError.

The driver is ADBC (docs/adr/0028): rows arrive as Arrow batches. It reports what goes wrong within a stream as OSError
without a number, and what goes wrong before one with an SQLSTATE; both become errors that name the server and say
whether another try, in a new snapshot, may succeed. The address with the password is never shown.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import adbc_driver_manager
import pyarrow as pa
from adbc_driver_manager import dbapi as adbc
from adbc_driver_postgresql import dbapi

from ingestion.connectors.exchange_file import SourceColumn
from ingestion.connectors.exchange_query import IDENTITY, SESSION, columns_statement, relation_statement
from ingestion.connectors.fetch_errors import FetchError, RetryableFetchError
from ingestion.contract.sources import Database
from ingestion.database_connection import DatabaseConnection
from ingestion.parsers.source_types import SourceType

_BATCH = "adbc.postgresql.batch_size_hint_bytes"
_REFUSED = ("password", "authentication", "认证", "pg_hba.conf", "no password", "role")
_FOR_GOOD = ("does not exist", "不存在", "permission denied", "权限不够", "SSL", "certificate", "could not translate")
"""Words of a server that does not let the lake in: there is no SQLSTATE then. Some servers speak Chinese."""
_TIMEOUT = ("statement timeout", "语句超时")
_TRANSIENT = ("08", "40", "53", "57P", "58", "XX")
"""SQLSTATE classes after which another snapshot may succeed (PostgreSQL manual, appendix A)."""
_CANCELED = "57014"
_SHOWN = 300


class Snapshot:
    """One transaction: everything read in it is of one state. `id` and `taken_at` (UTC) are the server's."""

    def __init__(self, session: adbc.Connection, source: Database, where: str) -> None:
        self._session = session
        self._source = source
        self._where = where
        self.id, taken_at, self.server_version = self._row(IDENTITY)
        self.taken_at = datetime.fromisoformat(taken_at).replace(tzinfo=UTC)

    def columns(self) -> list[SourceColumn]:
        """The table's columns. Raises FetchError where there is no such schema or table, or no right to read it."""
        schema, table, may_read = (value == "true" for value in self._row(relation_statement(self._source)))
        name = f"{self._source.schema_name}.{self._source.table}"
        if not schema or not table:
            missing = f"table {name}" if schema else f"schema {self._source.schema_name}"
            raise FetchError(
                f"has no {missing}", self._where,
                advice="ask the department what the table is called now, and correct `source` in the contract",
            )  # fmt: skip
        if not may_read:
            raise FetchError(
                f"does not let this role select from {name}", self._where,
                advice=f"ask the department to grant select on {name} to the connection's role",
            )  # fmt: skip
        with self._cursor(columns_statement(self._source)) as cursor:
            return [SourceColumn(name, SourceType(shown, base)) for name, shown, base in cursor.fetchall()]

    def batches(self, statement: str) -> Iterator[pa.RecordBatch]:
        """The rows of a statement. Raises FetchError."""
        with self._cursor(statement, batch_bytes=self._source.batch_bytes) as cursor:
            reader = cursor.fetch_record_batch()
            while True:
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
                except OSError as error:
                    raise self._lost(str(error)) from None
                yield batch

    def _lost(self, said: str) -> FetchError:
        """The error of a stream that ended early."""
        if any(word in said for word in _TIMEOUT):
            return _too_slow(self._where)
        return RetryableFetchError(f"ended the snapshot while it was read: {_first_line(said)}", self._where)

    def _row(self, statement: str) -> Sequence[str]:
        with self._cursor(statement) as cursor:
            return list(cursor.fetchone() or ())

    @contextmanager
    def _cursor(self, statement: str, *, batch_bytes: int | None = None) -> Iterator[adbc.Cursor]:
        with self._session.cursor() as cursor, _as_fetch_errors(self._where):
            if batch_bytes is not None:
                cursor.adbc_statement.set_options(**{_BATCH: str(batch_bytes)})
            cursor.execute(statement)
            yield cursor


@dataclass(frozen=True)
class Sessions:
    """Opens a session for each snapshot; none is kept, as a snapshot held open keeps the server from cleaning up."""

    source: Database
    connection: DatabaseConnection

    @contextmanager
    def snapshot(self, deadline: float) -> Iterator[Snapshot]:
        """A snapshot that is to be read by `deadline` (monotonic clock, s). Raises FetchError."""
        left = deadline - time.monotonic()
        where = self.connection.where
        if left <= 0:
            raise FetchError(f"took longer than {self.source.timeouts.total:.0f} s in all", where)
        session = self._opened()
        try:
            with session.cursor() as cursor, _as_fetch_errors(where):
                cursor.execute("begin isolation level repeatable read read only")
                for statement in (*SESSION, f"set local statement_timeout = {math.ceil(left * 1000)}"):
                    cursor.execute(statement)
            yield Snapshot(session, self.source, where)
        finally:
            # Closing ends the transaction; a session that the server ended cannot be asked to.
            with suppress(adbc_driver_manager.Error, RuntimeError, OSError):
                session.close()

    def _opened(self) -> adbc.Connection:
        timeouts = self.source.timeouts
        silence = max(2, math.ceil(timeouts.read))
        conninfo = self.connection.conninfo(
            application_name="citylake",
            connect_timeout=max(2, math.ceil(timeouts.connect)),
            keepalives=1,
            keepalives_idle=max(1, silence // 2),
            keepalives_interval=max(1, silence // 6),
            keepalives_count=3,
            tcp_user_timeout=silence * 1000,
        )
        try:
            opened: adbc.Connection = dbapi.connect(conninfo.get_secret_value(), autocommit=True)
        except adbc_driver_manager.Error as error:
            raise _not_opened(str(error), self.connection) from None
        return opened


def _not_opened(said: str, connection: DatabaseConnection) -> FetchError:
    """The error of a session that was not opened. The server's words hold role, host and database, no password."""
    shown = _first_line(said.partition("Failed to connect:")[2] or said)
    what = f"cannot be connected to: {shown}"
    if "database" in shown and any(word in shown for word in ("does not exist", "不存在")):
        error = FetchError(
            what, connection.where, advice="correct the database's name in the connection, or ask the department"
        )
    elif any(word in shown for word in _REFUSED):
        error = FetchError(what, connection.where, is_refusal=True)
    elif any(word in shown for word in _FOR_GOOD):
        error = FetchError(what, connection.where, advice="correct the connection")
    else:
        error = RetryableFetchError(what, connection.where)
    error.is_whole_source = True
    return error


@contextmanager
def _as_fetch_errors(where: str) -> Iterator[None]:
    """Raise what the driver reports before a stream as FetchError."""
    try:
        yield
    except adbc_driver_manager.Error as error:
        state, shown = str(error.sqlstate or ""), _first_line(str(error))
        if state == _CANCELED or any(word in shown for word in _TIMEOUT):
            raise _too_slow(where) from None
        if not state or state.startswith(_TRANSIENT):
            raise RetryableFetchError(f"ended the session: {shown}", where) from None
        raise FetchError(f"refused to read: {shown} (SQLSTATE {state})", where) from None


def _too_slow(where: str) -> FetchError:
    return FetchError(
        "ended the statement: it took longer than the contract's `timeouts.total` leaves", where,
        advice="ask the department for an index on the cursor, or raise `timeouts.total` in the contract",
    )  # fmt: skip


def _first_line(said: str) -> str:
    lines = [line.strip() for line in said.strip().splitlines() if line.strip()]
    return (lines[0] if lines else "no reason was given")[:_SHOWN]
