"""One conform attempt on one landed batch, from raw to its receipt.

Owns the order bronze and quarantine → receipt: objects first, under keys of this attempt, and the
receipt last. Until the receipt is put nothing of the attempt can be seen; a process that dies
leaves objects no receipt names, which ingestion.collect removes. Rows are conform's business.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ingestion import keys
from ingestion.contract.model import Contract
from ingestion.delivery import Delivery, from_receipt, repeated
from ingestion.errors import DeliveryRefused, ObjectNotFound, StoreError
from ingestion.intervals import Interval
from ingestion.judge import Judgement, judge
from ingestion.lake import Lake
from ingestion.receipts.lookup import Standing, batch_standing
from ingestion.receipts.model import BronzeFile, Manifest, Receipt, TableReceipt

if TYPE_CHECKING:
    from ingestion.conform.run import Conformed, ConformedTable


def attempt(
    lake: Lake,
    contract: Contract,
    manifest: Manifest,
    *,
    as_of: datetime | None = None,
    instead_of: Standing | None = None,
) -> Delivery:
    """Conform a landed batch and commit what came of it.

    `as_of` is the content time of this presentation where it is later than the manifest's.
    `instead_of` is the batch's standing that this attempt replaces (reconform, or a refused batch
    under a new contract). Raises StoreError, LakeBusy, IntegrityError; never DeliveryRefused.
    """
    as_of = max(manifest.content_as_of, as_of or manifest.content_as_of)
    with lake.scratch() as folder:
        conformed, refusal = _conformed(lake, contract, manifest, folder)
        lake.on_step("conformed")
        with lake.committing(contract):
            lake.log.refresh()
            with lake.log.reading() as connection:
                standing = batch_standing(connection, contract, manifest.batch)
            if standing is not None and standing.key != (instead_of.key if instead_of else None):
                return repeated(contract, standing, manifest.filename)
            if refusal is not None or conformed is None:
                return _commit_refusal(lake, contract, manifest, as_of, refusal, conformed)
            judgement = _judged(lake, contract, manifest, conformed, as_of, instead_of)
            return _commit(lake, contract, manifest, as_of, judgement, conformed)


def _conformed(
    lake: Lake, contract: Contract, manifest: Manifest, folder: Path
) -> tuple[Conformed | None, DeliveryRefused | None]:
    interval = Interval(manifest.interval.start, manifest.interval.end)
    try:
        payload = lake.store.fetch(manifest.payload, folder / "payload")
        conformed = lake.conform(
            contract,
            payload,
            batch=manifest.batch,
            loaded_at=manifest.fetched_at,
            interval=interval,
            content_as_of=manifest.content_as_of,
            keys=lake.keys,
            settings=lake.settings,
            scratch=folder,
        )
    except DeliveryRefused as refusal:
        return getattr(refusal, "conformed", None), refusal
    except ObjectNotFound:
        raise
    except (OSError, duckdb.IOException) as error:
        raise StoreError(
            f"{manifest.filename!r} could not be conformed: {error}",
            feed=f"{contract.department}.{contract.feed}",
            interval=str(interval),
            left="raw bytes and manifest are landed, nothing else was stored",
            next_step="free space below the lake's home, then run the same command again",
        ) from error
    return conformed, None


def _judged(
    lake: Lake,
    contract: Contract,
    manifest: Manifest,
    conformed: Conformed,
    as_of: datetime,
    instead_of: Standing | None,
) -> Judgement:
    if instead_of is not None and instead_of.outcome in ("accepted", "held"):
        # The department sent nothing new: what was decided about this delivery stays decided.
        return Judgement("held" if instead_of.outcome == "held" else "accepted", instead_of.message)
    interval = Interval(manifest.interval.start, manifest.interval.end)
    return judge(lake, contract, conformed, batch=manifest.batch, interval=interval, as_of=as_of)


def _commit_refusal(
    lake: Lake,
    contract: Contract,
    manifest: Manifest,
    as_of: datetime,
    refusal: DeliveryRefused | None,
    conformed: Conformed | None,
) -> Delivery:
    attempt_id = _attempt_id()
    tables = _stored(lake, contract, manifest, attempt_id, conformed, bronze=False) if conformed else {}
    receipt = _receipt(lake, contract, manifest, as_of, attempt_id).model_copy(
        update={
            "outcome": "refused",
            "rule": refusal.rule if refusal else None,
            "message": refusal.message if refusal else None,
            "tables": tables,
            "key_version": conformed.key_version if conformed else 0,
            "ignored_members": list(conformed.ignored_members) if conformed else [],
        }
    )
    return put_receipt(lake, receipt, manifest.filename)


def _commit(
    lake: Lake,
    contract: Contract,
    manifest: Manifest,
    as_of: datetime,
    judgement: Judgement,
    conformed: Conformed,
) -> Delivery:
    attempt_id = _attempt_id()
    with_bronze = judgement.outcome in ("accepted", "held", "no_data")
    receipt = _receipt(lake, contract, manifest, as_of, attempt_id).model_copy(
        update={
            "outcome": judgement.outcome,
            "message": judgement.message,
            "confirms": judgement.confirms,
            "tables": _stored(lake, contract, manifest, attempt_id, conformed, bronze=with_bronze),
            "key_version": conformed.key_version,
            "ignored_members": list(conformed.ignored_members),
        }
    )
    return put_receipt(lake, receipt, manifest.filename)


def put_receipt(lake: Lake, receipt: Receipt, filename: str) -> Delivery:
    """Commit: the receipt object, timed after every receipt folded so far."""
    committed = receipt.model_copy(update={"committed_at": lake.log.next_commit_time(lake.clock())})
    key = keys.receipt(
        committed.committed_at, committed.department, committed.feed, committed.batch, committed.attempt
    )
    lake.store.put_bytes(key, committed.model_dump_json(indent=1).encode())
    lake.on_step("committed")
    return from_receipt(committed, key, filename)


def confirm(
    lake: Lake, contract: Contract, manifest: Manifest, as_of: datetime, known: Standing, confirms: str
) -> Delivery:
    """Commit that rows already in bronze (those of batch `confirms`) are said again as of `as_of`.

    Nothing is conformed, so the receipt keeps the revision and key version the batch stands under.
    """
    receipt = _receipt(lake, contract, manifest, as_of, _attempt_id()).model_copy(
        update={
            "outcome": "unchanged",
            "message": "the same bytes again after a correction: they count again",
            "confirms": confirms,
            "revision": known.revision,
            "key_version": known.key_version,
        }
    )
    return put_receipt(lake, receipt, manifest.filename)


def _receipt(lake: Lake, contract: Contract, manifest: Manifest, as_of: datetime, attempt_id: str) -> Receipt:
    """What a receipt of this batch says whatever came of it; outcome and commit time are filled in later."""
    return Receipt(
        department=contract.department,
        feed=contract.feed,
        batch=manifest.batch,
        attempt=attempt_id,
        outcome="accepted",
        delivery=contract.citylake.delivery,
        correction=contract.citylake.correction,
        interval=manifest.interval,
        dt=manifest.dt,
        contract=contract.id,
        revision=contract.revision,
        key_version=0,
        raw_key=manifest.payload,
        raw_sha256=manifest.sha256,
        raw_bytes=manifest.bytes,
        content_as_of=as_of,
        loaded_at=manifest.fetched_at,
        committed_at=lake.clock(),
    )


def _stored(
    lake: Lake, contract: Contract, manifest: Manifest, attempt_id: str, conformed: Conformed, *, bronze: bool
) -> dict[str, TableReceipt]:
    """Put each table's objects; what the receipt says of them."""
    tables = {}
    for name, table in conformed.tables.items():

        def key(zone: str, table_name: str = name) -> str:
            return keys.table_object(
                zone, contract.department, contract.feed, table_name, manifest.dt, manifest.batch,
                contract.revision, attempt_id,
            )  # fmt: skip

        files = [_put_bronze(lake, key(keys.BRONZE), table)] if bronze and table.bronze else []
        quarantine = []
        if table.quarantine is not None:
            lake.store.put_file(key(keys.QUARANTINE), table.quarantine, consume=True)
            lake.on_step("stored_quarantine")
            quarantine.append(key(keys.QUARANTINE))
        tables[name] = TableReceipt(
            received=table.received,
            accepted=table.accepted,
            quarantined=table.quarantined,
            duplicates=table.duplicates,
            rules=table.rules,
            flags=table.flags,
            bronze=files,
            quarantine=quarantine,
        )
    return tables


def _put_bronze(lake: Lake, key: str, table: ConformedTable) -> BronzeFile:
    path = table.bronze
    if path is None:
        raise StoreError(f"no bronze file for {key!r}", left="nothing was stored")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    stored = lake.store.put_file(key, path, consume=True)
    lake.on_step("stored_bronze")
    return BronzeFile(
        key=key, bytes=stored.size, sha256=sha256, rows=table.accepted, row_hash=table.row_hash, days=table.days
    )


def _attempt_id() -> str:
    return uuid.uuid4().hex[:12]
