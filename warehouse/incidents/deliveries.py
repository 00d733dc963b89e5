"""Open and end the incidents of a feed right after it was ingested, instead of at the next sweep.

`report_feed` is about reading the source and the lake itself, `report_deliveries` about the deliveries.
"""

from __future__ import annotations

from collections.abc import Iterable

from ingestion.delivery.outcome import Delivery
from ingestion.errors import CitylakeError, SourceError
from ingestion.lake import Lake
from warehouse.incidents.conditions import held_message
from warehouse.incidents.model import Kind, kind_of
from warehouse.incidents.report import IncidentChange, report, report_error, resolve

_RESOLVED_KINDS: tuple[Kind, ...] = ("delivery_refused", "delivery_failed", "delivery_held", "delivery_late")
_COUNTS = ("accepted", "no_data", "unchanged")


def report_feed(lake: Lake, feed: str, error: CitylakeError | None) -> None:
    """Open, or count again, the incident of the error that ended a feed's ingest; None resolves earlier ones.

    A SourceError opens `source_unreachable`, any other error `task_failed`. Raises as warehouse.incidents.report.
    """
    opened: Kind | None = None
    if error is not None:
        opened = "source_unreachable" if isinstance(error, SourceError) else "task_failed"
        report_error(lake, opened, feed, error, occurrence=f"ingest {lake.clock().isoformat()}")
    kinds: tuple[Kind, ...] = ("source_unreachable", "task_failed")
    for kind in kinds:
        if kind != opened:
            resolve(lake, kind, feed, "the feed was taken in again")


def report_deliveries(
    lake: Lake, deliveries: Iterable[Delivery], *, is_source_read: bool = True
) -> list[IncidentChange]:
    """Open incidents for refused and held deliveries; an accepted one resolves those of its interval.

    `is_source_read` says that everything the source has could be read; an incident `source_unreachable` of the feed is
    then resolved too. Raises as warehouse.incidents.report.report.
    """
    changes: list[IncidentChange] = []
    for delivery in deliveries:
        if is_source_read:
            changes += resolve(lake, "source_unreachable", delivery.feed, "the source was read again")
        kind = kind_of(delivery.outcome, delivery.rule)
        if kind is not None:
            counts = f"rule {delivery.rule}; {delivery.quarantined} of {delivery.received} rows refused"
            message = held_message(delivery.message) if kind == "delivery_held" else counts
            changes.append(
                report(lake, kind, delivery.feed, message, interval=delivery.interval, occurrence=delivery.receipt)
            )
        elif delivery.outcome in _COUNTS:
            for ended in _RESOLVED_KINDS:
                changes += resolve(
                    lake, ended, delivery.feed, "a delivery that counts has arrived", interval=delivery.interval
                )
    return changes
