"""The tasks of the maintenance DAGs, run in a worker."""

from __future__ import annotations

from collections.abc import Callable

from dags.factory.failures import notify, resolve_incident
from dags.factory.runtime import for_operators, log, open_lake
from ingestion.lake import Lake


def incidents(lake: Lake) -> None:
    """Bring incidents in line with receipts and verdicts."""
    notify(lake)


def compaction(lake: Lake) -> None:
    """Merge small settled bronze files."""
    from warehouse.maintenance import compact

    found = compact(lake)
    for feed, done in found.items():
        log.info("%s: %d merged, %d left", feed, len(done.merged), len(done.left))
    if not any(done.merged for done in found.values()):
        log.info("nothing to merge")


def retention(lake: Lake) -> None:
    """Remove what is past its retention."""
    from warehouse.maintenance import expire

    _log_objects(expire(lake).keys)


def orphans(lake: Lake) -> None:
    """Remove what nothing names."""
    from warehouse.maintenance import collect

    removed = collect(lake)
    _log_objects(removed.keys)
    log.info("%d pieces of residue", removed.residue)


def docs(lake: Lake) -> None:
    """Write dbt's page where the pages are served, unless models and released tables are those it was written from."""
    from warehouse.build.dbt_runner import freeing_dbt
    from warehouse.build.runner import last_report
    from warehouse.docs import write_docs
    from warehouse.release import pointer

    report, release = last_report(lake.settings), pointer.current(lake, "internal")
    shows = f"{report.project_digest if report else ''} {' '.join(sorted(release.tables)) if release else ''}"
    folder = lake.settings.pages_root / "dbt"
    written_from = folder / "written-from.txt"
    if written_from.is_file() and written_from.read_text(encoding="utf-8") == shows:
        log.info("%s shows these models and tables already", folder)
        return
    with freeing_dbt():
        log.info("wrote %s", write_docs(lake, folder, progress=log.info))
    written_from.write_text(shows, encoding="utf-8")


OPERATIONS: dict[str, Callable[[Lake], None]] = {
    one.__name__: one for one in (incidents, compaction, retention, orphans, docs)
}


def run(operation: str) -> None:
    """One operation on the lake of this environment."""
    with for_operators():
        lake = open_lake()
        OPERATIONS[operation](lake)
        resolve_incident(lake, f"maintenance.{operation}", operation)


def _log_objects(objects: dict[str, list[str]]) -> None:
    if not any(objects.values()):
        log.info("nothing to remove")
    for where, keys in objects.items():
        log.info("%s: %d objects removed", where, len(keys))
