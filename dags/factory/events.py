"""What the asset events of a run say beside that something is new: intervals, rows, batches, releases; never content.

Of bounded size, for Airflow's pages; runs read their work from receipts (dags.factory.assets). File names are left out,
since a department may put a person's name into one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ingestion.receipts.model import rows_taken_in

if TYPE_CHECKING:
    from ingestion.delivery.outcome import Delivery
    from ingestion.lake import Lake
    from warehouse.publish.run import Published

MOST = 20
"""So many batches are named; the rest are counted."""
TRIGGERED_BY = "triggered_by"
"""Of an event: the accounts of the people behind the run, where there are any."""


def people_behind(context: Any) -> tuple[str, ...]:
    """The people behind a run: who triggered it, and who was behind the runs whose asset events did."""
    named = {context["dag_run"].triggering_user_name}
    for events in context["triggering_asset_events"].values():
        named |= {name for event in events for name in (event.extra or {}).get(TRIGGERED_BY, ())}
    return tuple(sorted(name for name in named if name))


def of_run(context: Any, deliveries: Sequence[Delivery]) -> dict[str, Any]:
    """The event of a run that took deliveries in: `of_deliveries`, and the people behind it."""
    people = people_behind(context)
    return {**of_deliveries(deliveries), **({TRIGGERED_BY: list(people)} if people else {})}


def of_deliveries(deliveries: Sequence[Delivery]) -> dict[str, Any]:
    """The event of a feed: the span of its intervals (UTC), rows, batches, and deliveries by outcome."""
    intervals = sorted({(one.interval.start, one.interval.end) for one in deliveries})
    batches = [one.batch for one in deliveries]
    return {
        "interval": f"{intervals[0][0].isoformat()}/{max(end for _, end in intervals).isoformat()}"
        if intervals
        else None,
        "intervals": len(intervals),
        "rows": all_rows_taken_in(deliveries),
        "refused_rows": sum(one.quarantined for one in deliveries),
        "outcome": dict(sorted(Counter(one.outcome for one in deliveries).items())),
        "batch": batches[:MOST],
        "batches": len(batches),
    }


def all_rows_taken_in(deliveries: Sequence[Delivery]) -> int:
    """How many rows came in with these deliveries."""
    return sum(rows_taken_in(one.outcome, one.accepted) for one in deliveries)


def of_products(lake: Lake, published: Iterable[Published]) -> dict[str, dict[str, Any]]:
    """The event of each product that this run released: release, editions, verdict, content date, rows of its tables.

    Rows are those of the first edition that has the product, which is the internal one where it was released there; of
    a restricted edition none are counted here.
    """
    from warehouse.release import pointer
    from warehouse.release.editions import is_restricted

    events: dict[str, dict[str, Any]] = {}
    for result in published:
        manifest = pointer.current(lake, result.edition) if result.fresh else None
        for name in result.fresh:
            entry = manifest.entry(name) if manifest else None
            if manifest is None or entry is None or manifest.id != result.release:
                continue  # another publisher was faster; its run says so
            event = events.setdefault(
                name,
                {
                    "release": manifest.id,
                    "edition": [],
                    "verdict": entry.decision,
                    "content_date": entry.as_of.isoformat(),
                    "rows": None
                    if is_restricted(result.edition)
                    else sum(manifest.tables[table].rows for table in entry.tables),
                },
            )
            event["edition"].append(result.edition)
    return events
