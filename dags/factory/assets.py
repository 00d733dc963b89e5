"""The Airflow assets whose events trigger other DAGs.

An event only triggers a run and carries no data: the run reads its work from receipts, so a lost or repeated event does
no harm (ADR 0014).
"""

from __future__ import annotations

from airflow.sdk import Asset

from ingestion.contract.model import Contract


def bronze(contract: Contract) -> Asset:
    """The asset of a feed; it gets an event when the feed has something new in bronze."""
    return Asset(
        name=contract.name, uri=f"citylake://bronze/{contract.department}/{contract.feed}", group=contract.department
    )


def history() -> Asset:
    """The asset of history loads; it gets an event when a run of the DAG `history` took something in."""
    return Asset(name="history", uri="citylake://history", group="warehouse")


def release() -> Asset:
    """The asset of the releases; it gets an event when a run published, for dashboards and pages."""
    return Asset(name="release", uri="citylake://published", group="warehouse")
