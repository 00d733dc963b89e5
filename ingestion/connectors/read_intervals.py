"""Which intervals of a feed read from a database or a FHIR server were taken in already, by receipts and decisions.

One that was refused, or held and rejected, is read again, and so is every one after the contract was revised.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property

from ingestion.contract.model import Contract
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.receipts.standing import standing

_TAKEN_IN = """
with stands as (
    select coalesce(bulk, batch) as batch, any_value(state) as state from ({standing}) group by all
)
select receipt.interval_start, arg_max(receipt.batch, (committed_at, key)) as batch
from (
    select interval_start, batch, committed_at, key, outcome, revision from receipt
    where department = $department and feed = $feed
) as receipt
left join stands on receipt.batch = stands.batch
group by receipt.interval_start
having arg_max(
    outcome <> 'refused' and revision = $revision and coalesce(state, outcome) <> 'rejected', (committed_at, key)
)
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
        query = _TAKEN_IN.format(standing=standing((contract.department, contract.feed)))
        self._lake.log.refresh()
        with self._lake.log.reading() as connection:
            rows = connection.execute(query, values).fetchall()
        return {start.astimezone(UTC): str(batch) for start, batch in rows}
