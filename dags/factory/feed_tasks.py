"""The tasks of a feed's DAG, run in a worker.

They keep no state in Airflow: a rerun reads from the store what is left.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dags.factory.assets import bronze
from dags.factory.events import of_run
from dags.factory.failures import notify_deliveries, resolve_incident
from dags.factory.notes import deliveries_note, leave_note, unread_note
from dags.factory.runtime import feed_days, folded, for_operators, log, nothing_new, open_lake, runbook_at
from ingestion.delivery.ingest import Waiting
from ingestion.delivery.outcome import Delivery, open_reason
from ingestion.intervals import Interval
from warehouse.capture import Extracted, conform_days, extract_days

ATTENTION = ("refused", "held")


def extract(feed: str) -> dict[str, Any]:
    """Land every new file of the run's days.

    Returns a JSON value for `conform`: `waiting`, the batches to conform (see `_dump`), and `awaited`, the number of
    intervals of the days that have no file yet.
    """
    with for_operators():
        lake = open_lake()
        first, last = feed_days(lake, feed)
        extracted = Extracted()
        log.info("%s: files of %s to %s and the recapture before", feed, first, last)
        try:
            extract_days(lake, lake.contract(feed), first, last, extracted)
        finally:
            log.info(
                "%d landed, %d settled already, %d known, %d intervals still awaited",
                len(extracted.waiting),
                len(extracted.deliveries),
                extracted.known,
                extracted.awaited,
            )
        resolve_incident(lake, feed, "extract")
    return {"waiting": [_dump(batch) for batch in extracted.waiting], "awaited": extracted.awaited}


def conform(feed: str, extracted: dict[str, Any] | None) -> bool:
    """Conform and commit what landed; True where the steward or the operator must act.

    `extracted` is the result of `extract`, None where it failed. Raises AirflowSkipException where nothing is new, so
    that no asset event triggers the warehouse.
    """
    deliveries: list[Delivery] = []
    context = get_current_context()
    with for_operators():
        lake = open_lake()
        first, last = feed_days(lake, feed)
        landed = [_load(batch) for batch in (extracted or {"waiting": []})["waiting"]]
        try:
            for delivery in conform_days(lake, lake.contract(feed), first, last, landed):
                log.info(describe(delivery))
                deliveries.append(delivery)
        finally:
            _leave_note(deliveries, is_source_read=extracted is not None)
            notify_deliveries(lake, deliveries, is_source_read=extracted is not None)
        resolve_incident(lake, feed, "conform")
    if extracted is not None and not deliveries:
        with for_operators():
            message = nothing_new(lake, feed, first, last, extracted.get("awaited", 0))
        context["ti"].xcom_push(key="nothing_new", value=message)
        leave_note(message)
        raise AirflowSkipException(message)
    context["outlet_events"][bronze(lake.contract(feed))].extra = of_run(context, deliveries)
    refused = [describe(delivery) for delivery in deliveries if delivery.outcome in ATTENTION]
    context["ti"].xcom_push(key="attention", value=refused)
    return extracted is None or bool(refused)


def needs_attention(feed: str) -> None:
    """Fail with what the steward or the operator has to do."""
    refused = get_current_context()["ti"].xcom_pull(task_ids="conform", key="attention") or []
    if not refused:
        raise AirflowFailException(
            f"{feed}: the source could not be read; the log of `extract` says why.\n"
            "  left:  what landed before was conformed; the last release stays\n"
            f"  next:  {runbook_at('source-unreachable')}, then clear this run"
        )
    raise AirflowFailException(
        "\n".join(
            [
                f"{feed}: the steward is needed for {len(refused)} of the deliveries; the others were taken in",
                *(wrapped for line in refused for wrapped in folded(line)),
                "  left:  the bytes are kept in raw; refused rows lie in quarantine; the last release stays",
                f"  next:  citylake quarantine {feed}; then {runbook_at('refused-delivery')}",
            ]
        )
    )


def _leave_note(deliveries: list[Delivery], *, is_source_read: bool) -> None:
    parts = [] if is_source_read else [unread_note()]
    parts += [deliveries_note(deliveries)] if deliveries else []
    if parts:
        leave_note("\n\n".join(parts))


def describe(delivery: Delivery) -> str:
    """One delivery in one line, for the log and XCom; as every Airflow account can read these, it quotes no content."""
    counts = f"received {delivery.received}, accepted {delivery.accepted}, refused rows {delivery.quarantined}"
    reason = open_reason(delivery.feed, delivery.rule, delivery.message)
    return f"{delivery.outcome} {delivery.filename} {delivery.interval} ({counts}){f': {reason}' if reason else ''}"


def _dump(batch: Waiting) -> dict[str, str]:
    return {
        "start": batch.interval.start.isoformat(),
        "end": batch.interval.end.isoformat(),
        "batch": batch.batch,
        "as_of": batch.as_of.isoformat(),
    }


def _load(saved: dict[str, str]) -> Waiting:
    moments = {name: datetime.fromisoformat(saved[name]) for name in ("start", "end", "as_of")}
    return Waiting(Interval(moments["start"], moments["end"]), saved["batch"], moments["as_of"])
