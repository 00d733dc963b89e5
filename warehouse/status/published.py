"""What readers of an edition may know of it now, as the documents `status.json` (docs/status.md).

A field is named here or it is not published.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from ingestion.values.document import Document
from warehouse.status.model import FeedState, Reason
from warehouse.title import Title
from warehouse.verdict import Decision


class InternalProduct(Document):
    """One product for readers of the internal edition; fields as in `ProductLine`."""

    product: str
    title: Title
    feeds: list[str]
    synthetic: bool
    verdict: Decision | None
    reasons: list[Reason]
    judged_for: date | None
    since: datetime | None
    content_as_of: date | None
    next_expected: datetime | None
    release: str | None
    released_at: datetime | None
    releases_since: int
    stands_still: dict[str, datetime]


class InternalFeed(Document):
    """One feed for readers of the internal edition: fields as in `FeedLine`, without persons, reasons and batches."""

    feed: str
    title: Title
    department_title: Title
    synthetic: bool
    state: FeedState
    since: datetime | None
    last_good_at: datetime | None
    late_after: datetime | None
    missing: int


class RestrictedEdition(Document):
    """That a restricted edition is there, and its release: all that readers of the internal edition may know of it."""

    edition: str
    release: str | None
    released_at: datetime | None


class InternalStatus(Document):
    """`published/internal/status.json`. `judged` is the key of the verdicts that `since` rests on."""

    schema_version: Literal[1] = 1
    edition: Literal["internal"] = "internal"
    at: datetime
    timezone: str
    synthetic: bool
    release: str | None
    released_at: datetime | None
    on_hold_since: datetime | None
    judged: str | None
    products: list[InternalProduct]
    feeds: list[InternalFeed]
    restricted: list[RestrictedEdition] = Field(default=[])


class RestrictedStatus(Document):
    """`published/restricted/<product>/status.json`. `product` is None where the edition shows none now.

    `content_as_of` is the newest day that its tables are about, `stands_still_since` is set where newer content is not
    shown.
    """

    schema_version: Literal[1] = 1
    edition: str
    at: datetime
    timezone: str
    synthetic: bool
    release: str | None
    released_at: datetime | None
    on_hold_since: datetime | None
    product: InternalProduct | None
    content_as_of: date | None
    stands_still_since: datetime | None


class OpenProduct(Document):
    """One product for everybody. `stands_still_since` is set where newer content is not shown."""

    product: str
    title: Title
    synthetic: bool
    content_as_of: date
    next_expected: datetime | None
    stands_still: bool
    stands_still_since: datetime | None


class OpenStatus(Document):
    """`published/open/status.json`."""

    schema_version: Literal[1] = 1
    edition: str
    at: datetime
    timezone: str
    synthetic: bool
    release: str | None
    released_at: datetime | None
    products: list[OpenProduct]
