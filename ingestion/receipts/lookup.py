"""Short look-ups in the receipt log for ingestion: the state of a batch, and the delivery it would supersede."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Literal

import duckdb

from ingestion.contract.model import Contract
from ingestion.intervals import Interval
from ingestion.receipts.standing import standing
from ingestion.sql import literal


@dataclass(frozen=True)
class Standing:
    """A row of the view `standing` for one batch; ingestion.receipts.standing describes the fields."""

    key: str
    batch: str
    outcome: str
    state: str
    rule: str | None
    message: str | None
    confirms: str | None
    revision: str
    key_version: int
    interval_start: datetime
    interval_end: datetime
    holds_as_of: datetime | None
    content_as_of: datetime
    supersedes: Literal["feed", "interval"] | None
    effective: bool
    precedence: int

    @property
    def as_of(self) -> datetime:
        """The latest content time (UTC) for which these rows were delivered."""
        return (self.holds_as_of or self.content_as_of).astimezone(UTC)

    @property
    def interval(self) -> Interval:
        """The interval of the delivery."""
        return Interval(self.interval_start.astimezone(UTC), self.interval_end.astimezone(UTC))


_COLUMNS = ", ".join(field.name for field in fields(Standing))


def batch_standing(
    connection: duckdb.DuckDBPyConnection, contract: Contract, interval: Interval, batch: str
) -> Standing | None:
    """The state of the batch; None where no receipt names it."""
    if not _any_receipt(connection, contract, "batch = $batch", batch):
        return None
    return _first(_select(connection, contract, "batch = $batch", {"batch": batch}, interval))


def feed_standing(connection: duckdb.DuckDBPyConnection, contract: Contract) -> list[Standing]:
    """All batches of the feed, by ascending precedence, then by interval."""
    return _select(connection, contract, "true", {}, None)


def in_force(
    connection: duckdb.DuckDBPyConnection, contract: Contract, interval: Interval, *, other_than: str
) -> Standing | None:
    """The effective delivery of highest precedence that a new delivery of `interval` would supersede or add to.

    For snapshots that of the feed, else that of the interval. The batch `other_than` (the new one) is left out.
    """
    scope = "batch <> $batch"
    if contract.citylake.delivery != "snapshot":
        scope += f" and interval_start = {literal(interval.start)}"
    if not _any_receipt(connection, contract, scope, other_than):
        return None
    return _first(_select(connection, contract, "effective and batch <> $batch", {"batch": other_than}, interval)[::-1])


def bronze_of(connection: duckdb.DuckDBPyConnection, receipt_key: str) -> dict[str, list[tuple[str, str]]]:
    """The bronze files that a receipt commits: table name to (object key, row hash)."""
    rows = connection.execute(
        "select table_name, key, row_hash from bronze_file where receipt_key = $key order by table_name, key",
        {"key": receipt_key},
    ).fetchall()
    files: dict[str, list[tuple[str, str]]] = {}
    for table, key, row_hash in rows:
        files.setdefault(table, []).append((key, row_hash))
    return files


def _any_receipt(connection: duckdb.DuckDBPyConnection, contract: Contract, where: str, batch: str) -> bool:
    """Whether the batch has a receipt; a cheap check before the much slower query of `standing`."""
    values = {"department": contract.department, "feed": contract.feed, "batch": batch}
    query = f"select 1 from receipt where department = $department and feed = $feed and {where} limit 1"
    return connection.execute(query, values).fetchone() is not None


def _select(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    where: str,
    values: dict[str, object],
    interval: Interval | None,
) -> list[Standing]:
    narrow = interval is not None and contract.citylake.delivery != "snapshot"
    batches = standing((contract.department, contract.feed), interval.start if interval and narrow else None)
    query = f"select {_COLUMNS} from ({batches}) where {where} order by precedence, interval_start, key"
    return [Standing(*row) for row in connection.execute(query, values).fetchall()]


def _first(rows: list[Standing]) -> Standing | None:
    return rows[0] if rows else None
