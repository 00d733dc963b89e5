"""The tasks of the maintenance DAGs, run in a worker: one function for each operation."""

from __future__ import annotations

from collections.abc import Callable

from dags.factory.failures import notify, resolve_incident
from dags.factory.runtime import for_operators, log, open_lake
from ingestion.lake import Lake


def incidents(lake: Lake) -> None:
    """Sweep incidents: bring them in line with receipts and verdicts, and send notices."""
    notify(lake)


def compaction(lake: Lake) -> None:
    """Merge small settled bronze files."""
    from warehouse.maintenance import compact

    compacted = compact(lake)
    for feed, result in compacted.items():
        log.info("%s: %d merged, %d left", feed, len(result.merged), len(result.left))
    if not any(result.merged for result in compacted.values()):
        log.info("nothing to merge")


def retention(lake: Lake) -> None:
    """Delete raw bytes and refused rows past the retention of their contract."""
    from warehouse.maintenance import expire

    _log_objects(expire(lake).keys)


def unpublish(lake: Lake) -> None:
    """Take records whose last day is over out of the open edition."""
    from warehouse.maintenance import unpublish

    for left in unpublish(lake):
        log.info("%s left; current: %s", left, left.release)
        if left.without_build:
            log.warning("by their own dates alone, without the last build: %s", left.without_build)


def orphans(lake: Lake) -> None:
    """Delete objects that no receipt and no release names."""
    from warehouse.maintenance import collect

    removed = collect(lake)
    _log_objects(removed.keys)
    log.info("%d pieces of residue", removed.residue)


def reconcile(lake: Lake) -> None:
    """Compare every stage with the one before; the result is kept for the page, and what is off is logged."""
    from warehouse.reconcile.last import keep
    from warehouse.reconcile.run import reconcile as compare

    kept = keep(lake, compare(lake), deep=False)
    for step in kept.steps:
        log.info("%s: %d compared, %d off", step.step, step.compared, step.off)
    for row in kept.off:
        log.warning("off: %s %s %s %s: %s", row.step, row.feed, row.interval, row.table, row.reason)


def docs(lake: Lake) -> None:
    """Write dbt's documentation and the runbooks where the pages are served.

    dbt's not where models and released tables are unchanged since.
    """
    from warehouse.build.dbt_runner import freeing_dbt
    from warehouse.build.report import last_report
    from warehouse.docs import write_docs
    from warehouse.release import pointer
    from warehouse.runbooks import write_runbooks

    write_runbooks(lake.settings.pages_root)
    report, release = last_report(lake.settings), pointer.current(lake, "internal")
    content = f"{report.project_digest if report else ''} {' '.join(sorted(release.tables)) if release else ''}"
    folder = lake.settings.pages_root / "dbt"
    written_from = folder / "written-from.txt"
    if written_from.is_file() and written_from.read_text(encoding="utf-8") == content:
        log.info("%s shows these models and tables already", folder)
        return
    with freeing_dbt():
        log.info("wrote %s", write_docs(lake, folder, progress=log.info))
    written_from.write_text(content, encoding="utf-8")


OPERATIONS: dict[str, Callable[[Lake], None]] = {
    operation.__name__: operation
    for operation in (incidents, unpublish, compaction, retention, orphans, reconcile, docs)
}


def run(operation: str) -> None:
    """Run one operation of OPERATIONS on the lake of this environment's settings."""
    with for_operators():
        lake = open_lake()
        OPERATIONS[operation](lake)
        resolve_incident(lake, f"maintenance.{operation}", operation)


def _log_objects(objects: dict[str, list[str]]) -> None:
    if not any(objects.values()):
        log.info("nothing to remove")
    for where, keys in objects.items():
        log.info("%s: %d objects removed", where, len(keys))
