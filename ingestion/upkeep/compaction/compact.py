"""Merge groups of small bronze files, and delete merged objects.

The merged object is stored first, then its record, which is the commit: an object without a record is never read. The
merged rows are compared with those of the members before the record is stored; all this happens under the feed's lock.
A merged object is a copy and can be deleted at any time; builds then read the members. `plan` decides what may be
merged, `warehouse.build.sources` when a build may read it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from pathlib import Path

import duckdb

from ingestion import keys
from ingestion.contract.model import Contract
from ingestion.errors import IntegrityError
from ingestion.lake import Lake
from ingestion.receipts.standing import standing
from ingestion.sql import literal
from ingestion.upkeep.compaction.catalogue import listed, members
from ingestion.upkeep.compaction.model import Compaction
from ingestion.upkeep.compaction.plan import Group, mergeable_groups
from ingestion.values import row_identity
from ingestion.values.hashes import sha256_of_file


@dataclass
class Compacted:
    """Merged objects created (in a dry run: to be created), files and rows in them, and skipped groups with reason."""

    merged: list[str] = field(default_factory=list)
    files: int = 0
    rows: int = 0
    left: list[str] = field(default_factory=list)


def compact(lake: Lake, contract: Contract, *, dry_run: bool = False) -> Compacted:
    """Merge every settled group of the feed that is not merged yet.

    A group with a damaged or missing member is skipped and reported. Raises StoreError, LakeBusy; groups merged before
    the error remain, and the next call continues from there.
    """
    done = Compacted()
    with lake.log.connect() as connection:
        groups = mergeable_groups(lake, contract, connection)
    known = listed(lake, contract.department, contract.feed).digests
    for group in groups:
        if group.digest in known:
            continue
        try:
            made = f"{group.table} {group.period}" if dry_run else _merge(lake, contract, group)
        except IntegrityError as error:
            done.left.append(f"{contract.department}.{contract.feed} {group.table} {group.period}: {error.message}")
            continue
        if made is not None:
            done.merged.append(made)
            done.files += len(group.members)
            done.rows += sum(member.rows for member in group.members)
    return done


def merged_with(lake: Lake, contract: Contract, batches: Collection[str]) -> list[str]:
    """Merged objects of the feed that contain rows of these batches, or may (objects without a record)."""
    found = listed(lake, contract.department, contract.feed)
    table = members(lake, found)
    holding = {m for m, b in zip(table["merged"].to_pylist(), table["batch"].to_pylist(), strict=True) if b in batches}
    return sorted(holding | {key for key in found.lone if key.endswith(".parquet")})


def remove(lake: Lake, merged: str) -> None:
    """Delete a merged object, then its record."""
    lake.store.delete(merged)
    lake.on_step("removed_merged")
    lake.store.delete(keys.merged_record(merged))


def obsolete(lake: Lake, *, grace: timedelta) -> list[str]:
    """Merged objects no build will read again: halves and members that no longer count, older than `grace`,
    copies of what a larger object holds; and at any age those that hold an erased batch."""
    found = listed(lake)
    before = lake.clock() - grace
    with lake.log.connect() as connection:
        connection.register("member_now", members(lake, found))
        rows = connection.execute(_OBSOLETE).fetchall()
    old = [key for key, is_erased in rows if is_erased or found.live[key] < before]
    return sorted([*old, *(key for key, at in found.lone.items() if at < before)])


_OBSOLETE = """
with sized as (select merged, key, batch, count(*) over (partition by merged) as members from member_now),
counts as (
    select bronze_file.key, standing.effective, standing.state = 'erased' as is_erased
    from standing
    inner join bronze_file on standing.key = bronze_file.receipt_key and standing.batch = bronze_file.batch
),
judged as (
    select
        sized.merged, coalesce(bool_and(counts.effective), false) as is_whole,
        coalesce(bool_or(counts.is_erased), false) as is_erased
    from sized left join counts on sized.key = counts.key
    group by sized.merged
),
best as (
    select sized.merged, sized.key
    from sized inner join judged on sized.merged = judged.merged and judged.is_whole
    qualify row_number() over (partition by sized.key order by sized.members desc, sized.merged) = 1
)
select merged, is_erased from judged where is_erased or not is_whole or merged not in (select merged from best)
order by merged
"""


def _merge(lake: Lake, contract: Contract, group: Group) -> str | None:
    """Store one merged object and its record; None where another process did, or the group changed meanwhile."""
    with lake.scratch() as folder, lake.committing(contract):
        if not _is_still_valid(lake, contract, group):
            return None
        paths = [
            _fetch_verified(lake, member.key, member.sha256, folder / str(i)) for i, member in enumerate(group.members)
        ]
        target = folder / "merged.parquet"
        _write(lake, group, paths, target, folder)
        sha256 = sha256_of_file(target)
        attempt = uuid.uuid4().hex[:12]
        key = keys.merged_object(contract.department, contract.feed, group.table, group.period, group.digest, attempt)
        lake.on_step("merged")
        stored = lake.store.put_file(key, target, consume=True)
        lake.on_step("stored_merged")
        record = Compaction(
            department=contract.department,
            feed=contract.feed,
            table=group.table,
            period=group.period,
            revision=group.revision,
            key_version=group.key_version,
            key=key,
            bytes=stored.size,
            sha256=sha256,
            rows=sum(member.rows for member in group.members),
            members=list(group.members),
            made_at=lake.clock().astimezone(UTC),
        )
        lake.require_committing(contract)
        lake.store.put_bytes(keys.merged_record(key), record.model_dump_json(indent=1).encode())
        lake.on_step("recorded_merged")
    return key


def _is_still_valid(lake: Lake, contract: Contract, group: Group) -> bool:
    """Whether no erasure or correction has changed the group since it was planned; checked under the lock."""
    if group.digest in listed(lake, contract.department, contract.feed).digests:
        return False
    lake.log.refresh()
    query = (
        f"select count(distinct bronze_file.key) from ({standing((contract.department, contract.feed))}) as standing "
        "inner join bronze_file on standing.key = bronze_file.receipt_key and standing.batch = bronze_file.batch "
        "where standing.effective and list_contains($keys, bronze_file.key)"
    )
    with lake.log.reading() as connection:
        found = connection.execute(query, {"keys": [member.key for member in group.members]}).fetchone()
    return found is not None and found[0] == len(group.members)


def _fetch_verified(lake: Lake, key: str, sha256: str, target: Path) -> Path:
    if lake.store.head(key) is None:
        raise IntegrityError(f"{key} is gone")
    path = lake.store.fetch(key, target)
    if sha256_of_file(path) != sha256:
        raise IntegrityError(f"{key} is not the object its receipt names")
    return path


def _write(lake: Lake, group: Group, paths: list[Path], target: Path, folder: Path) -> None:
    """Write the members' rows as one file, and check that its rows (as a multiset, per batch) and types are equal."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": lake.settings.memory_limit,
        "threads": lake.settings.threads,
        "temp_directory": str(folder / "spill"),
    }
    with duckdb.connect(config=config) as connection:
        source = f"read_parquet({literal(paths)}, union_by_name = true, hive_partitioning = false)"
        try:
            connection.execute(f"copy (from {source}) to {literal(target)} (format parquet, compression zstd)")
        except (duckdb.InvalidInputException, duckdb.BinderException, duckdb.ConversionException) as error:
            raise IntegrityError("members differ in their columns") from error
        merged = f"read_parquet({literal(target)})"
        types = _types(connection, source)
        content = _content(connection, source, types)
        expected = _rows_by_batch(group)
        same_types = list(types.items()) == list(_types(connection, merged).items())
        if not same_types or content != _content(connection, merged, types):
            raise IntegrityError("the merged file differs from its members; nothing was stored")
        if {batch: rows for batch, rows, _, _ in content} != expected:
            raise IntegrityError("rows of the members differ from their receipts")


def _rows_by_batch(group: Group) -> dict[str, int]:
    found: dict[str, int] = {}
    for member in group.members:
        found[member.batch] = found.get(member.batch, 0) + member.rows
    return {batch: rows for batch, rows in found.items() if rows}


def _types(connection: duckdb.DuckDBPyConnection, source: str) -> dict[str, str]:
    """Column to type, in order."""
    described = connection.execute(f"describe from {source}").fetchall()
    return {str(row[0]): str(row[1]) for row in described}


def _content(
    connection: duckdb.DuckDBPyConnection, source: str, types: dict[str, str]
) -> list[tuple[str, int, int, int]]:
    """The hash of the rows of each batch, independent of their order (`row_identity.rows`)."""
    query = f"select _batch_id, {row_identity.rows(types)} from {source} group by 1 order by 1"
    return connection.execute(query).fetchall()
