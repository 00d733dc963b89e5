"""The outcome of a conformed delivery, compared with the one in force: accepted, held, unchanged or no_data.

Owns the comparison with the delivery in force. It changes nothing; ingestion.delivery.attempt acts on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import duckdb

from ingestion.contract.model import Contract, Table
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.receipts.lookup import Standing, Standings
from ingestion.receipts.model import Outcome
from ingestion.sql import identifier, literal
from ingestion.store.reading import reading

if TYPE_CHECKING:
    from ingestion.conform.result import Conformed


@dataclass(frozen=True)
class Judgement:
    """An outcome, why, and for `unchanged` the batch it confirms."""

    outcome: Outcome
    message: str | None = None
    confirms: str | None = None


@dataclass(frozen=True)
class Loss:
    """Keys of one table that the delivery in force has and the new one has not; rows where the table has no key."""

    table: str
    lost: int
    keys: int
    unit: Literal["keys", "rows"] = "keys"

    @property
    def share(self) -> float:
        """Lost over all, 0 to 1."""
        return self.lost / self.keys if self.keys else 0.0


def judge(
    lake: Lake,
    contract: Contract,
    conformed: Conformed,
    standings: Standings,
    *,
    batch: str,
    interval: Interval,
    as_of: datetime,
    doubt: str | None = None,
) -> Judgement:
    """Judge a new delivery against what stands in its place: `standings`, read under the feed's lock.

    `doubt` says why the delivery may be incomplete. With one, it counts only after the steward's decision, whatever
    kind of feed it is; where the same rows already count by a decision about the same doubt, nothing is left to decide.
    """
    meets = standings.in_force(interval, other_than=batch)
    committed = standings.bronze_of(meets)
    empty = not any(table.received for table in conformed.tables.values())
    if meets is not None:
        is_decided = doubt is None or (meets.outcome == "held" and doubt in (meets.message or ""))
        if not empty and is_decided and _same_rows(contract, interval, meets, committed, conformed):
            return Judgement("unchanged", f"the same rows as batch {meets.batch}", meets.confirms or meets.batch)
        if supersedes(contract) and as_of >= meets.as_of:
            old = {name: [lake.store.url(key) for key, _ in objects] for name, objects in committed.items()}
            new = {name: [str(table.bronze)] for name, table in conformed.tables.items() if table.bronze is not None}
            lost = losses_past_limit(lake, contract, old, new, same_keys=conformed.key_version == meets.key_version)
            if lost:
                return Judgement("held", hold_message(contract, lost, doubt))
    if doubt is not None:
        return Judgement("held", hold_message(contract, (), doubt))
    if empty:
        return Judgement("no_data", "the delivery holds no records")
    return Judgement("accepted")


def hold_message(contract: Contract, losses: Sequence[Loss], doubt: str | None = None) -> str:
    """Why a delivery waits for the steward: keys it would lose, a doubt whether it is whole, or both."""
    reasons = [f"may be incomplete: {doubt}"] if doubt is not None else []
    if losses:
        facts = "; ".join(
            f"{loss.lost} of {loss.keys} {loss.unit} of {loss.table} ({loss.share:.0%})" for loss in losses
        )
        reasons.append(f"would lose {facts}; the contract allows {contract.citylake.max_key_loss:.0%}")
    return f"{'. It '.join(reasons)}. The steward ({contract.citylake.steward.name}) decides"


def losses_past_limit(
    lake: Lake,
    contract: Contract,
    old: Mapping[str, Sequence[str]],
    new: Mapping[str, Sequence[str]],
    *,
    same_keys: bool,
) -> list[Loss]:
    """Tables that would lose more than `max_key_loss`. Values are Parquet paths by table name.

    `same_keys` says that pseudonyms of both sides come from one key version; where they do not, or
    a key column is new, key counts are compared instead of keys. Rows without a key cannot be told apart from those
    of another delivery: they are counted.
    """
    with comparing(lake) as connection:
        return losses_in(connection, contract, old, new, same_keys=same_keys)


@contextmanager
def comparing(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session in which `losses_in` may be called, several times. Raises StoreError where bronze cannot be read."""
    with (
        lake.scratch() as folder,
        duckdb.connect(config=_limits(lake, folder)) as connection,
        reading(lake.store, connection, "compare the correction with what it meets"),
    ):
        yield connection


def losses_in(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    old: Mapping[str, Sequence[str]],
    new: Mapping[str, Sequence[str]],
    *,
    same_keys: bool,
) -> list[Loss]:
    """As `losses_past_limit`, in a session of `comparing`."""
    found = [
        _loss(connection, table, old[table.name], new.get(table.name, ()), same_keys=same_keys)
        for table in contract.tables
        if old.get(table.name)
    ]
    return [loss for loss in found if loss.share > contract.citylake.max_key_loss]


def supersedes(contract: Contract) -> bool:
    """True for the deliveries that replace what they meet: snapshots and full corrections."""
    spec = contract.citylake
    return spec.delivery == "snapshot" or (spec.delivery == "interval" and spec.correction == "full")


def _same_rows(
    contract: Contract,
    interval: Interval,
    meets: Standing,
    committed: Mapping[str, list[tuple[str, str]]],
    conformed: Conformed,
) -> bool:
    if meets.interval_start != interval.start:
        return False
    if (meets.revision, meets.key_version) != (contract.revision, conformed.key_version):
        return False
    old = {name: [row_hash for _, row_hash in objects] for name, objects in committed.items()}
    new = {name: [table.row_hash] for name, table in conformed.tables.items() if table.bronze is not None}
    return bool(new) and old == new


def _loss(
    connection: duckdb.DuckDBPyConnection, table: Table, old: Sequence[str], new: Sequence[str], *, same_keys: bool
) -> Loss:
    if not table.key:
        had, has = _rows(connection, old), _rows(connection, new)
        return Loss(table.name, max(0, had - has), had, "rows")
    before, after = _keys(connection, table, old), _keys(connection, table, new)
    pseudonymised = any(table.column(name).spec.deidentify is not None for name in table.key)
    if before is None or (new and after is None) or (pseudonymised and not same_keys):
        had, has = _rows(connection, old), _rows(connection, new)
        return Loss(table.name, max(0, had - has), had)
    total = _count(connection, f"select count(*) from ({before})")
    lost = total if after is None else _count(connection, f"select count(*) from ({before} except {after})")
    return Loss(table.name, lost, total)


def _keys(connection: duckdb.DuckDBPyConnection, table: Table, paths: Sequence[str]) -> str | None:
    """Query of the distinct keys as text; None without files or where a file lacks a key column."""
    if not paths:
        return None
    for path in paths:
        found = connection.execute(f"select name from parquet_schema({literal(path)})").fetchall()
        if not set(table.key) <= {name for (name,) in found}:
            return None
    columns = ", ".join(f"cast({identifier(name)} as varchar)" for name in table.key)
    return f"select distinct {columns} from read_parquet({literal(list(paths))})"


def _rows(connection: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> int:
    return _count(connection, f"select count(*) from read_parquet({literal(list(paths))})") if paths else 0


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _limits(lake: Lake, folder: Path) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": lake.settings.memory_limit,
        "threads": lake.settings.threads,
        "temp_directory": str(folder),
    }
