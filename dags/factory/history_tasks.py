"""The tasks of the DAG `history`, run in a worker."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dags.factory.assets import history
from dags.factory.events import of_run
from dags.factory.failures import notify_deliveries
from dags.factory.feed_tasks import ATTENTION, describe
from dags.factory.notes import deliveries_note, leave_note
from dags.factory.runtime import folded, for_operators, log, open_lake, parameter, runbook_at
from ingestion.delivery.outcome import Delivery
from ingestion.errors import ConfigurationError
from ingestion.lake import Lake


def load() -> bool:
    """Load the files that the run names; True where the steward or the operator must act.

    Raises AirflowSkipException where nothing was loaded, so that no asset event triggers the warehouse.
    """
    from ingestion.delivery.load import load, plan, sort_files, span

    deliveries: list[Delivery] = []
    with for_operators():
        lake = open_lake()
        contract = lake.contract(str(parameter("feed")))
        first, last = (date.fromisoformat(text) if (text := parameter(name)) else None for name in ("from", "to"))
        paths = files(lake, str(parameter("files")))
        found = sort_files(contract, paths, all_bulk=first is not None or last is not None)
        of = span(lake, contract, first, last) if found.bulk else None
        log.info(
            "%s: %d files named by interval, %d bulk files of %s", contract.name, len(found.named), len(found.bulk), of
        )
        if parameter("dry_run"):
            planned = [plan(lake, contract, path, of) for path in found.bulk if of is not None]
            log.info("\n".join(str(one) for one in planned))
            raise AirflowSkipException("a dry run: nothing was stored")
        try:
            for delivery in load(lake, contract, found, of):
                log.info(describe(delivery))
                deliveries.append(delivery)
        finally:
            if deliveries:
                leave_note(f"{contract.name}\n\n{deliveries_note(deliveries)}")
            notify_deliveries(lake, deliveries, is_source_read=True)
    attention = [describe(delivery) for delivery in deliveries if delivery.outcome in ATTENTION]
    get_current_context()["ti"].xcom_push(key="attention", value=attention)
    if not attention and all(delivery.outcome == "duplicate" for delivery in deliveries):
        raise AirflowSkipException(f"nothing new in {len(deliveries)} files")
    context = get_current_context()
    context["outlet_events"][history()].extra = {"feed": contract.name, **of_run(context, deliveries)}
    return bool(attention)


def needs_attention() -> None:
    """Fail with what the steward or the operator has to do."""
    attention = get_current_context()["ti"].xcom_pull(task_ids="load", key="attention") or []
    raise AirflowFailException(
        "\n".join(
            [
                f"{len(attention)} files were refused or are held; the others were taken in",
                *(wrapped for line in attention for wrapped in folded(line)),
                "  left:  the bytes are kept in raw; refused rows lie in quarantine; the last release stays",
                f"  next:  citylake quarantine FEED, citylake held; then {runbook_at('refused-delivery')}",
            ]
        )
    )


def files(lake: Lake, pattern: str) -> list[Path]:
    """The files below the drop folder that match, in order. Raises ConfigurationError where there is none."""
    root = lake.settings.drop_root
    inside = not pattern.startswith("/") and ".." not in Path(pattern).parts
    found = sorted(path for path in root.glob(pattern) if path.is_file()) if inside and pattern else []
    found = [path for path in found if path.resolve().is_relative_to(root.resolve()) and not path.name.startswith(".")]
    if not found:
        raise ConfigurationError(
            f"no file below the drop folder matches {pattern!r}",
            left="nothing was loaded",
            next_step="put the files there, then trigger the run with their pattern, such as history/jtj/*.csv",
        )
    return found
