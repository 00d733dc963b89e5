"""Run every step of reconciliation: do the counts agree from the department's files to the release?

The steps are source → raw → receipt → bronze → warehouse → release. Each row of the result compares two numbers of one
step for one feed, interval and table; a row that is off says what to do. Nothing is repaired. `deep` also compares the
hash of every object (source files, raw, bronze, released), which reads the whole lake.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from ingestion.values.document import Document
from warehouse.reconcile.release import release
from warehouse.reconcile.steps import Row, Step, bronze, merged, raw, receipts, source, warehouse

if TYPE_CHECKING:
    from ingestion.lake import Lake

__all__ = ["Reconciliation", "Row", "Step", "reconcile"]


class Reconciliation(Document):
    """All rows, step by step. An empty lake has no rows and is ok."""

    rows: list[Row]

    @property
    def ok(self) -> bool:
        """Does every step agree?"""
        return all(row.status == "ok" for row in self.rows)

    @property
    def off(self) -> list[Row]:
        """The rows whose numbers differ."""
        return [row for row in self.rows if row.status == "off"]


def reconcile(lake: Lake, *, deep: bool = False) -> Reconciliation:
    """Compare every step. A build may run meanwhile, because only the report of the last one is read.

    Raises IntegrityError for a broken ledger or manifest.
    """
    lake.log.refresh()
    with closing(lake.log.connect()) as log:
        rows = [
            *source(lake, log, deep=deep),
            *raw(lake, log, deep=deep),
            *receipts(log),
            *bronze(lake, log, deep=deep),
            *merged(lake, deep=deep),
            *warehouse(lake, log),
        ]
    return Reconciliation(rows=[*rows, *release(lake, deep=deep)])
