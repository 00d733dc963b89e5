"""One conform attempt on one landed batch, from raw to its receipt.

Owns the order bronze and quarantine → receipt: objects first, under keys of this attempt, and the
receipt last. Until the receipt is put nothing of the attempt can be seen; a process that dies
leaves objects no receipt names, which ingestion.upkeep.collect removes. Rows are conform's business.

A defect of the lake, whatever exception it is, refuses the one delivery that met it (rule `internal_error`), so
that no other waits for it. `citylake reconform` tries it again.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ingestion import keys
from ingestion.conform.run import Conformed, ConformedTable, conform
from ingestion.contract.model import Contract
from ingestion.delivery.judge import Judgement, judge
from ingestion.delivery.outcome import Delivery, from_receipt, repeated
from ingestion.errors import CitylakeError, DeliveryRefused, IntegrityError, StoreError, UnexpectedError
from ingestion.intervals import Interval
from ingestion.isolation import write_crash_log
from ingestion.lake import Lake
from ingestion.machine.disk import as_disk_error
from ingestion.receipts.lookup import Standing, batch_standing
from ingestion.receipts.model import INTERNAL_ERROR, BronzeFile, Manifest, Receipt, TableReceipt
from ingestion.values.hashes import sha256_of_file


def attempt(
    lake: Lake,
    contract: Contract,
    manifest: Manifest,
    *,
    as_of: datetime | None = None,
    instead_of: Standing | None = None,
    payload: Path | None = None,
) -> Delivery:
    """Conform a landed batch and commit what came of it.

    `as_of` is the content time of this presentation where it is later than the manifest's.
    `instead_of` is the batch's standing that this attempt replaces (reconform, or a refused batch
    under a new contract). `payload` are the bytes where they lie on this machine, hashed already; else they are
    read from raw and compared with the manifest. Raises StoreError, LakeBusy, IntegrityError, and UnexpectedError where
    `instead_of` is not a refusal (what it says stands); never DeliveryRefused.
    """
    as_of = max(manifest.content_as_of, as_of or manifest.content_as_of)
    return _Attempt(lake, contract, manifest, as_of, instead_of, payload).run()


def confirm(lake: Lake, contract: Contract, manifest: Manifest, as_of: datetime, known: Standing) -> Delivery:
    """Commit that the rows of `known`, which are in bronze already, were delivered again with content of `as_of`.

    Nothing is conformed, so the receipt keeps the contract revision and key version that the batch stands under.
    """
    return _Attempt(lake, contract, manifest, as_of, known).put(
        outcome="unchanged",
        message="the same bytes again after a correction: they count again",
        confirms=known.confirms or known.batch,
        revision=known.revision,
        key_version=known.key_version,
    )


@dataclass(frozen=True)
class _Attempt:
    lake: Lake
    contract: Contract
    manifest: Manifest
    as_of: datetime
    instead_of: Standing | None
    payload: Path | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    def run(self) -> Delivery:
        try:
            with self.lake.scratch() as folder:
                conformed, refusal = self._conformed(folder)
                self.lake.on_step("conformed")
                with self.lake.committing(self.contract):
                    return self._committed_meanwhile() or self._commit(conformed, refusal)
        except CitylakeError:
            raise
        except Exception as error:
            return self._failed(error)

    def _failed(self, error: Exception) -> Delivery:
        """Refuse this delivery for an exception nobody expected: a receipt and a crash log.

        Raises DiskError where the disk is behind it, and UnexpectedError where rows of this batch count already.
        """
        place = {"feed": f"{self.contract.department}.{self.contract.feed}", "interval": str(self._interval)}
        left = "raw bytes and manifest are landed, nothing else was stored"
        refused_by_disk = as_disk_error(error, f"conforming {self.manifest.filename!r}", left=left, **place)
        if refused_by_disk is not None:
            raise refused_by_disk from error
        log = write_crash_log(error, self.lake.settings)
        message = (
            f"{type(error).__name__} while it was conformed: a defect of the lake, not of the file; "
            f"crash log {log.name if log else 'could not be written'}"
        )
        if self.instead_of is not None and self.instead_of.outcome != "refused":
            raise UnexpectedError(
                message,
                left=f"the batch stands as before, under revision {self.instead_of.revision}",
                next_step=f"send the crash log to the maintainers; after an update: citylake reconform {place['feed']}",
                **place,
            ) from error
        with self.lake.committing(self.contract):
            return self._committed_meanwhile() or self.put(outcome="refused", rule=INTERNAL_ERROR, message=message)

    def put(self, **facts: object) -> Delivery:
        """Commit: the receipt object, timed after every receipt folded so far."""
        committed_at = self.lake.log.next_commit_time(self.lake.clock())
        receipt = self._receipt(committed_at, facts)
        key = keys.receipt(committed_at, receipt.department, receipt.feed, receipt.batch, receipt.attempt)
        data = receipt.model_dump_json(indent=1).encode()
        self.lake.require_committing(self.contract)
        self.lake.store.put_bytes(key, data)
        self.lake.on_step("committed")
        return from_receipt(receipt, key, self.manifest.filename)

    @property
    def _interval(self) -> Interval:
        return Interval(self.manifest.interval.start, self.manifest.interval.end)

    def _committed_meanwhile(self) -> Delivery | None:
        """The delivery as another process committed or erased it while this one conformed; None where none did."""
        self.lake.log.refresh()
        with self.lake.log.reading() as connection:
            standing = batch_standing(connection, self.contract, self._interval, self.manifest.batch)
        if standing is None:
            return None
        if standing.state != "erased" and standing.key == (self.instead_of.key if self.instead_of else None):
            return None
        return repeated(self.contract, standing, self.manifest.filename)

    def _conformed(self, folder: Path) -> tuple[Conformed | None, DeliveryRefused | None]:
        try:
            conformed = conform(
                self.contract,
                self.payload or self._from_raw(folder),
                batch=self.manifest.batch,
                loaded_at=self.manifest.fetched_at,
                interval=self._interval,
                content_as_of=self.manifest.content_as_of,
                keys=self.lake.keys,
                settings=self.lake.settings,
                scratch=folder,
            )
        except DeliveryRefused as refusal:
            return getattr(refusal, "conformed", None), refusal
        return conformed, None

    def _from_raw(self, folder: Path) -> Path:
        """The bytes in raw, which must be those that were landed."""
        path = self.lake.store.fetch(self.manifest.payload, folder / "payload")
        if sha256_of_file(path) != self.manifest.sha256:
            raise IntegrityError(
                f"raw object {self.manifest.payload!r} does not have the bytes its manifest names",
                feed=f"{self.contract.department}.{self.contract.feed}",
                interval=str(self._interval),
                left="nothing was committed; what was conformed from it before stands",
                next_step="restore that object from a backup, then run the same command again",
            )
        return path

    def _commit(self, conformed: Conformed | None, refusal: DeliveryRefused | None) -> Delivery:
        facts: dict[str, object] = {}
        if conformed is not None:
            facts = {"key_version": conformed.key_version, "ignored_members": list(conformed.ignored_members)}
        if refusal is not None:
            tables = self._stored(conformed, bronze=False)
            return self.put(outcome="refused", rule=refusal.rule, message=refusal.message, tables=tables, **facts)
        if conformed is None:
            raise StoreError("conform gave neither rows nor a refusal", left="raw bytes and manifest are landed")
        judged = self._judged(conformed)
        tables = self._stored(conformed, bronze=judged.outcome != "unchanged")
        return self.put(
            outcome=judged.outcome, message=judged.message, confirms=judged.confirms, tables=tables, **facts
        )

    def _judged(self, conformed: Conformed) -> Judgement:
        earlier = self.instead_of
        if earlier is not None and earlier.outcome in ("accepted", "held"):
            # The department sent nothing new: what was decided about this delivery stays decided.
            return Judgement("held" if earlier.outcome == "held" else "accepted", earlier.message)
        return judge(
            self.lake,
            self.contract,
            conformed,
            batch=self.manifest.batch,
            interval=self._interval,
            as_of=self.as_of,
            doubt=self.manifest.doubt,
        )

    def _stored(self, conformed: Conformed | None, *, bronze: bool) -> dict[str, TableReceipt]:
        """Put each table's bronze (where `bronze`) and quarantine objects; the tables' part of the receipt."""
        tables = conformed.tables if conformed is not None else {}
        return {name: self._stored_table(name, table, bronze=bronze) for name, table in tables.items()}

    def _stored_table(self, name: str, table: ConformedTable, *, bronze: bool) -> TableReceipt:
        files = [self._put_bronze(name, table, table.bronze)] if bronze and table.bronze else []
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

    def _put_bronze(self, name: str, table: ConformedTable, path: Path) -> BronzeFile:
        sha256 = sha256_of_file(path)
        stored = self.lake.store.put_file(self._key(keys.BRONZE, name), path, consume=True)
        self.lake.on_step("stored_bronze")
        return BronzeFile(
            key=stored.key,
            bytes=stored.size,
            sha256=sha256,
            rows=table.accepted,
            row_hash=table.row_hash,
            days=table.days,
        )

    def _key(self, zone: str, table: str) -> str:
        return keys.table_object(
            zone,
            self.contract.department,
            self.contract.feed,
            table,
            self.manifest.dt,
            self.manifest.batch,
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
            "content_as_of": self.as_of,
            "loaded_at": self.manifest.fetched_at,
            "committed_at": committed_at,
        }
        return Receipt.model_validate(facts | outcome)
