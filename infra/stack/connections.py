"""Which connections the active feeds need, and what is in force for each: Airflow's, or a variable of this environment.

Airflow's list of connections shows only its own, so nobody sees there what is missing. Nothing of a connection but its
name is read here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from dags.factory.doc import connection_kind
from ingestion.contract.model import Contract
from ingestion.settings import Settings
from warehouse.title import Title

InForce = Literal["airflow", "environment", "missing", "unknown"]
"""`unknown`: Airflow was not asked, and no variable is set."""


@dataclass(frozen=True)
class Needed:
    """A connection that feeds name. `variable` is the environment variable that may hold it."""

    name: str
    kind: Title
    feeds: list[str]
    variable: str
    in_force: InForce


def needed(contracts: Iterable[Contract], settings: Settings, in_airflow: Collection[str] | None) -> list[Needed]:
    """Every connection, by name. `in_airflow` are the ids of Airflow's connections, None where it cannot be asked."""
    feeds: dict[str, list[str]] = {}
    kinds: dict[str, Title] = {}
    for contract in contracts:
        kind = connection_kind(contract)
        if kind is not None:
            name = str(getattr(contract.citylake.source, "connection", ""))
            feeds.setdefault(name, []).append(contract.name)
            kinds[name] = kind
    return [
        Needed(
            name,
            kinds[name],
            sorted(feeds[name]),
            f"CITYLAKE_CONN_{name.upper()}",
            _in_force(name, settings, in_airflow),
        )
        for name in sorted(feeds)
    ]


def _in_force(name: str, settings: Settings, in_airflow: Collection[str] | None) -> InForce:
    """As a task decides (dags.factory.runtime.connection): Airflow's own first."""
    if in_airflow is not None and name in in_airflow:
        return "airflow"
    if settings.connection(name) is not None:
        return "environment"
    return "missing" if in_airflow is not None else "unknown"
