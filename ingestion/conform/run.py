"""Conform one payload: write its bronze and quarantine files into a scratch folder. The store is not used.

For every table the counts must balance: received = accepted + quarantined + duplicates. The received records are
counted by the parsers, independently of reading typed values. A delivery with too many refused rows, or without
records, is refused as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import duckdb

from ingestion.conform.bind import require_bound
from ingestion.conform.compile import TablePlan
from ingestion.conform.engine import conform_session
from ingestion.conform.output import BronzeFile, QuarantineFile
from ingestion.conform.pseudonym import PseudonymKeys
from ingestion.conform.table import Counts, TableConform
from ingestion.contract.model import Contract, Table
from ingestion.errors import DeliveryRefused, IntegrityError
from ingestion.intervals import Interval
from ingestion.parsers.blocks import Source
from ingestion.parsers.payload import open_payload
from ingestion.settings import Settings
from ingestion.values.hashes import sha256_of_bytes

_TOP_RULES = 5


@dataclass(frozen=True)
class ConformedTable:
    """Result for one table of a delivery. `bronze` and `quarantine` are paths, None where there are no rows.

    `rules`: refused rows by rule id (a row may break several); `flags`: accepted rows by broken rule of severity
    `flag`; `days`: accepted rows by event day (ISO date).
    """

    name: str
    received: int
    accepted: int
    quarantined: int
    duplicates: int
    rules: dict[str, int]
    flags: dict[str, int]
    bronze: Path | None
    quarantine: Path | None
    row_hash: str
    days: dict[str, int]

    @property
    def refused_share(self) -> float:
        """Quarantined rows divided by received rows; 0 where nothing was received."""
        return self.quarantined / self.received if self.received else 0.0


@dataclass(frozen=True)
class Conformed:
    """Result of conforming one payload. `row_hash` is over all tables and independent of the order of rows."""

    tables: dict[str, ConformedTable]
    ignored_members: tuple[str, ...]
    key_version: int
    row_hash: str


def conform(
    contract: Contract,
    payload: Path,
    *,
    batch: str,
    loaded_at: datetime,
    interval: Interval,
    content_as_of: datetime,
    keys: PseudonymKeys,
    settings: Settings,
    scratch: Path,
) -> Conformed:
    """Write `<table>.bronze.parquet` and `<table>.quarantine.parquet` into `scratch` (made mode 0700).

    Of identical rows the first is kept. Of rows with the same key and different content the first is kept, too; which
    one is right cannot be known here, so the later ones go to quarantine (`key_conflict`), unless they equal the first.
    A rule of the contract may use `content_date`, the local date of `content_as_of`.

    Raises DeliveryRefused (its `conformed` carries counts and quarantine where rows were judged), IntegrityError, and
    ContractError where an expression of the contract cannot be run (docs/adr/0021).
    """
    content_date = content_as_of.astimezone(contract.calendar.zone).date()
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch.chmod(0o700)
    try:
        zone, threads, limit = contract.calendar.timezone, settings.threads, settings.memory_limit
        with conform_session(zone, threads=threads, memory_limit=limit, spill=scratch.parent) as connection:
            require_bound(contract, connection)
            opened = open_payload(contract, payload, settings, content_date)
            run = _Run(contract, connection, keys, scratch, batch, loaded_at, content_date)
            tables = {source.table.name: run.table(source) for source in opened.sources}
            conformed = Conformed(tables, opened.ignored_members, keys.version, _row_hash(tables))
            _check_delivery(contract, conformed, [s.table.name for s in opened.sources if s.required])
    except DeliveryRefused as refusal:
        for leftover in scratch.glob("*.bronze.parquet"):
            leftover.unlink()
        raise _with_feed(refusal, contract, interval) from refusal
    return conformed


class _Run:
    """What all tables of one delivery share."""

    def __init__(
        self, contract: Contract, connection: duckdb.DuckDBPyConnection, keys: PseudonymKeys, scratch: Path, batch: str,
        loaded_at: datetime, content_date: date,
    ) -> None:  # fmt: skip
        self._contract = contract
        self._connection = connection
        self._keys = keys
        self._scratch = scratch
        self._batch = batch
        self._loaded_at = loaded_at
        self._content_date = content_date

    def table(self, source: Source) -> ConformedTable:
        table = source.table
        bronze = BronzeFile(self._scratch / f"{table.name}.bronze.parquet", self._batch, self._loaded_at)
        quarantine = QuarantineFile(self._scratch / f"{table.name}.quarantine.parquet", self._batch, table.name)
        plan = TablePlan(self._contract, table, self._content_date)
        work = TableConform(plan, self._connection, self._keys, bronze, quarantine, self._scratch)
        try:
            work.run(source)
            _check_counts(table, work.counts)
            return _conformed(table, work.counts, bronze.finish(), quarantine.finish())
        except BaseException:
            bronze.discard()
            quarantine.discard()
            raise


def _conformed(table: Table, counts: Counts, bronze: Path | None, quarantine: Path | None) -> ConformedTable:
    return ConformedTable(
        name=table.name,
        received=counts.received,
        accepted=counts.accepted,
        quarantined=counts.quarantined,
        duplicates=counts.duplicates,
        rules=dict(sorted(counts.rules.items())),
        flags=dict(sorted(counts.flags.items())),
        bronze=bronze,
        quarantine=quarantine,
        row_hash=counts.row_hash,
        days=dict(sorted(counts.days.items())),
    )


def _check_counts(table: Table, counts: Counts) -> None:
    accounted = counts.accepted + counts.quarantined + counts.duplicates
    if counts.received != accounted:
        raise IntegrityError(
            f"table {table.name}: received {counts.received}, but accepted {counts.accepted} + quarantined "
            f"{counts.quarantined} + duplicates {counts.duplicates} = {accounted}",
            left="nothing was written",
            next_step="keep the file and report it: rows would be lost or invented",
        )


def _check_delivery(contract: Contract, conformed: Conformed, required: list[str]) -> None:
    """Refuse the delivery as a whole where a required table is empty or too many rows are refused."""
    limit = contract.citylake.max_refused_share
    for table in conformed.tables.values():
        if table.refused_share > limit:
            raise _too_many_refused(table, limit, without_bronze(conformed))
    if contract.citylake.empty == "refuse":
        empty_tables = [name for name in required if not conformed.tables[name].received]
        if empty_tables:
            raise DeliveryRefused(
                f"no records in {', '.join(empty_tables)}: a header and nothing else",
                rule="empty",
                next_step="ask the department; where no data is a normal answer, set `empty: no_data` in the contract",
            )


def without_bronze(conformed: Conformed) -> Conformed:
    """The same result without bronze files, for a refused delivery."""
    tables = {name: replace(table, bronze=None) for name, table in conformed.tables.items()}
    return replace(conformed, tables=tables)


def _too_many_refused(table: ConformedTable, limit: float, conformed: Conformed) -> DeliveryRefused:
    top = sorted(table.rules.items(), key=lambda item: (-item[1], item[0]))[:_TOP_RULES]
    rule = "encoding" if table.rules.get("encoding", 0) > limit * table.received else "refused_share"
    hint = "; the file is probably not in the declared encoding" if rule == "encoding" else ""
    refusal = DeliveryRefused(
        f"{table.quarantined:,} of {table.received:,} rows of {table.name} are refused "
        f"({table.refused_share:.1%}, limit {limit:.1%}): " + ", ".join(f"{name} {n:,}" for name, n in top) + hint,
        rule=rule,
        next_step="send the steward the refused rows; the corrected file is taken in as a new delivery",
    )
    refusal.conformed = conformed
    return refusal


def _with_feed(refusal: DeliveryRefused, contract: Contract, interval: Interval) -> DeliveryRefused:
    """The refusal with feed, interval and the state of the store added."""
    left = refusal.left or "the delivery is refused whole; its bytes are kept in raw, bronze is unchanged"
    named = DeliveryRefused(
        refusal.message,
        rule=refusal.rule,
        feed=f"{contract.department}.{contract.feed}",
        interval=str(interval),
        left=left,
        next_step=refusal.next_step,
    )
    named.conformed = refusal.conformed
    return named


def _row_hash(tables: dict[str, ConformedTable]) -> str:
    text = "\n".join(f"{name} {table.row_hash}" for name, table in sorted(tables.items()))
    return sha256_of_bytes(text.encode())
