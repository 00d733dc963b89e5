"""Deliveries as a task has them in hand, told at once instead of at the next sweep."""

from __future__ import annotations

from collections.abc import Iterable

from ingestion.delivery.outcome import Delivery
from ingestion.lake import Lake
from warehouse.incidents.conditions import waits
from warehouse.incidents.model import Kind, kind_of
from warehouse.incidents.report import Done, report, resolve

_ENDED: tuple[Kind, ...] = ("delivery_refused", "delivery_failed", "delivery_held", "delivery_late")
_COUNTS = ("accepted", "no_data", "unchanged")


def report_deliveries(lake: Lake, deliveries: Iterable[Delivery], *, is_source_read: bool = True) -> list[Done]:
    """Refused and held ones open incidents; those that count end what waited for their interval.

    `is_source_read` says that all the source has could be read: an incident `source_unreachable` of the feed ends too.
    Where some of it could not, these deliveries are the others, and the incident that names it stays open.
    Raises as warehouse.incidents.report.
    """
    done: list[Done] = []
    for delivery in deliveries:
        if is_source_read:
            done += resolve(lake, "source_unreachable", delivery.feed, "the source was read again")
        kind = kind_of(delivery.outcome, delivery.rule)
        if kind is not None:
            counts = f"rule {delivery.rule}; {delivery.quarantined} of {delivery.received} rows refused"
            message = waits(delivery.message) if kind == "delivery_held" else counts
            done.append(
                report(lake, kind, delivery.feed, message, interval=delivery.interval, occurrence=delivery.receipt)
            )
        elif delivery.outcome in _COUNTS:
            for ended in _ENDED:
                done += resolve(
                    lake, ended, delivery.feed, "a delivery that counts has arrived", interval=delivery.interval
                )
    return done
