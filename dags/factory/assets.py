"""The Airflow assets whose events trigger other DAGs.

An event only triggers a run: the run reads its work from receipts, so a lost or repeated event does no harm (ADR 0014).
What an event says beside (dags.factory.events) is for people who look at Airflow's pages; nothing acts on it.
"""

from __future__ import annotations

from airflow.sdk import Asset, AssetAlias

from ingestion.contract.model import Contract
from ingestion.contract.problem import InvalidContract
from ingestion.contract.yaml_text import read_yaml
from ingestion.settings import Settings


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


def product(name: str) -> Asset:
    """The asset of a data product; it gets an event when a run released newer tables of it."""
    return Asset(name=name, uri=f"citylake://product/{name}", group="product")


def released() -> AssetAlias:
    """What `publish` names as its outlet for products: only those it released get an event, under their own names."""
    return AssetAlias(name="released", group="product")


def products(settings: Settings) -> list[str]:
    """The names of the data products: the groups that the dbt project declares, in its order.

    Empty where the declaration cannot be read; the next build says what is wrong with it.
    """
    try:
        raw, _ = read_yaml(settings.dbt_project / "models" / "_groups.yml")
    except (InvalidContract, OSError):
        return []
    groups = raw.get("groups") if isinstance(raw, dict) else None
    return [str(group["name"]) for group in groups or [] if isinstance(group, dict) and "name" in group]
