"""The open edition's approval on the page: what waits, and the answer to Airflow's question in the caller's name.

The rules of an approval are `warehouse.actions.approval`'s, which judges the answer again in Airflow's task.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dags.today.access import Caller
    from ingestion.lake import Lake


@dataclass(frozen=True)
class Pending:
    """What waits for approval. `may_answer`: Airflow has asked, and the caller triggered nothing of it."""

    candidate: str
    products: list[str]
    triggered_by: list[str]
    asked_at: datetime
    run: str | None
    is_own: bool


def pending_of(lake: Lake, caller: Caller) -> Pending | None:
    """What waits for approval; None where nothing does."""
    return None
