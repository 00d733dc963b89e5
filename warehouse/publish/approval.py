"""What waits for approval before it is published in a public edition, where the lake asks for one.

Owns the candidate: one private object an edition, replaced when something else is to be published, deleted when nothing
waits any more. It names what would change by a digest over tables, rows and deliveries, so that an approval is of
exactly that, whichever build holds it. Who may approve is decided by warehouse.actions.approval (docs/adr/0035).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ingestion import keys
from ingestion.errors import ObjectNotFound
from ingestion.sql import identifier
from ingestion.values.document import Document
from ingestion.values.hashes import sha256_of_bytes
from warehouse.content.measure import TableContent, day_expression, days_filter
from warehouse.publish.compose import Composer
from warehouse.publish.ended import Shown
from warehouse.publish.plan import Plan, ProductPlan
from warehouse.release import layout
from warehouse.release.lineage import Inputs
from warehouse.release.lock import require_publisher
from warehouse.release.manifest import TableEntry

if TYPE_CHECKING:
    from ingestion.lake import Lake


class TableChange(Document):
    """What readers would see of a table: rows afterwards, rows that are new or changed, rows that are gone or were
    changed."""

    rows: int
    added: int
    removed: int


class ProductChange(Document):
    """A product that would change: the local day it was made for, the newest day its facts are about (None where it
    has no fact by day), and its tables by name."""

    as_of: date
    content_as_of: date | None
    tables: dict[str, TableChange]


class Refusal(Document):
    """Who refused a candidate, why and when."""

    by: str
    reason: str
    at: datetime


class Candidate(Document):
    """What would be published in an edition. `id` is the release id it was first made under, `release` the current
    internal release then.

    `triggered_by` are the people who triggered a run that proposed it, or one before it since the edition's last
    release. `run` is the Airflow run that asks for approval, None where none does. A refused candidate stays until
    another takes its place, so that nobody is asked about it again.
    """

    schema_version: Literal[1] = 1
    id: str
    edition: str
    release: str | None
    build_id: str
    digest: str
    products: dict[str, ProductChange]
    triggered_by: list[str] = Field(default=[])
    asked_at: datetime
    run: str | None = None
    refused: Refusal | None = None

    @property
    def summary(self) -> str:
        """The products by name, as text."""
        return ", ".join(sorted(self.products))

    def rows(self) -> list[tuple[str, str, date | None, int, int, int]]:
        """A row a table, for people: product, table, newest day of the product's facts, rows afterwards, rows added or
        changed, rows gone or changed."""
        return [
            (product, table, one.content_as_of, change.rows, change.added, change.removed)
            for product, one in sorted(self.products.items())
            for table, change in sorted(one.tables.items())
        ]


@dataclass(frozen=True)
class Approved:
    """A person's approval of one candidate: its id, who (a signature) and why."""

    candidate: str
    by: str
    reason: str

    @property
    def said(self) -> str:
        """For the edition's ledger."""
        return f"candidate {self.candidate} approved: {self.reason}"


@dataclass(frozen=True)
class Run:
    """The run that publishes: the people behind it (none behind a schedule), and what was approved."""

    triggered_by: tuple[str, ...] = ()
    approved: Approved | None = None


def current(lake: Lake, edition: str) -> Candidate | None:
    """The candidate of an edition, also a refused one; None where nothing waits, as in editions that are not public."""
    if not layout.is_public(edition):
        return None
    try:
        return Candidate.model_validate_json(lake.store.get_bytes(keys.edition_candidate(edition)))
    except ObjectNotFound:
        return None


def put(lake: Lake, candidate: Candidate) -> Candidate:
    """Make it the candidate of its edition, under the publisher lock."""
    require_publisher(lake)
    lake.store.replace(keys.edition_candidate(candidate.edition), candidate.model_dump_json(indent=1).encode())
    return candidate


def clear(lake: Lake, edition: str) -> None:
    """Nothing waits any more, under the publisher lock."""
    if layout.is_public(edition) and lake.store.head(keys.edition_candidate(edition)) is not None:
        require_publisher(lake)
        lake.store.delete(keys.edition_candidate(edition))


