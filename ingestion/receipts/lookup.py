"""Look-ups in the receipt log for ingestion: the state of batches, and the deliveries that new ones would supersede."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Literal

import duckdb

from ingestion.contract.model import Contract
from ingestion.intervals import Interval
from ingestion.receipts.model import Receipt
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
    raw_key: str | None
    bulk: str | None

    @property
    def sent(self) -> str:
        """The batch that was sent: of a part of a bulk delivery that of the whole."""
        return self.bulk or self.batch

    @property
    def as_of(self) -> datetime:
        """The latest content time (UTC) for which these rows were delivered."""
        return (self.holds_as_of or self.content_as_of).astimezone(UTC)

    @property
    def interval(self) -> Interval:
        """The interval of the delivery."""
        return Interval(self.interval_start.astimezone(UTC), self.interval_end.astimezone(UTC))


_COLUMNS = ", ".join(field.name for field in fields(Standing))


Files = dict[str, list[tuple[str, str]]]
"""Bronze files by table name: (object key, row hash)."""


@dataclass(frozen=True)
class Standings:
    """What the receipts say of some intervals of one feed, read at one moment (for snapshots: of the whole feed).

    `rows` are by ascending precedence. `bronze` are the files of the effective ones, by receipt key and batch, then by
    table name: (object key, row hash). `newest` is the commit time of the newest receipt of any feed, UTC.
    """

    is_snapshot: bool
    rows: tuple[Standing, ...]
    bronze: dict[tuple[str, str], Files]
    newest: datetime | None

    def of(self, batch: str) -> Standing | None:
        """The state of a batch (of a bulk delivery: of its first part); None where no receipt names it."""
        return next((row for row in self.rows if batch in (row.batch, row.bulk)), None)

    def after(self, key: str, receipt: Receipt) -> Standings | None:
        """What the receipts say with one more, committed just now under `key`; None where only the log can tell.

        That is so for a batch with an earlier receipt, for parts of a bulk delivery, and for content older than what is
        in force. Otherwise the new delivery ranks last: it counts now, confirms what is in force, or changes nothing.
        """
        interval = Interval(receipt.interval.start, receipt.interval.end)
        top = self.in_force(interval, other_than=receipt.batch)
        is_late = top is not None and receipt.content_as_of < top.as_of
        confirms_another = receipt.outcome == "unchanged" and (top is None or receipt.confirms != top.batch)
        if receipt.bulk or is_late or confirms_another or self.of(receipt.batch) is not None:
            return None
        counts = receipt.outcome in ("accepted", "no_data")
        rows = list(self.rows)
        if counts and _supersedes(receipt):
            gone = [row for row in rows if row.effective and (self.is_snapshot or row.interval.start == interval.start)]
            rows = [replace(row, effective=False) if row in gone else row for row in rows]
        if receipt.outcome == "unchanged":
            rows = [replace(row, holds_as_of=receipt.content_as_of) if row is top else row for row in rows]
        new = _standing_of(
            key, receipt, effective=counts, precedence=max((row.precedence for row in rows), default=0) + 1
        )
        files = {name: [(f.key, f.row_hash) for f in t.bronze] for name, t in receipt.tables.items() if t.bronze}
        bronze = {**self.bronze, (key, receipt.batch): files} if counts else self.bronze
        return replace(self, rows=(*rows, new), bronze=bronze, newest=receipt.committed_at)

    def bronze_of(self, row: Standing | None) -> Files:
        """The bronze files of an effective row; none for None."""
        return self.bronze.get((row.key, row.batch), {}) if row is not None else {}

    def in_force(self, interval: Interval, *, other_than: str) -> Standing | None:
        """The effective delivery of highest precedence that a new delivery of `interval` would supersede or add to.

        For snapshots that of the feed, else that of the interval. The batch `other_than` (the new one) is left out.
        """
        effective = (row for row in reversed(self.rows) if row.effective and row.batch != other_than)
        return next((row for row in effective if self.is_snapshot or row.interval.start == interval.start), None)


def _supersedes(receipt: Receipt) -> bool:
    return receipt.delivery == "snapshot" or (receipt.delivery == "interval" and receipt.correction in (None, "full"))


def _standing_of(key: str, receipt: Receipt, *, effective: bool, precedence: int) -> Standing:
    """The row of a receipt that was just committed, without a decision about it."""
    scope: Literal["feed", "interval"] = "feed" if receipt.delivery == "snapshot" else "interval"
    return Standing(
        key=key,
        batch=receipt.batch,
        outcome=receipt.outcome,
        state=receipt.outcome,
        rule=receipt.rule,
        message=receipt.message,
        confirms=receipt.confirms,
        revision=receipt.revision,
        key_version=receipt.key_version,
        interval_start=receipt.interval.start,
        interval_end=receipt.interval.end,
        holds_as_of=receipt.content_as_of,
        content_as_of=receipt.content_as_of,
        supersedes=scope if _supersedes(receipt) else None,
        effective=effective,
        precedence=precedence,
        raw_key=receipt.raw_key,
        bulk=None,
    )


def read_standings(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    intervals: Collection[Interval],
    *,
    bulk: str | None = None,
) -> Standings:
    """What the log says of these intervals, and of the parts of the bulk delivery `bulk`.

    Its cost depends on their receipts, not on the feed's.
    """
    is_snapshot = contract.citylake.delivery == "snapshot"
    starts = None if is_snapshot else sorted({interval.start for interval in intervals})
    rows: list[Standing] = []
    if _has_receipts(connection, contract, starts):
        rows = _select(connection, contract, starts, bulk)
    newest = connection.execute("select max(committed_at) from receipt").fetchone()
    return Standings(
        is_snapshot,
        tuple(rows),
        _bronze_of(connection, {row.key for row in rows if row.effective}),
        newest[0].astimezone(UTC) if newest and newest[0] else None,
    )


def batch_standing(
    connection: duckdb.DuckDBPyConnection, contract: Contract, interval: Interval, batch: str
) -> Standing | None:
    """The state of the batch; None where no receipt names it."""
    return read_standings(connection, contract, [interval]).of(batch)


def feed_standing(connection: duckdb.DuckDBPyConnection, contract: Contract) -> list[Standing]:
    """All batches of the feed, by ascending precedence, then by interval."""
    return _select(connection, contract, None)


def bronze_of(connection: duckdb.DuckDBPyConnection, row: Standing) -> Files:
    """The bronze files of a batch, effective or not: table name to (object key, row hash)."""
    return _bronze_of(connection, {row.key}).get((row.key, row.batch), {})


def _bronze_of(connection: duckdb.DuckDBPyConnection, receipt_keys: Collection[str]) -> dict[tuple[str, str], Files]:
    found: dict[tuple[str, str], Files] = {}
    if receipt_keys:
        rows = connection.execute(
            f"""
            select receipt_key, batch, table_name, key, row_hash from bronze_file
            where receipt_key in ({", ".join(literal(key) for key in receipt_keys)}) order by all
            """
        ).fetchall()
        for receipt_key, batch, table, key, row_hash in rows:
            found.setdefault((receipt_key, batch), {}).setdefault(table, []).append((key, row_hash))
    return found


def _has_receipts(
    connection: duckdb.DuckDBPyConnection, contract: Contract, starts: Collection[datetime] | None
) -> bool:
    """Whether these intervals have a receipt; a cheap check before the much slower query of `standing`."""
    values = {"department": contract.department, "feed": contract.feed}
    query = "select 1 from receipt where department = $department and feed = $feed"
    if starts is not None:
        query += f" and (is_bulk or interval_start in ({', '.join(literal(start) for start in starts)}))"
    return connection.execute(f"{query} limit 1", values).fetchone() is not None


def _select(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    starts: Collection[datetime] | None,
    bulk: str | None = None,
) -> list[Standing]:
    batches = standing((contract.department, contract.feed), starts, bulk)
    rows = connection.execute(f"select {_COLUMNS} from ({batches}) order by precedence, interval_start, key").fetchall()
    return [Standing(*row) for row in rows]
