"""The steps of reconciliation from source to warehouse. Each yields its rows and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

import duckdb

from ingestion import keys
from ingestion.clocks import begins
from ingestion.connectors.base import Fetched
from ingestion.connectors.factory import connector_for
from ingestion.connectors.fetch_each import fetch_each
from ingestion.contract.model import Contract
from ingestion.contract.sources import FileDrop
from ingestion.errors import CitylakeError, ConfigurationError
from ingestion.intervals import Interval
from ingestion.isolation import Isolated
from ingestion.store.reading import reading
from ingestion.upkeep.compaction.catalogue import listed, read
from ingestion.values.document import Document
from ingestion.values.hashes import sha256_of_file
from warehouse.build.report import last_report
from warehouse.effective import EFFECTIVE_FILE

if TYPE_CHECKING:
    from ingestion.lake import Lake

Step = Literal["source", "raw", "receipt", "bronze", "warehouse", "release"]


class Row(Document):
    """One comparison. `interval` is the local date the delivery is filed under; counts are None where not countable."""

    step: Step
    feed: str | None
    interval: str | None
    table: str | None
    expected: int | None
    found: int | None
    status: Literal["ok", "off"]
    reason: str | None = None


def compare(
    step: Step,
    expected: int | None,
    found: int | None,
    *,
    feed: str | None = None,
    interval: object = None,
    table: str | None = None,
    reason: str | None = None,
    is_ok: bool | None = None,
) -> Row:
    """A row with status `off` when the numbers differ or `is_ok` is False; only such a row keeps its `reason`."""
    good = expected == found if is_ok is None else is_ok
    return Row(
        step=step,
        feed=feed,
        interval=None if interval is None else str(interval),
        table=table,
        expected=expected,
        found=found,
        status="ok" if good else "off",
        reason=None if good else reason or f"expected {expected}, found {found}",
    )


def source(lake: Lake, log: duckdb.DuckDBPyConnection, *, deep: bool) -> Iterator[Row]:
    """Compare the files that departments of active feeds still have with the batches that have a receipt.

    Only `deep` hashes the files. A server cannot list its files, so only `deep` fetches from one, and only what lies
    within the feed's recapture.
    """
    for feed, contract in sorted(lake.active.items()):
        remote = not isinstance(contract.citylake.source, FileDrop)
        if (remote and not deep) or not (remote or lake.settings.drop_root.is_dir()):
            continue
        batches: dict[str, set[str]] = {}
        query = "select strftime(dt, '%Y-%m-%d'), batch from receipt where department || '.' || feed = $1"
        for dt, batch in log.execute(query, [feed]).fetchall():
            batches.setdefault(dt, set()).add(batch)
        if not batches:
            continue
        intervals = list(_intervals(contract, date.fromisoformat(max(batches))))
        if remote and intervals:
            begin = intervals[-1].start - contract.citylake.recapture
            intervals = [interval for interval in intervals if interval.end > begin]
        yield from _source_rows(lake, contract, intervals, batches, deep=deep)


def _source_rows(
    lake: Lake, contract: Contract, intervals: list[Interval], batches: dict[str, set[str]], *, deep: bool
) -> Iterator[Row]:
    """One row for each interval that has files, and one for each error; what cannot be read stops no other interval."""
    feed = f"{contract.department}.{contract.feed}"
    dates = {str(interval): contract.calendar.local_date(interval).isoformat() for interval in intervals}
    isolated = Isolated(lake.settings, feed, "reconcile")
    errors: list[CitylakeError] = []
    try:
        for interval, files in fetch_each(connector_for(lake, contract), contract, intervals, lake.clock, isolated):
            if files:
                dt = dates[str(interval)]
                yield _source_row(feed, dt, interval, files, batches.get(dt, set()), deep=deep)
    except ConfigurationError as error:
        # Only Airflow may have the credential: on a command line the other steps are still compared.
        errors.append(error)
    for met in (*isolated.unreadable.found, *isolated.others, *errors):
        reason = f"{met.message}: {met.next_step}" if met.next_step else met.message
        dt = dates.get(met.interval or "", next(iter(dates.values())))
        yield compare("source", None, None, feed=feed, interval=dt, reason=reason, is_ok=False)


def _intervals(contract: Contract, last: date) -> Iterator[Interval]:
    """The intervals from the calendar's start to the local day `last`, inclusive."""
    calendar = contract.calendar
    return calendar.between(begins(calendar.zone, calendar.start), begins(calendar.zone, last + timedelta(days=1)))


