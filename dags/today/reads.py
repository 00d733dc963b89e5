"""What pages of one feed or product show beyond the status: newest deliveries, newest entries of an edition's ledger.

Each read is bounded: its cost does not grow with the years behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ingestion.receipts.model import Span, rows_taken_in

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from warehouse.release.ledger import Entry

DELIVERIES, RELEASES = 20, 20

_NEWEST = """
with newest as (
    select * from receipt where department = $department and feed = $feed {only}
    order by committed_at desc limit $limit
),
counts as (
    select receipt_key, sum(received) as received, sum(accepted) as accepted, sum(quarantined) as quarantined,
        sum(duplicates) as duplicates, map_from_entries(list((table_name, rules))) as rules
    from table_receipt semi join newest on table_receipt.receipt_key = newest.key
    group by receipt_key
),
decided as (
    select batch, arg_max(verb, decided_at) as verb from decision
    where department = $department and feed = $feed group by batch
)
select
    newest.batch, newest.outcome, decided.verb, newest.rule, newest.message, interval_start, interval_end,
    committed_at, rules, coalesce(received, 0), coalesce(accepted, 0), coalesce(quarantined, 0), coalesce(duplicates, 0)
from newest left join counts on counts.receipt_key = newest.key left join decided on decided.batch = newest.batch
order by committed_at desc
"""
_STATE = {"accept": "accepted", "reject": "rejected", "erase": "erased"}


@dataclass(frozen=True)
class Delivery:
    """One receipt. `state` is its outcome, or what a person decided since; counts are rows.

    `rules` are rows by rule, by table.
    """

    batch: str
    outcome: str
    state: str
    rule: str | None
    message: str | None
    interval: Span
    committed_at: datetime
    rules: dict[str, dict[str, int]]
    received: int
    accepted: int
    quarantined: int
    duplicates: int

    @property
    def is_waiting(self) -> bool:
        """Does it wait for a decision?"""
        return self.state == "held"

    @property
    def rows_taken_in(self) -> int:
        """Its good rows, where they count."""
        return rows_taken_in(self.state, self.accepted)


def deliveries(lake: Lake, feed: str, *, batch: str | None = None, limit: int = DELIVERIES) -> list[Delivery]:
    """The newest deliveries of a feed, newest first; of one batch where it is given. Raises LakeBusy, StoreError."""
    department, name = feed.split(".", 1)
    values: dict[str, object] = {"department": department, "feed": name, "limit": limit}
    if batch is not None:
        values["batch"] = batch
    query = _NEWEST.format(only="and batch = $batch" if batch is not None else "")
    with lake.log.refreshed() as connection:
        rows = connection.execute(query, values).fetchall()
    return [_delivery(*row) for row in rows]


def _delivery(*row: Any) -> Delivery:
    """A row of the query."""
    batch, outcome, verb, rule, message, start, end, committed_at, rules, *counts = row
    decides = verb is not None and (outcome == "held" or verb == "erase")
    state = _STATE[verb] if decides else outcome
    span = Span(start=start.astimezone(UTC), end=end.astimezone(UTC))
    broken = {table: found for table, found in (rules or {}).items() if found}
    numbers = [int(count) for count in counts]
    return Delivery(batch, outcome, state, rule, message, span, committed_at.astimezone(UTC), broken, *numbers)


def releases(lake: Lake, edition: str, *, limit: int = RELEASES) -> list[Entry]:
    """The newest entries of an edition's ledger, newest first. The chain of hashes is checked where one is acted on."""
    from warehouse.release import layout
    from warehouse.release.ledger import Entry

    newest = sorted((info.key for info in lake.store.list(layout.ledger(edition))), reverse=True)[:limit]
    return [Entry.model_validate_json(lake.store.get_bytes(key)) for key in newest]