def propose(lake: Lake, run: Run, edition: str, digest: str, made: Callable[[], Candidate]) -> Candidate | None:
    """What waits where something of that digest would be published; None where exactly that is approved.

    The same as before stays the candidate it was. Another one, as `made` gives it, takes its place, and those who
    triggered the earlier one stay among those who may not approve. Call it under the publisher lock.
    """
    before = current(lake, edition)
    if before is None or before.digest != digest:
        triggered_by = {*(before.triggered_by if before else []), *run.triggered_by}
        return put(lake, made().model_copy(update={"triggered_by": sorted(triggered_by)}))
    is_approved = run.approved is not None and run.approved.candidate == before.id and before.refused is None
    return None if is_approved else before


def waits(candidate: Candidate) -> str:
    """Why nothing new was published, as a message."""
    if candidate.refused is not None:
        refused = candidate.refused
        return f"candidate {candidate.id} was refused by {refused.by}: {refused.reason}; what changes is asked again"
    return (
        f"{candidate.summary} of edition {candidate.edition} wait for approval; in Airflow, or: citylake approve "
        f'--candidate {candidate.id} --reason "…"'
    )


def digest(plan: Plan, inputs: Mapping[str, Inputs]) -> str:
    """sha256 over what is new of a plan: its products' tables, columns and rows, and the deliveries behind them.

    The build it is in does not count.
    """
    meaning = {
        product.name: {
            "tables": {table.name: [table.content, table.columns] for table in product.tables},
            "inputs": {
                feed: [batch.model_dump(mode="json") for batch in batches]
                for feed, batches in inputs.get(product.name, {}).items()
            },
        }
        for product in plan.chosen("fresh")
    }
    return sha256_of_bytes(json.dumps(meaning, sort_keys=True, ensure_ascii=False).encode())


def changes(composer: Composer, shown: Mapping[str, Shown], as_of: date) -> dict[str, ProductChange]:
    """What would change for readers, by product; only tables and days whose rows are others than the parent's are
    read."""
    return {
        product.name: ProductChange(
            as_of=as_of,
            content_as_of=_content_as_of(product),
            tables={table.name: _change(composer, table, shown.get(table.name)) for table in product.tables},
        )
        for product in composer.plan.chosen("fresh")
    }


def _content_as_of(product: ProductPlan) -> date | None:
    days = [day for table in product.tables for day in table.days]
    return date.fromisoformat(max(days)) if days else None


def _change(composer: Composer, table: TableContent, shown: Shown | None) -> TableChange:
    released = composer.plan.parent.tables.get(table.name) if composer.plan.parent else None
    rows = shown.entry.rows if shown else table.rows
    if released is None or released.columns != table.columns:
        return TableChange(rows=rows, added=rows, removed=released.rows if released else 0)
    if released.content == (shown.entry.content if shown else table.content):
        return TableChange(rows=rows, added=0, removed=0)
    condition = _changed_days(table, released)
    columns = ", ".join(identifier(column) for column in table.columns)
    now = f"select {columns} from ({shown.query if shown else composer.build_select(table.name)}) where {condition}"
    before = f"select {columns} from ({composer.parent_select(table.name)}) where {condition}"
    added = composer.count(f"select count(*) from ({now} except all {before})")
    removed = composer.count(f"select count(*) from ({before} except all {now})")
    return TableChange(rows=rows, added=added, removed=removed)


def _changed_days(table: TableContent, released: TableEntry) -> str:
    """SQL condition for the days whose rows differ, also days that are gone; `true` for a table without days."""
    if table.day_column is None:
        return "true"
    before = {day.day: day.content for day in released.by_day()}
    now = {day: content.content for day, content in table.days.items()}
    changed = [day for day in before.keys() | now.keys() if before.get(day) != now.get(day)]
    return days_filter(day_expression(table.day_column, table.columns), changed)