def _source_row(feed: str, dt: str, interval: Interval, files: list[Fetched], batches: set[str], *, deep: bool) -> Row:
    if deep:
        found = sum((file.known or keys.batch_id(interval, sha256_of_file(file.path))) in batches for file in files)
    else:
        found = len(files) if any(batch.startswith(interval.id) for batch in batches) else 0
    return compare(
        "source",
        len(files),
        found,
        feed=feed,
        interval=dt,
        reason=f"{len(files) - found} of its files are not ingested: `citylake ingest {feed} --interval {interval.id}`",
    )


def raw(lake: Lake, log: duckdb.DuckDBPyConnection, *, deep: bool) -> Iterator[Row]:
    """Check that payload and manifest of every batch are in the store, unless its bytes were erased."""
    batches = log.execute(
        """select feed_id, min(dt), raw_key, any_value(raw_sha256), any_value(raw_bytes) from standing
           where raw_key is not null and state <> 'erased' group by feed_id, raw_key order by 1, 2, 3"""
    ).fetchall()
    for feed, dt, key, sha256, size in batches:
        prefix = key.split("/payload/", 1)[0]
        if lake.store.head(keys.raw_tombstone(prefix)) is not None:
            continue
        info = lake.store.head(key)
        reason = None
        if info is None:
            reason = f"{key} is gone and has no tombstone: restore it from backup"
        elif lake.store.head(keys.raw_manifest(prefix)) is None:
            reason = f"{prefix} has no manifest: restore it from backup"
        elif info.size != size or (deep and _object_sha256(lake, key) != sha256):
            reason = f"{key} is not the object its receipt names: restore it from backup"
        yield compare(
            "raw", size, info.size if info else 0, feed=feed, interval=dt, reason=reason, is_ok=reason is None
        )


_RECEIPTS = """
select
    r.department || '.' || r.feed as feed, r.dt, t.table_name, t.received,
    t.accepted + t.quarantined + t.duplicates as judged, t.accepted,
    coalesce((select sum(f.rows) from bronze_file as f
        where f.receipt_key = t.receipt_key and f.table_name = t.table_name), 0) as stored,
    r.outcome
from table_receipt as t
inner join receipt as r on t.receipt_key = r.key
order by feed, r.dt, t.table_name, r.key
"""


