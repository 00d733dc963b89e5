"""Find the days of a fact table whose rows may differ from a baseline release; the others are not read.

These are the days in bronze files that are effective now and were not for the baseline, or the reverse, and the days
the build says it rebuilt.
"""

from __future__ import annotations

import duckdb

from warehouse.build.report import BuildReport, ModelBuilt
from warehouse.release.baseline import Baseline
from warehouse.release.manifest import ProductEntry, TableEntry

_DAYS = """
with changed as (select unnest($keys::varchar[]) as key)
select
    list(distinct strftime(d.day, '%Y-%m-%d')) filter (d.day is not null) as days,
    count(*) filter (f.key is null) as unknown
from changed
left join (select distinct key from bronze_file) as f on changed.key = f.key
left join bronze_day as d on changed.key = d.key
"""


def candidate_days(
    log: duckdb.DuckDBPyConnection,
    report: BuildReport,
    model: ModelBuilt,
    columns: dict[str, str],
    baseline: Baseline,
) -> set[str] | None:
    """ISO days to read, or None for all of them.

    Changed files without event days (snapshots) leave a fact's other days alone, because an
    incremental fact is rebuilt day by day; where nothing else names a day, all are read.
    """
    table, product = baseline.table(model), baseline.entry(model)
    if table is None or product is None or not _comparable(report, model, columns, table, product):
        return None
    changed = {key for feed in model.feeds for key in product.bronze(feed) ^ set(report.inputs.get(feed, []))}
    listed = {day for feed in model.feeds for day in report.affected.get(feed, [])}
    if not changed:
        return listed
    if model.materialized != "incremental":
        return None
    days, unknown = log.execute(_DAYS, {"keys": sorted(changed)}).fetchone() or (None, 1)
    candidates = listed | set(days or [])
    return None if unknown or not candidates else candidates


def _comparable(
    report: BuildReport, model: ModelBuilt, columns: dict[str, str], table: TableEntry, product: ProductEntry
) -> bool:
    """Were baseline and build made by the same code, with the same columns and feeds, and not by a full refresh?"""
    same_code = table.identity == model.identity if model.identity else product.project_digest == report.project_digest
    return (
        not report.full_refresh
        and same_code
        and table.day_column == model.day_column
        and table.columns == columns
        and set(table.feeds) == set(model.feeds)
    )
