"""The status of a lake as data: a line per feed, a line per product, a line per edition.

`warehouse.status.read` makes it from receipts, incidents, verdicts and pointers. It holds no row values. Moments are in
UTC; whoever shows them to a person converts them to the city's time.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from ingestion.receipts.model import Outcome, Span, rows_taken_in
from ingestion.values.document import Document
from warehouse.title import Title
from warehouse.verdict import Considered, Decision

FeedState = Literal["good", "late", "held", "refused", "failed", "unreachable", "never", "inactive"]
"""`good`: nothing is asked of anyone. `failed`: a defect of the lake, `unreachable`: the source cannot be read,
`never`: no delivery yet and none due, `inactive`: its contract is not active or its file is wrong. Where several
hold, the one that most needs a person: unreachable, failed, refused, held, late."""

BY_URGENCY: tuple[FeedState, ...] = (
    "unreachable", "failed", "refused", "held", "late", "never", "inactive", "good",
)  # fmt: skip
"""All states, first the one that most needs a person."""
NEEDS_A_PERSON = BY_URGENCY[: BY_URGENCY.index("never")]
"""Those in which somebody must act, in the same order."""


class LastDelivery(Document):
    """The newest receipt of a feed. Counts are rows; `rule` is why it was refused whole.

    `state` is the outcome, or what a person decided since: accepted, rejected or erased.
    """

    batch: str
    outcome: Outcome
    state: str
    rule: str | None
    interval: Span
    committed_at: datetime
    received: int
    accepted: int
    quarantined: int
    duplicates: int


class FeedLine(Document):
    """One feed. `since` and `reason` are those of the open incident behind the state; of a late feed `since` is when
    the oldest missing interval became late. Without an incident yet they follow from the receipts.

    `late_after` is when the next delivery that is due becomes late, of a late feed when the oldest missing one did;
    None where nothing is expected. `expected` is the interval it is about, `missing` how many intervals are late.
    """

    feed: str
    department: str
    title: Title
    department_title: Title
    steward: str
    impact: str
    product: str
    synthetic: bool
    state: FeedState
    since: datetime | None = None
    reason: str | None = None
    incident: str | None = None
    last: LastDelivery | None = None
    last_good_at: datetime | None = None
    expected: Span | None = None
    late_after: datetime | None = None
    missing: int = 0
    held: list[str] = Field(default=[])

    @property
    def rows_taken_in(self) -> int:
        """The good rows of the newest delivery, where they count."""
        return rows_taken_in(self.last.state, self.last.accepted) if self.last else 0


class Reason(Document):
    """Why a product is blocked: the kind of check and how many rows (or deliveries) fail it, None where it is not
    known, and one line without row values.
    """

    kind: Considered | None
    failures: int | None
    text: str


class ProductLine(Document):
    """One data product. `verdict` None: never judged. `since`: when that verdict was first reached without a break.

    `content_as_of` is the newest day that its tables in the current internal release are about, `next_expected` when
    the next content is due by its feeds' calendars. `release` is the one its tables came from, `releases_since` counts
    the releases after that one. `content` is the day of its content in each edition that shows it (of an open table the
    day it was made for). `stands_still`: editions whose readers see older tables than the newest deliveries
    would give (blocked, held back, not approved, or the edition on hold), and since when.
    """

    product: str
    title: Title
    departments: list[str]
    feeds: list[str]
    synthetic: bool
    verdict: Decision | None
    reasons: list[Reason] = Field(default=[])
    judged_for: date | None = None
    since: datetime | None = None
    content_as_of: date | None = None
    next_expected: datetime | None = None
    release: str | None = None
    released_at: datetime | None = None
    releases_since: int = 0
    editions: list[str] = Field(default=[])
    content: dict[str, date] = Field(default={})
    stands_still: dict[str, datetime] = Field(default={})


class EditionLine(Document):
    """One edition: its current release, and the hold that keeps new ones from being published."""

    edition: str
    release: str | None
    released_at: datetime | None
    approver: str | None
    synthetic: bool = False
    hold_reason: str | None = None
    hold_by: str | None = None
    hold_since: datetime | None = None


class Status(Document):
    """The status of a lake at one moment of the city's time. `timezone` is the city's (IANA name), `judged` the
    key of the newest recorded verdicts, on which `since` of the products rests."""

    schema_version: Literal[1] = 1
    at: datetime
    timezone: str
    synthetic: bool
    judged: str | None = None
    feeds: list[FeedLine]
    products: list[ProductLine]
    editions: list[EditionLine]
