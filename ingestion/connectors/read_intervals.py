"""Which intervals of a database feed were taken in already, by the receipts.

A refused one is read again, and so is every one after the contract was revised.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property

from ingestion.contract.model import Contract
from ingestion.intervals import Interval
from ingestion.lake import Lake

_TAKEN_IN = """
select interval_start, arg_max(batch, (committed_at, key)) as batch
from (
    select interval_start, batch, committed_at, key, outcome, revision from receipt
    where department = $department and feed = $feed
)
group by interval_start
having arg_max(outcome <> 'refused' and revision = $revision, (committed_at, key))
"""


class ReadIntervals:
    """The newest batch of each interval that was taken in. The receipt log is read once, at the first look-up."""

    def __init__(self, lake: Lake, contract: Contract) -> None:
        self._lake = lake
        self._contract = contract

    def batch(self, interval: Interval) -> str | None:
        """The batch of the interval; None where it is to be read."""
        return self._batches.get(interval.start)

    def is_over(self, interval: Interval) -> bool:
        """Whether a later interval was taken in, so that a table's present state is no longer this one's."""
        return interval.start < max(self._batches, default=interval.start)

    @cached_property
    def _batches(self) -> dict[datetime, str]:
        contract = self._contract
        values = {"department": contract.department, "feed": contract.feed, "revision": contract.revision}
        self._lake.log.refresh()
        with self._lake.log.reading() as connection:
            rows = connection.execute(_TAKEN_IN, values).fetchall()
        return {start.astimezone(UTC): str(batch) for start, batch in rows}
