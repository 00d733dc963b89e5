"""The result of the last reconciliation, kept in the store for people who look at a page.

A reconciliation asks every source and reads the receipts of all time (seconds for days, more for years), so that no
page runs one. `citylake reconcile` and the maintenance DAG `reconcile` keep theirs. Owns the stored object only.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from ingestion import keys
from ingestion.errors import ObjectNotFound
from ingestion.values.document import Document
from warehouse.reconcile.run import Reconciliation, Row, Step

if TYPE_CHECKING:
    from ingestion.lake import Lake

LONGEST = 500
"""Rows that are off which are kept; the others are counted."""


class StepCount(Document):
    """How many comparisons a step made, and how many of them are off."""

    step: Step
    compared: int
    off: int


class LastReconciliation(Document):
    """The last reconciliation: when it ended (UTC), whether hashes were compared too, and the rows that are off, of
    which `left_out` more are not kept."""

    schema_version: Literal[1] = 1
    at: datetime
    deep: bool
    steps: list[StepCount]
    off: list[Row]
    left_out: int = 0

    @property
    def ok(self) -> bool:
        """Did every step agree?"""
        return not self.off


def keep(lake: Lake, reconciliation: Reconciliation, *, deep: bool) -> LastReconciliation:
    """Store a result in place of the one before. Raises StoreError."""
    compared = Counter(row.step for row in reconciliation.rows)
    off = Counter(row.step for row in reconciliation.off)
    last = LastReconciliation(
        at=lake.clock(),
        deep=deep,
        steps=[StepCount(step=step, compared=count, off=off[step]) for step, count in compared.items()],
        off=reconciliation.off[:LONGEST],
        left_out=max(0, len(reconciliation.off) - LONGEST),
    )
    lake.store.replace(keys.last_reconciliation(), last.model_dump_json(indent=1).encode())
    return last


def last(lake: Lake) -> LastReconciliation | None:
    """The result that is kept; None before the first. One object is read."""
    try:
        return LastReconciliation.model_validate_json(lake.store.get_bytes(keys.last_reconciliation()))
    except ObjectNotFound:
        return None
