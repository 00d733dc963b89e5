"""Trace a released table back to the raw objects it was made from.

The manifest names the bronze files and raw objects of each product of the release; the receipt log knows which of them
hold a given event day.
"""

from __future__ import annotations

from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING

from ingestion.errors import ConfigurationError
from ingestion.values.document import Document
from warehouse.actions.opening import Opening, opened
from warehouse.release.manifest import FactDay, FactFile, Manifest, TableEntry
from warehouse.sql import released

if TYPE_CHECKING:
    from ingestion.lake import Lake

_OF_DAY = """
with wanted as (select distinct unnest($keys::varchar[]) as key),
dated as (select key, bool_or(day = $day) as has_day from bronze_day group by key)
select wanted.key from wanted left join dated using (key) where coalesce(dated.has_day, true)
"""


class Origin(Document):
    """One delivery the table was made from. `raw_key` is None where its bytes were erased."""

    feed: str
    batch: str
    receipt: str
    raw_key: str | None
    raw_sha256: str | None
    bronze: list[str]


class Trace(Document):
    """A released table and the deliveries it was made from. `made_in` is the release its rows were made for."""

    table: str
    edition: str
    release: str
    made_in: str
    product: str
    day: str | None
    rows: int
    content: str
    files: list[str]
    objects: list[Origin]


def trace(
    lake: Lake,
    table: str,
    *,
    edition: str = "internal",
    release: str | None = None,
    day: date | None = None,
    opening: Opening | None = None,
) -> Trace:
    """The deliveries behind a table; with `day`, a fact's file of that day and the deliveries holding it.

    Of a restricted edition `opening` is recorded first: counts by day are of few people there.

    Raises PurposeNeeded without one, ConfigurationError: never released, unknown table, `day` for a table that has
    none.
    """
    manifest = released(lake, edition, release)
    with opened(lake, manifest, opening):
        return _trace(lake, manifest, table, day)


def _trace(lake: Lake, manifest: Manifest, table: str, day: date | None) -> Trace:
    entry = _entry(manifest, table)
    product = manifest.products[entry.product]
    days = [_of_day(manifest, table, entry, day)] if day is not None else entry.by_day()
    origins = [
        Origin(feed=feed, **batch.model_dump()) for feed in entry.feeds for batch in product.inputs.get(feed, [])
    ]
    return Trace(
        table=table,
        edition=manifest.edition,
        release=manifest.id,
        made_in=product.release,
        product=entry.product,
        day=day.isoformat() if day else None,
        rows=sum(d.rows for d in days) if entry.day_column else entry.rows,
        content=days[0].content if day else entry.content,
        files=[d.key for d in days if isinstance(d, FactFile)] or [manifest.warehouse.key],
        objects=_holding(lake, origins, day) if day else origins,
    )


def _entry(manifest: Manifest, table: str) -> TableEntry:
    if table not in manifest.tables:
        raise ConfigurationError(
            f"release {manifest.id} has no table {table!r}; tables: {', '.join(manifest.tables)}",
            next_step="citylake sql -c 'show tables'",
        )
    return manifest.tables[table]


def _of_day(manifest: Manifest, table: str, entry: TableEntry, day: date) -> FactFile | FactDay:
    days = entry.by_day()
    entry_of_day = next((d for d in days if d.day == day.isoformat()), None)
    if entry_of_day is None:
        first, last = (days[0].day, days[-1].day) if days else ("none", "none")
        raise ConfigurationError(
            f"table {table} of release {manifest.id} has no day {day}; its days run from {first} to {last}"
            if entry.day_column
            else f"table {table} is not kept by day",
            next_step=f"citylake trace {table}",
        )
    return entry_of_day


def _holding(lake: Lake, origins: list[Origin], day: date) -> list[Origin]:
    """Origins with a bronze file that holds the day, or that has no days at all (snapshots)."""
    keys = sorted({key for origin in origins for key in origin.bronze})
    with closing(lake.log.connect()) as log:
        kept = {row[0] for row in log.execute(_OF_DAY, {"keys": keys, "day": day}).fetchall()}
    narrowed = [o.model_copy(update={"bronze": [k for k in o.bronze if k in kept]}) for o in origins]
    return [origin for origin in narrowed if origin.bronze]
