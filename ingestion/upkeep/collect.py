"""Delete objects from the store: orphans, residue of crashed processes, expired data, erased deliveries.

What stewards are handed (ingestion.upkeep.outbox) goes with the quarantine it was made from, and is no orphan.
Orphans are objects that no receipt names, and merged copies that no build will read again. Raw bytes with a manifest
are never orphans, even without a receipt: a department sent them, and the next run continues from them. A record
(decision, tombstone) is always written before anything is deleted.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import duckdb

from ingestion import keys
from ingestion.contract.model import Contract
from ingestion.delivery.holds import put_decision
from ingestion.errors import NothingToDecide
from ingestion.lake import Lake
from ingestion.receipts.lookup import Standing, feed_standing
from ingestion.receipts.manifests import manifest_of
from ingestion.receipts.model import Manifest, Tombstone
from ingestion.upkeep import outbox
from ingestion.upkeep.compaction.compact import merged_with, obsolete, remove

GRACE = timedelta(days=7)
"""Minimum age of objects to delete: younger ones may belong to a running process or be in use by a reader."""


@dataclass(frozen=True)
class Collected:
    """Deleted keys, number of temporary files removed, and manifests without a receipt yet.

    For a dry run the keys that would be deleted; temporary files are then not counted.
    """

    orphans: list[str]
    residue: int
    unfinished: list[str]


_NAMED = """
with counted as (
    select key from standing
),
objects as (
    select bronze_file.key, receipt_key from bronze_file
    union all
    select unnest(quarantine) as key, receipt_key from table_receipt
),
repeats as (
    -- Later receipts of one identity that another process committed too: their bronze never counts.
    select key from receipt
    where outcome <> 'unchanged'
    qualify row_number() over (
        partition by department, feed, batch, revision, key_version order by committed_at, key
    ) > 1
)
select distinct objects.key from objects
where receipt_key in (select key from counted) or receipt_key not in (select key from repeats)
"""


def collect(lake: Lake, *, grace: timedelta = GRACE, dry_run: bool = False) -> Collected:
    """Delete objects that no receipt names and that are older than `grace`. It lists all objects of the store.

    Obsolete merged objects are deleted, too (ingestion.upkeep.compaction). The caller must hold the build lock, as a
    running build would fail if such an object disappeared.
    """
    before = lake.clock() - grace
    with lake.log.connect() as connection:
        named = {str(key) for (key,) in connection.execute(_NAMED).fetchall()}
        receipted = {str(key) for (key,) in connection.execute("select distinct raw_key from receipt").fetchall()}
    orphans, unfinished = list(_orphans(lake, named, before)), []
    for prefix, objects in _raw_batches(lake).items():
        if f"{prefix}/manifest.json" in objects:
            orphans += _raw_orphans(lake, prefix, objects, before)
            if not receipted.intersection(objects) and f"{prefix}/tombstone.json" not in objects:
                unfinished.append(f"{prefix}/manifest.json")
    merged = obsolete(lake, grace=grace)
    if dry_run:
        return Collected([*orphans, *merged], 0, unfinished)
    for key in orphans:
        lake.store.delete(key)
    for key in merged:
        remove(lake, key)
    residue = lake.store.sweep(before) + _sweep_scratch(lake, before)
    return Collected([*orphans, *merged], residue, unfinished)


def erase(lake: Lake, contract: Contract, batch: str, *, reason: str, by: str) -> Tombstone:
    """Remove a delivery's rows for good: raw bytes, bronze, quarantine and what its steward was handed, of every batch
    that holds the same rows, and merged objects that hold any of them.

    Order: decision (from here it counts nowhere), tombstones, deletes; running it again finishes an
    interrupted one. Manifest and receipts stay. Released files are the release's to withdraw.
    Raises NothingToDecide, LakeBusy.
    """
    with lake.committing(contract):
        same_rows = _same_rows(lake, contract, batch)
        # Merged objects first: the records needed to find out whose rows they contain are deleted later.
        for key in merged_with(lake, contract, {standing.batch for standing in same_rows}):
            remove(lake, key)
        asked = next(row.sent for row in same_rows if batch in (row.batch, row.bulk))
        stones = [_erase_one(lake, contract, rows, reason, by) for rows in _by_delivery(same_rows)]
    return next(stone for stone in stones if stone.batch == asked)


def to_erase(lake: Lake, contract: Contract, batch: str) -> list[str]:
    """The keys that `erase` would delete. Raises NothingToDecide."""
    same_rows = _same_rows(lake, contract, batch)
    found = merged_with(lake, contract, {standing.batch for standing in same_rows})
    for rows in _by_delivery(same_rows):
        found += [manifest_of(lake.store, rows[0]).payload, *_objects(lake, contract, rows)]
    return [key for key in found if lake.store.head(key)]


def _same_rows(lake: Lake, contract: Contract, batch: str) -> list[Standing]:
    """The batch, and every other batch with the same rows; of a bulk delivery all its parts."""
    lake.log.refresh()
    with lake.log.reading() as connection:
        batches = feed_standing(connection, contract)
    found = [standing for standing in batches if batch in (standing.batch, standing.bulk)]
    if not found:
        raise NothingToDecide(
            f"no delivery has batch {batch!r}",
            feed=f"{contract.department}.{contract.feed}",
            left="nothing was erased",
            next_step=f"citylake deliveries --feed {contract.department}.{contract.feed}",
        )
    origins = {standing.confirms or standing.batch for standing in batches if standing.sent == found[0].sent}
    same = {standing.sent for standing in batches if origins & {standing.batch, standing.confirms}}
    return [standing for standing in batches if standing.sent in same]


def _by_delivery(standings: Sequence[Standing]) -> list[list[Standing]]:
    """The parts of each delivery that was sent; one of one where it is no bulk delivery."""
    found: dict[str, list[Standing]] = {}
    for standing in standings:
        found.setdefault(standing.sent, []).append(standing)
    return list(found.values())


def expire(lake: Lake, contract: Contract, *, dry_run: bool = False) -> list[str]:
    """Delete raw bytes, quarantine and what was handed to stewards past the contract's retention; the keys.

    Bronze stays. Raw leaves a tombstone. Retention counts from when the delivery was fetched.
    """
    now, retention = lake.clock(), contract.citylake.retention
    with lake.log.connect() as connection:
        raw = _keys_of(connection, _RAW_KEYS, contract, now - retention.raw)
        quarantine = _keys_of(connection, _QUARANTINE_KEYS, contract, now - retention.quarantine)
        handed = outbox.expired(lake, contract, connection, now - retention.quarantine)
        batches = {standing.sent: standing for standing in feed_standing(connection, contract)}
    gone = [key for key in raw if lake.store.head(key)]
    past = [key for key in quarantine if lake.store.head(key)]
    past += dict.fromkeys([*handed, *outbox.expired_mails(lake, now.astimezone(UTC).date())])
    if dry_run:
        return [*gone, *past]
    for key in gone:
        standing = batches[key.split("/")[-3]]
        why = (retention.basis, "retention of the contract")
        _put_tombstone(lake, manifest_of(lake.store, standing), [key], cause="retention", why=why)
    for key in [*gone, *past]:
        lake.store.delete(key)
    return [*gone, *past]


_RAW_KEYS = """
select distinct raw_key from receipt
where department = $department and feed = $feed and loaded_at < $before and raw_key is not null
"""
_QUARANTINE_KEYS = """
select distinct unnest(table_receipt.quarantine) as key
from table_receipt inner join receipt on table_receipt.receipt_key = receipt.key
where receipt.department = $department and receipt.feed = $feed and loaded_at < $before
"""
_BATCH_OBJECTS = """
select bronze_file.key from bronze_file inner join receipt on bronze_file.receipt_key = receipt.key
where receipt.department = $department and receipt.feed = $feed and receipt.batch = $batch
union
select unnest(quarantine) from table_receipt
where department = $department and feed = $feed and batch = $batch
order by 1
"""


def _keys_of(connection: duckdb.DuckDBPyConnection, query: str, contract: Contract, before: datetime) -> list[str]:
    values = {"department": contract.department, "feed": contract.feed, "before": before}
    return sorted(str(key) for (key,) in connection.execute(query, values).fetchall())


def _erase_one(lake: Lake, contract: Contract, rows: Sequence[Standing], reason: str, by: str) -> Tombstone:
    """Erase one delivery; `rows` are its parts."""
    manifest = manifest_of(lake.store, rows[0])
    lake.require_committing(contract)
    if rows[0].state != "erased":
        put_decision(lake, f"{contract.department}.{contract.feed}", rows[0].sent, "erase", why=(reason, by))
    objects = [manifest.payload, *_objects(lake, contract, rows)]
    stone = _put_tombstone(lake, manifest, objects, cause="erasure", why=(reason, by))
    for key in stone.objects:
        lake.store.delete(key)
    return stone


def _objects(lake: Lake, contract: Contract, rows: Sequence[Standing]) -> list[str]:
    """Bronze, quarantine and outbox objects of one delivery, of all attempts, with and without a receipt."""
    values = {"department": contract.department, "feed": contract.feed, "batch": rows[0].sent}
    with lake.log.reading() as connection:
        found = {str(key) for (key,) in connection.execute(_BATCH_OBJECTS, values).fetchall()}
    batches = {(contract.calendar.local_date(row.interval), row.batch) for row in rows}
    manifest = manifest_of(lake.store, rows[0])
    for zone in (keys.BRONZE, keys.QUARANTINE):
        for table in lake.store.list_folders(f"{zone}/{contract.department}/{contract.feed}/"):
            for dt, batch in batches | {(manifest.dt, manifest.batch)}:
                folder = keys.table_folder(zone, contract.department, contract.feed, table, dt, batch)
                found |= {info.key for info in lake.store.list(f"{folder}/")}
    return sorted(found | outbox.of_batch(lake, contract, manifest.dt, manifest.batch))


def _put_tombstone(
    lake: Lake, manifest: Manifest, objects: list[str], *, cause: Literal["erasure", "retention"], why: tuple[str, str]
) -> Tombstone:
    """The tombstone beside the manifest; `why` is (reason, by). An erasure may follow a retention: it replaces."""
    stone = Tombstone(
        department=manifest.department,
        feed=manifest.feed,
        batch=manifest.batch,
        cause=cause,
        reason=why[0],
        removed_by=why[1],
        removed_at=lake.clock().astimezone(UTC),
        sha256=manifest.sha256,
        bytes=manifest.bytes,
        objects=objects,
    )
    prefix = keys.raw_prefix(manifest.department, manifest.feed, manifest.dt, manifest.batch)
    lake.store.replace(keys.raw_tombstone(prefix), stone.model_dump_json(indent=1).encode())
    return stone


def _orphans(lake: Lake, named: set[str], before: datetime) -> Iterator[str]:
    for zone in (keys.BRONZE, keys.QUARANTINE):
        for info in lake.store.list(f"{zone}/"):
            if info.key not in named and info.modified < before:
                yield info.key


def _raw_orphans(lake: Lake, prefix: str, objects: dict[str, datetime], before: datetime) -> Iterator[str]:
    """Payloads that the batch's manifest does not name: another process landed the same bytes under another name."""
    named = Manifest.model_validate_json(lake.store.get_bytes(f"{prefix}/manifest.json")).payload
    for key, modified in objects.items():
        if key.startswith(f"{prefix}/payload/") and key != named and modified < before:
            yield key


def _raw_batches(lake: Lake) -> dict[str, dict[str, datetime]]:
    batches: dict[str, dict[str, datetime]] = {}
    for info in lake.store.list(f"{keys.RAW}/"):
        prefix = "/".join(info.key.split("/")[:5])
        batches.setdefault(prefix, {})[info.key] = info.modified
    return batches


def _sweep_scratch(lake: Lake, before: datetime) -> int:
    root = lake.settings.scratch_root
    if not root.is_dir():
        return 0
    stale = [path for path in root.iterdir() if datetime.fromtimestamp(path.stat().st_mtime, UTC) < before]
    for path in stale:
        shutil.rmtree(path, ignore_errors=True)
    return len(stale)
