"""Decide which small bronze files are merged: effective files of settled days, with equal revision and key version.

A day is settled when it ended longer ago than the contract's deadline and recapture period, so that late or corrected
files are rare (if one comes all the same, the merged copy of its period is no longer used). Hourly feeds are merged by
day; all feeds with intervals shorter than a month are merged by month when the month is over and settled, and full
builds then use the month's object instead of those of its days. Snapshots have one effective file and are not merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from ingestion.contract.model import Contract
from ingestion.lake import Lake
from ingestion.receipts.standing import standing
from ingestion.upkeep.compaction.model import Member
from ingestion.values.hashes import sha256_of_bytes

SMALL_BYTES = 32 * 2**20
"""Files larger than this (bytes) are not merged."""
TARGET_BYTES = 256 * 2**20
"""Approximate size (bytes) of a merged object."""

_SETTLED = """
select
    bronze_file.table_name, standing.revision, standing.key_version, standing.dt, bronze_file.bytes,
    bronze_file.key, standing.batch, bronze_file.rows, bronze_file.sha256, bronze_file.row_hash
from ({standing}) as standing
inner join bronze_file on standing.key = bronze_file.receipt_key and standing.batch = bronze_file.batch
where standing.effective and standing.dt < $before and bronze_file.bytes < $small
order by table_name, revision, key_version, interval_start, precedence, bronze_file.key
"""


@dataclass(frozen=True)
class Group:
    """Files to merge into one object of a table."""

    table: str
    period: str
    revision: str
    key_version: int
    members: tuple[Member, ...]

    @property
    def digest(self) -> str:
        """Names the set of members, and the bytes they had."""
        text = "\n".join(sorted(f"{member.key} {member.sha256}" for member in self.members))
        return sha256_of_bytes(text.encode())[:16]


@dataclass(frozen=True)
class _File:
    table: str
    revision: str
    key_version: int
    dt: date
    bytes: int
    member: Member


def mergeable_groups(lake: Lake, contract: Contract, connection: duckdb.DuckDBPyConnection) -> list[Group]:
    """Groups of at least two settled files, oldest first, including those merged already.

    `connection` is one of the receipt log.
    """
    spec = contract.citylake
    if spec.delivery == "snapshot" or spec.calendar.every not in ("hour", "day", "week"):
        return []
    before = (lake.city_time() - spec.deadline - spec.recapture).astimezone(contract.calendar.zone).date()
    query = _SETTLED.format(standing=standing((contract.department, contract.feed)))
    rows = connection.execute(query, {"before": before, "small": SMALL_BYTES}).fetchall()
    files = [_File(row[0], row[1], row[2], row[3], row[4], _member(row[5:])) for row in rows]
    hourly = spec.calendar.every == "hour"
    return [
        group for period, some in _by_period(files, before, hourly=hourly) for group in _split_by_size(period, some)
    ]


def _member(row: tuple[Any, ...]) -> Member:
    key, batch, rows, sha256, row_hash = row
    return Member(key=key, batch=batch, rows=rows, sha256=sha256, row_hash=row_hash)


def _by_period(files: Iterable[_File], before: date, *, hourly: bool) -> Iterator[tuple[str, list[_File]]]:
    """Files by month where the month is settled; else by day, for hourly feeds only."""
    found: dict[tuple[str, str, int, str], list[_File]] = {}
    for file in files:
        month_ends = (file.dt.replace(day=1) + timedelta(days=32)).replace(day=1)
        if month_ends <= before:
            period = f"month={file.dt:%Y-%m}"
        elif hourly:
            period = f"day={file.dt:%Y-%m-%d}"
        else:
            continue
        found.setdefault((file.table, file.revision, file.key_version, period), []).append(file)
    for (_, _, _, period), some in found.items():
        yield period, some


def _split_by_size(period: str, files: list[_File]) -> Iterator[Group]:
    """Split the files of one period, in order, into groups of about TARGET_BYTES."""
    chunk: list[_File] = []
    size = 0
    for file in files:
        if chunk and size + file.bytes > TARGET_BYTES:
            yield from _group(period, chunk)
            chunk, size = [], 0
        chunk.append(file)
        size += file.bytes
    yield from _group(period, chunk)


def _group(period: str, files: list[_File]) -> Iterator[Group]:
    if len(files) > 1:
        first = files[0]
        yield Group(first.table, period, first.revision, first.key_version, tuple(file.member for file in files))
