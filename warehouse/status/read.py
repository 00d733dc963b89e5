"""Read the status of a lake: what is late, blocked and why, at one moment.

Owns how the lines are put together and what is taken over from the status written before. Reads receipts, incidents,
verdicts and pointers, and changes nothing in the store. In a simulated city every moment is the city's. The cost
follows what is open now and what is new, not the receipts and verdicts of the years before.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar, cast

from ingestion.city_time import recorded_in_city
from ingestion.errors import ObjectNotFound
from ingestion.lake import Lake
from ingestion.values.document import Document
from warehouse.incidents.book import Book
from warehouse.release import layout
from warehouse.status.feeds import read_feeds
from warehouse.status.model import Status
from warehouse.status.products import INTERNAL, Earlier, read_editions, read_products
from warehouse.status.published import InternalStatus, RestrictedStatus
from warehouse.status.verdicts import Remembered

_Found = TypeVar("_Found")


def read_status(lake: Lake, now: datetime | None = None) -> Status:
    """The status at `now`, by default the time in the city. Raises StoreError, LakeBusy, IntegrityError."""
    now = now or lake.city_time()
    feeds = read_feeds(lake, now, Book(lake).active())
    editions = read_editions(lake)
    products = read_products(lake, feeds, editions, earlier(lake))
    status = Status(
        at=now,
        timezone=lake.settings.timezone,
        synthetic=any(line.synthetic for line in feeds.lines) or any(r.synthetic for r in editions.released.values()),
        judged=products.judged,
        feeds=feeds.lines,
        products=products.lines,
        editions=editions.lines(),
    )
    return status if lake.settings.city_time is None else in_city(status, recorded_in_city(lake.settings, lake.clock))


def in_city(found: _Found, shown: Callable[[datetime], datetime]) -> _Found:
    """A copy of a document, or of a value in one, in which every recorded moment is the simulated city's time then.

    Else what was refused an hour ago would be refused months after the city's day.
    """
    if isinstance(found, datetime):
        return cast("_Found", shown(found))
    if isinstance(found, list):
        return cast("_Found", [in_city(one, shown) for one in found])
    if isinstance(found, dict):
        return cast("_Found", {name: in_city(one, shown) for name, one in found.items()})
    if isinstance(found, Document):
        changed = {name: in_city(getattr(found, name), shown) for name in type(found).model_fields}
        return found.model_copy(update=changed)
    return found


def earlier(lake: Lake) -> Earlier:
    """What the status written last says of the past; nothing where none was, or another version wrote it."""
    try:
        written = InternalStatus.model_validate_json(lake.store.get_bytes(layout.status(INTERNAL)))
    except (ObjectNotFound, ValueError):
        return Earlier()
    lines = written.products
    still = {line.product: dict(line.stands_still) for line in lines}
    for edition in written.restricted:
        restricted = _earlier_restricted(lake, edition.edition)
        if restricted is not None and restricted.product is not None and restricted.stands_still_since is not None:
            still.setdefault(restricted.product.product, {})[edition.edition] = restricted.stands_still_since
    judged = {line.product: (line.verdict, line.since) for line in lines if line.verdict and line.since}
    return Earlier(
        Remembered(written.judged, judged) if written.judged else None,
        still,
    )


def _earlier_restricted(lake: Lake, edition: str) -> RestrictedStatus | None:
    try:
        return RestrictedStatus.model_validate_json(lake.store.get_bytes(layout.status(edition)))
    except (ObjectNotFound, ValueError):
        return None
