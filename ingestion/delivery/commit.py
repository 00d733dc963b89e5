"""Commit one conformed delivery: judge it, store its bronze and quarantine, put its receipt.

Owns the order bronze and quarantine → receipt: objects first, under keys of this attempt, and the receipt last. Until
the receipt is put nothing of the attempt can be seen; a process that dies leaves objects no receipt names, which
ingestion.upkeep.collect removes.

A defect of the lake, whatever exception it is, refuses the one delivery that met it (rule `internal_error`), so
that no other waits for it. `citylake reconform` tries it again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ingestion import keys
from ingestion.conform.result import Conformed, ConformedTable
from ingestion.conform.split import PartFile
from ingestion.contract.model import Contract
from ingestion.delivery.judge import Judgement, judge
from ingestion.delivery.outcome import Delivery, from_receipt, repeated
from ingestion.errors import CitylakeError, DeliveryRefused, UnexpectedError
from ingestion.intervals import Interval
from ingestion.isolation import write_crash_log
from ingestion.lake import Lake
from ingestion.machine.disk import as_disk_error
from ingestion.receipts.lookup import Standing, Standings, batch_standing, read_standings
from ingestion.receipts.model import INTERNAL_ERROR, BronzeFile, Manifest, Receipt, TableReceipt
from ingestion.values.hashes import sha256_of_file


@dataclass(frozen=True)
class Work:
    """A landed batch to be conformed and committed.

    `as_of` is the content time of this presentation where it is later than the manifest's. `instead_of` is the
    batch's standing that this attempt replaces (reconform, or a refused batch under a new contract). `payload` are the
    bytes where they lie on this machine, hashed already; else they are read from raw and compared with the manifest.
    `read` is called with the number of bytes conformed so far.
    """

    manifest: Manifest
    as_of: datetime
    instead_of: Standing | None = None
    payload: Path | None = None
    read: Callable[[int], None] | None = None

    @property
    def interval(self) -> Interval:
        """The interval of the delivery."""
        return Interval(self.manifest.interval.start, self.manifest.interval.end)

    @property
    def content_as_of(self) -> datetime:
        """The time that the content is of, as last presented."""
        return max(self.manifest.content_as_of, self.as_of)


class CommitTimes:
    """Commit times of receipts: each after `newest` (the newest receipt folded) and after the one given before, so that
    a clock that is set back cannot reorder commits."""

    def __init__(self, lake: Lake, newest: datetime | None) -> None:
        self._lake = lake
        self._newest = newest

    def next(self) -> datetime:
        """The time of the next receipt, UTC."""
        now = self._lake.clock().astimezone(UTC)
        self._newest = now if self._newest is None else max(now, self._newest + timedelta(microseconds=1))
        return self._newest


def confirm(lake: Lake, contract: Contract, manifest: Manifest, as_of: datetime, known: Standing) -> Delivery:
    """Commit that the rows of `known`, which are in bronze already, were delivered again with content of `as_of`.

    Nothing is conformed, so the receipt keeps the contract revision and key version that the batch stands under. Called
    under the feed's lock, with the log refreshed.
    """
    with lake.log.reading() as connection:
        newest = read_standings(connection, contract, [known.interval]).newest
    return Commit(lake, contract, Work(manifest, as_of, known), CommitTimes(lake, newest)).put(
        outcome="unchanged",
        message="the same bytes again after a correction: they count again",
        confirms=known.confirms or known.batch,
        revision=known.revision,
        key_version=known.key_version,
    )


@dataclass(frozen=True)
class Commit:
    """The commit of one batch; `id` names this attempt in the keys of its objects.

    `committed` gets the receipt, by its key, once it is put.
    """

    lake: Lake
    contract: Contract
    work: Work
    times: CommitTimes
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    committed: list[tuple[str, Receipt]] = field(default_factory=list)

    def run(self, result: Conformed | Exception, standings: Standings) -> Delivery:
        """Commit what conform made of the payload: rows, a refusal, or an error, which is raised.

        Called under the feed's lock; `standings` were read under it. Raises StoreError, IntegrityError, and
        UnexpectedError where `Work.instead_of` is not a refusal; never DeliveryRefused.
        """
        try:
            return self._already(standings.of(self.manifest.batch)) or self._commit(result, standings)
        except CitylakeError:
            raise
        except Exception as error:
            return self._failed(error)

    @property
    def manifest(self) -> Manifest:
        """What describes the landed bytes."""
        return self.work.manifest

    def put(self, **facts: object) -> Delivery:
        """Put the receipt, timed after every receipt folded so far."""
        committed_at = self.times.next()
        receipt = self._receipt(committed_at, facts)
        key = keys.receipt(committed_at, receipt.department, receipt.feed, receipt.batch, receipt.attempt)
        data = receipt.model_dump_json(indent=1).encode()
        self.lake.require_committing(self.contract)
        self.lake.store.put_bytes(key, data)
        self.committed.append((key, receipt))
        self.lake.on_step("committed")
        return from_receipt(receipt, key, self.manifest.filename)

    def _failed(self, error: Exception) -> Delivery:
        """Refuse this delivery for an exception nobody expected: a receipt and a crash log.

        Raises DiskError where the disk is behind it, and UnexpectedError where rows of this batch count already.
        """
        place = {"feed": f"{self.contract.department}.{self.contract.feed}", "interval": str(self.work.interval)}
        left = "raw bytes and manifest are landed, nothing else was stored"
        refused_by_disk = as_disk_error(error, f"conforming {self.manifest.filename!r}", left=left, **place)
        if refused_by_disk is not None:
            raise refused_by_disk from error
        log = write_crash_log(error, self.lake.settings)
        message = (
            f"{type(error).__name__} while it was conformed: a defect of the lake, not of the file; "
            f"crash log {log.name if log else 'could not be written'}"
        )
        earlier = self.work.instead_of
        if earlier is not None and earlier.outcome != "refused":
            raise UnexpectedError(
                message,
                left=f"the batch stands as before, under revision {earlier.revision}",
                next_step=f"send the crash log to the maintainers; after an update: citylake reconform {place['feed']}",
                **place,
            ) from error
        with self.lake.log.refreshed() as connection:
            now = batch_standing(connection, self.contract, self.work.interval, self.manifest.batch)
        return self._already(now) or self.put(outcome="refused", rule=INTERNAL_ERROR, message=message)

    def _already(self, standing: Standing | None) -> Delivery | None:
        """The delivery as another process committed or erased it while this one conformed; None where none did."""
        if standing is None:
            return None
        replaced = self.work.instead_of
        if standing.state != "erased" and standing.key == (replaced.key if replaced else None):
            return None
        return repeated(self.contract, standing, self.manifest.filename)

    def _commit(self, result: Conformed | Exception, standings: Standings) -> Delivery:
        conformed = result if isinstance(result, Conformed) else getattr(result, "conformed", None)
        facts: dict[str, object] = {}
        if conformed is not None:
            facts = {"key_version": conformed.key_version, "ignored_members": list(conformed.ignored_members)}
        if isinstance(result, DeliveryRefused):
            tables = self._stored(conformed, bronze=False)
            return self.put(outcome="refused", rule=result.rule, message=result.message, tables=tables, **facts)
        if isinstance(result, Exception):
            raise result
        try:
            accepted = self._accepted(result, standings)
        except DeliveryRefused as refusal:
            tables = self._stored(result, bronze=False)
            return self.put(outcome="refused", rule=refusal.rule, message=refusal.message, tables=tables, **facts)
        return self.put(**accepted, **facts)

    def _accepted(self, conformed: Conformed, standings: Standings) -> dict[str, object]:
        """Judge the rows and store them; what the receipt says of it."""
        judged = self._judged(conformed, standings)
        tables = self._stored(conformed, bronze=judged.outcome != "unchanged")
        return {"outcome": judged.outcome, "message": judged.message, "confirms": judged.confirms, "tables": tables}

    def _judged(self, conformed: Conformed, standings: Standings) -> Judgement:
        earlier = self.work.instead_of
        if earlier is not None and earlier.outcome in ("accepted", "held"):
            # The department sent nothing new: what was decided about this delivery stays decided.
            return Judgement("held" if earlier.outcome == "held" else "accepted", earlier.message)
        return judge(
            self.lake,
            self.contract,
            conformed,
            standings,
            batch=self.manifest.batch,
            interval=self.work.interval,
            as_of=self.work.content_as_of,
            doubt=self.manifest.doubt or conformed.doubt,
        )

    def _stored(self, conformed: Conformed | None, *, bronze: bool) -> dict[str, TableReceipt]:
        """Put each table's bronze (where `bronze`) and quarantine objects; the tables' part of the receipt."""
        tables = conformed.tables if conformed is not None else {}
        return {name: self._stored_table(name, table, bronze=bronze) for name, table in tables.items()}

    def _stored_table(self, name: str, table: ConformedTable, *, bronze: bool) -> TableReceipt:
        files = []
        if bronze and table.bronze:
            rows = PartFile(table.bronze, table.accepted, table.row_hash, table.days)
            files.append(self._put_bronze(self._key(keys.BRONZE, name), rows))
        quarantine = []
        if table.quarantine is not None:
            quarantine.append(self._key(keys.QUARANTINE, name))
            self.lake.store.put_file(quarantine[0], table.quarantine, consume=True)
            self.lake.on_step("stored_quarantine")
        return TableReceipt(
            received=table.received,
            accepted=table.accepted,
            quarantined=table.quarantined,
            duplicates=table.duplicates,
            rules=table.rules,
            flags=table.flags,
            bronze=files,
            quarantine=quarantine,
        )

    def _put_bronze(self, key: str, file: PartFile) -> BronzeFile:
        sha256 = sha256_of_file(file.path)
        stored = self.lake.store.put_file(key, file.path, consume=True)
        self.lake.on_step("stored_bronze")
        return BronzeFile(
            key=stored.key, bytes=stored.size, sha256=sha256, rows=file.rows, row_hash=file.row_hash, days=file.days
        )

    def _key(self, zone: str, table: str, dt: date | None = None, batch: str | None = None) -> str:
        """The key of this attempt's object of a table: of the delivery, or of one interval of a bulk one."""
        return keys.table_object(
            zone,
            self.contract.department,
            self.contract.feed,
            table,
            dt or self.manifest.dt,
            batch or self.manifest.batch,
            self.contract.revision,
            self.id,
        )

    def _receipt(self, committed_at: datetime, outcome: dict[str, object]) -> Receipt:
        facts: dict[str, object] = {
            "department": self.contract.department,
            "feed": self.contract.feed,
            "batch": self.manifest.batch,
            "attempt": self.id,
            "delivery": self.contract.citylake.delivery,
            "correction": self.contract.citylake.correction,
            "interval": self.manifest.interval,
            "dt": self.manifest.dt,
            "contract": self.contract.id,
            "revision": self.contract.revision,
            # A delivery refused before its rows were read met no key.
            "key_version": 0,
            "raw_key": self.manifest.payload,
            "raw_sha256": self.manifest.sha256,
            "raw_bytes": self.manifest.bytes,
            "content_as_of": self.work.content_as_of,
            "loaded_at": self.manifest.fetched_at,
            "committed_at": committed_at,
            "bulk": self.manifest.bulk,
        }
        return Receipt.model_validate(facts | outcome)
