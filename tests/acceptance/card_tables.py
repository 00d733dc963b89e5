"""The models made of notifiable disease cards as tables of a connection: staging is given, the rest follows."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import duckdb

from ingestion.contract.load import load_contract
from ingestion.contract.model import Contract
from ingestion.settings import Settings
from tests.support.model_tables import ModelTables

CARDS = "stg_wjj__notifiable_disease_cards"


@cache
def card_contract() -> Contract:
    """The contract of the cards."""
    return load_contract(Settings().contracts / "wjj" / "notifiable_disease_card.yaml")


def card_tables(connection: duckdb.DuckDBPyConnection, as_of: str, project: Path | None = None) -> ModelTables:
    """Empty tables as of a day; of the shipped project, or an edited copy of it."""
    contract = card_contract()
    return ModelTables(connection, project or Settings().dbt_project, {contract.name: contract}, as_of)
