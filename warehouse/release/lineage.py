"""The deliveries that each product of a build was made from: batch, receipt, raw object with sha256, bronze keys.

Also owns the comparison with those of the current release, which may have been built on another host.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import duckdb

from ingestion.errors import IntegrityError
from warehouse import effective
from warehouse.build.report import BuildReport
from warehouse.release.manifest import Manifest, SourceBatch

Inputs = dict[str, list[SourceBatch]]

_DELIVERIES = """
select wanted.feed, r.batch, r.key, r.raw_key, r.raw_sha256, list(f.key order by f.key)
from (select distinct unnest($feeds::varchar[]) as feed, unnest($keys::varchar[]) as key) as wanted
inner join (select distinct key, receipt_key from bronze_file) as f on wanted.key = f.key
inner join receipt as r on f.receipt_key = r.key
group by wanted.feed, r.batch, r.key, r.raw_key, r.raw_sha256
order by r.key
"""


def lineage(log: duckdb.DuckDBPyConnection, report: BuildReport) -> dict[str, Inputs]:
    """Product to feed to the deliveries behind it. Raises IntegrityError for a file no receipt names."""
    by_feed = _batches(log, report.inputs)
    products: dict[str, set[str]] = {}
    for model in report.models:
        if model.product:
            products.setdefault(model.product, set()).update(model.feeds)
    return {
        product: {feed: by_feed.get(feed, []) for feed in sorted(feeds)} for product, feeds in sorted(products.items())
    }


def require_no_older(log: duckdb.DuckDBPyConnection, report: BuildReport, current: Manifest | None) -> None:
    """Raise IntegrityError where the current release has deliveries that count and that this build has not.

    Such a build was made on another host before they came, or since then a steward's decision made them count again:
    released, it would take rows from readers. `log` is a connection of ReceiptLog.connect.
    """
    built = {key for keys in report.inputs.values() for key in keys}
    entries = current.products.values() if current else ()
    released = {key for entry in entries for batches in entry.inputs.values() for one in batches for key in one.bronze}
    effective.create_views(log)
    query = "select feed, key from effective_file where list_contains($keys, key) order by key"
    left_out = log.execute(query, {"keys": sorted(released - built)}).fetchall() if released - built else []
    if left_out and current is not None:
        raise IntegrityError(
            f"build {report.build_id} lacks {len(left_out)} files that release {current.id} has and that count, first "
            f"{left_out[0][1]}",
            feed=left_out[0][0],
            left="nothing was released; the current release stays",
            next_step="citylake build, then citylake publish, on the host that builds (docs/runbooks/many-hosts.md)",
        )


def _batches(log: duckdb.DuckDBPyConnection, inputs: Mapping[str, Collection[str]]) -> Inputs:
    """Feed to the deliveries behind its bronze keys, by receipt."""
    pairs = [(feed, key) for feed, keys in inputs.items() for key in keys]
    rows = log.execute(
        _DELIVERIES, {"feeds": [feed for feed, _ in pairs], "keys": [key for _, key in pairs]}
    ).fetchall()
    names = ("batch", "receipt", "raw_key", "raw_sha256", "bronze")
    batches: Inputs = {feed: [] for feed in inputs}
    for feed, *row in rows:
        batches[feed].append(SourceBatch(**dict(zip(names, row, strict=True))))
    for feed, keys in inputs.items():
        missing = set(keys) - {key for batch in batches[feed] for key in batch.bronze}
        if missing:
            raise IntegrityError(
                f"{len(missing)} bronze files of the build have no receipt, first {min(missing)}",
                feed=feed,
                left="nothing was released",
                next_step="citylake build",
            )
    return batches
