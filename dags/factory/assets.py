"""The Airflow assets whose events trigger other DAGs.

An event only triggers a run: the run reads its work from receipts, so a lost or repeated event does no harm (ADR 0014).
What an event says beside (dags.factory.events) is for people who look at Airflow's pages; nothing acts on it.
"""

from __future__ import annotations

from typing import Any

import yaml
from airflow.sdk import Asset, AssetAlias

from dags.factory.words import both
from ingestion.contract.model import Contract
from ingestion.settings import Settings
from warehouse.status import titles
from warehouse.title import Title


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


def product(name: str, title: Title | None = None) -> Asset:
    """The asset of a data product; it gets an event when a run released newer tables of it. Airflow shows the title."""
    extra: dict[str, Any] = {"title": both(title)} if title else {}
    return Asset(name=name, uri=f"citylake://product/{name}", group="product", extra=extra)


def released() -> AssetAlias:
    """What `publish` names as its outlet for products: only those it released get an event, under their own names."""
    return AssetAlias(name="released", group="product")


def products(settings: Settings) -> dict[str, Title]:
    """The data products with their titles: the groups that the dbt project declares, in its order.

    Empty where the declaration cannot be read, which no DAG may fail for; the next build says what is wrong with it.
    """
    try:
        return titles.products(settings.dbt_project)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError):
        return {}
