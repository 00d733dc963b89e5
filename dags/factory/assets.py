"""Airflow assets: doorbells. Who is rung reads its work from receipts, so a lost or doubled ring does no harm."""

from __future__ import annotations

from airflow.sdk import Asset

from ingestion.contract.model import Contract


def bronze(contract: Contract) -> Asset:
    """Rung when a feed has something new in bronze."""
    return Asset(
        name=contract.name, uri=f"citylake://bronze/{contract.department}/{contract.feed}", group=contract.department
    )


def release() -> Asset:
    """Rung when a run published, for dashboards and pages."""
    return Asset(name="release", uri="citylake://published", group="warehouse")
