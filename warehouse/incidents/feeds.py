"""A feed's turn in a run as an incident: its source could not be read, or the lake failed on it.

Over as soon as a turn went well. What its deliveries came to is warehouse.incidents.deliveries'.
"""

from __future__ import annotations

from ingestion.errors import CitylakeError, SourceError
from ingestion.lake import Lake
from warehouse.incidents.model import Kind
from warehouse.incidents.report import report_error, resolve


def report_feed(lake: Lake, feed: str, error: CitylakeError | None) -> None:
    """Open (or count) what `error` is; None ends what earlier turns of the feed opened.

    Raises as warehouse.incidents.report.report.
    """
    found: Kind | None = None
    if error is not None:
        found = "source_unreachable" if isinstance(error, SourceError) else "task_failed"
        occurrence = f"ingest {lake.clock().isoformat()}"
        report_error(lake, found, feed, error, occurrence=occurrence)
    ended: tuple[Kind, ...] = ("source_unreachable", "task_failed")
    for kind in ended:
        if kind != found:
            resolve(lake, kind, feed, "the feed was taken in again")
