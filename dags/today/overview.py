"""What the first page shows of a status: which lines, in which order, and the sentence above them.

Order is by who needs a person first, then by since when. Nothing is judged here (warehouse.status).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from dags.today.access import Caller
from ingestion.receipts.model import Span
from warehouse.status.model import BY_URGENCY, NEEDS_A_PERSON, FeedLine, ProductLine, Reason, Status
from warehouse.title import Title
from warehouse.verdict import Considered

ATTENTION, BLOCKED = "attention", "blocked"
STATES = (ATTENTION, BLOCKED, *BY_URGENCY)
"""What the filter of states offers."""
SHOWN = 3
"""Lines of one state in the summary; the rest are counted."""
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Problem:
    """One line of the summary. `anchor` is where its line is on the page.

    `expected`, of a late feed, is what is missing; `rule` why the last delivery was refused whole; `kind`, of a
    product, which kind of check refuses it.
    """

    anchor: str
    title: Title
    reason: str
    since: datetime | None
    expected: Span | None = None
    rule: str | None = None
    kind: Considered | None = None


@dataclass(frozen=True)
class Count:
    """How many lines are in a state, and the first of them."""

    state: str
    total: int
    lines: list[Problem]


@dataclass(frozen=True)
class Overview:
    """The lines of the first page. `counts` are of everything the caller may see, whatever the filter."""

    feeds: list[FeedLine]
    products: list[ProductLine]
    counts: list[Count]
    departments: list[tuple[str, Title]]


def overview(status: Status, caller: Caller, department: str | None = None, state: str | None = None) -> Overview:
    """The lines for a caller. An unknown department or state gives no lines."""
    feeds = sorted(caller.readable(status.feeds), key=_feed_order)
    products = sorted(status.products, key=_product_order)
    shown = [line for line in feeds if not department or line.department == department]
    shown_products = [line for line in products if not department or department in line.departments]
    if state:
        shown, shown_products = _in_state(state, shown, shown_products)
    return Overview(shown, shown_products, _counts(feeds, products), _departments(feeds))


def _in_state(
    state: str, feeds: list[FeedLine], products: list[ProductLine]
) -> tuple[list[FeedLine], list[ProductLine]]:
    """Lines in a state, and what stands in connection with them: products of these feeds, feeds of these products."""
    blocked = [line for line in products if line.verdict == BLOCKED]
    if state == BLOCKED:
        named = {feed for line in blocked for feed in line.feeds}
        return [line for line in feeds if line.feed in named], blocked
    states = NEEDS_A_PERSON if state == ATTENTION else (state,)
    found = [line for line in feeds if line.state in states]
    fed = {line.feed for line in found}
    chosen = [
        line for line in products if fed.intersection(line.feeds) or (state == ATTENTION and line.verdict == BLOCKED)
    ]
    return found, chosen


def _counts(feeds: list[FeedLine], products: list[ProductLine]) -> list[Count]:
    found: list[tuple[str, list[Problem]]] = [
        (state, [_feed_problem(line) for line in feeds if line.state == state]) for state in NEEDS_A_PERSON
    ]
    found.append((BLOCKED, [_product_problem(line) for line in products if line.verdict == BLOCKED]))
    return [Count(state, len(lines), lines[:SHOWN]) for state, lines in found if lines]


def _feed_problem(line: FeedLine) -> Problem:
    rule = line.last.rule if line.last and line.state in ("refused", "failed") else None
    return Problem(f"feed-{line.feed}", line.title, line.reason or "", line.since, line.expected, rule)


def _product_problem(line: ProductLine) -> Problem:
    first = line.reasons[0] if line.reasons else Reason(kind=None, failures=None, text="")
    return Problem(f"product-{line.product}", line.title, first.text, line.since, kind=first.kind)


def _departments(feeds: list[FeedLine]) -> list[tuple[str, Title]]:
    return sorted({line.department: line.department_title for line in feeds}.items())


def _feed_order(line: FeedLine) -> tuple[int, datetime, str]:
    return BY_URGENCY.index(line.state), line.since or _LAST, line.feed


def _product_order(line: ProductLine) -> tuple[int, bool, datetime, str]:
    """Blocked products first, and of these last those that wait for another one only."""
    place = {BLOCKED: 0, None: 1}.get(line.verdict, 2)
    waits = all(reason.kind == "dependency" for reason in line.reasons)
    return place, waits, (line.since or _LAST) if place == 0 else _LAST, line.product