def receipts(log: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    """Check that received = accepted + quarantined + duplicates, and that bronze holds the accepted rows."""
    for feed, dt, table, received, judged, accepted, stored, outcome in log.execute(_RECEIPTS).fetchall():
        # A refused delivery's counts say how its rows were judged; nothing of it is in bronze.
        has_bronze = outcome in ("accepted", "held")
        good = received == judged and (stored == accepted if has_bronze else True)
        reason = (
            f"received {received}, judged {judged}"
            if received != judged
            else f"accepted {accepted} rows, its bronze objects hold {stored}"
        )
        yield compare("receipt", received, judged, feed=feed, interval=dt, table=table, is_ok=good, reason=reason)


def bronze(lake: Lake, log: duckdb.DuckDBPyConnection, *, deep: bool) -> Iterator[Row]:
    """Compare the rows of each effective Parquet object with its receipt."""
    query = f"select feed, dt, table_name, key, rows, sha256 from ({EFFECTIVE_FILE}) as f order by all"
    files = log.execute(query).fetchall()
    present = [key for _, _, _, key, _, _ in files if lake.store.head(key) is not None]
    counted = parquet_rows(lake, present)
    for feed, dt, table, key, rows, sha256 in files:
        found = counted.get(key)
        reason = None
        if found is None:
            reason = f"{key} is gone: `citylake reconform {feed}`"
        elif found != rows or (deep and _object_sha256(lake, key) != sha256):
            reason = f"{key} is not the object its receipt names: `citylake reconform {feed}`"
        yield compare("bronze", rows, found, feed=feed, interval=dt, table=table, reason=reason, is_ok=reason is None)


def merged(lake: Lake, *, deep: bool) -> Iterator[Row]:
    """Compare merged copies of bronze files with their records; a build may read them in place of the files
    they copy."""
    live = sorted(listed(lake).live)
    counted = parquet_rows(lake, live)
    for key in live:
        record = read(lake, key)
        found = counted.get(key)
        good = found == record.rows and not (deep and _object_sha256(lake, key) != record.sha256)
        yield compare(
            "bronze",
            record.rows,
            found,
            feed=f"{record.department}.{record.feed}",
            interval=record.period,
            table=record.table,
            reason=f"{key} is not the object its record names: delete it, builds then read its members",
            is_ok=good,
        )


def warehouse(lake: Lake, log: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    """Compare the files the build was made from with those effective now, then report its reconciliation checks."""
    report = last_report(lake.settings)
    effective: dict[str, dict[str, int]] = {}
    for feed, key, rows in log.execute(f"select feed, key, rows from ({EFFECTIVE_FILE}) as f").fetchall():
        effective.setdefault(feed, {})[key] = rows
    if report is None:
        if effective:
            total = sum(map(len, effective.values()))
            yield compare("warehouse", total, 0, reason="nothing was built yet: `citylake build`")
        return
    for feed in sorted(effective.keys() | report.inputs.keys()):
        now, built = effective.get(feed, {}), set(report.inputs.get(feed, []))
        yield compare(
            "warehouse",
            sum(now.values()),
            sum(rows for key, rows in now.items() if key in built),
            feed=feed,
            is_ok=set(now) == built,
            reason=f"{len(set(now) ^ built)} files differ between the build and what is effective: `citylake build`",
        )
    for check in report.checks:
        if check.check == "reconciliation":
            good = check.status in ("passed", "warned")
            failing = f"check {check.name}: {check.status}, {check.failures} failing"
            reason = f"{failing}: `citylake gate --explain {check.product}`"
            table = check.models[0] if check.models else None
            yield compare("warehouse", 0, check.failures, table=table, is_ok=good, reason=reason)


def parquet_rows(lake: Lake, present: list[str]) -> dict[str, int]:
    """Row counts by key, from Parquet footers; a file that cannot be read is absent. Raises StoreError."""
    urls = {lake.store.url(key): key for key in present}
    if not urls:
        return {}
    query = "select file_name, num_rows from parquet_file_metadata($urls)"
    with duckdb.connect() as connection, reading(lake.store, connection, "count rows of the store's files"):
        try:
            footers = connection.execute(query, {"urls": list(urls)}).fetchall()
        except duckdb.Error as error:
            # A store that does not answer has not lost the file.
            if lake.store.as_store_error("", error) is not None:
                raise
            footers = [row for url in urls for row in _footer(connection, query, url)]
    return {urls[url]: int(rows) for url, rows in footers}


def _footer(connection: duckdb.DuckDBPyConnection, query: str, url: str) -> list[tuple[str, int]]:
    """One file's name and row count; empty where it cannot be read. Used after reading all files at once has failed."""
    try:
        return connection.execute(query, {"urls": [url]}).fetchall()
    except duckdb.HTTPException:
        raise
    except duckdb.Error:
        return []


def _object_sha256(lake: Lake, key: str) -> str:
    with lake.scratch() as scratch:
        return sha256_of_file(lake.store.fetch(key, scratch / "object"))
