"""What the first page shows of a status: which lines, in which order, and the sentence above them.

Order is by who needs a person first, then by since when. Nothing is judged here (warehouse.status).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from dags.today.access import Caller
from warehouse.status.model import FeedLine, FeedState, ProductLine, Status
from warehouse.title import Title

NEEDS_A_PERSON: tuple[FeedState, ...] = ("unreachable", "failed", "refused", "held", "late")
ORDER: tuple[FeedState, ...] = (*NEEDS_A_PERSON, "never", "good", "inactive")
ATTENTION, BLOCKED = "attention", "blocked"
STATES = (ATTENTION, BLOCKED, *ORDER)
"""What the filter of states offers."""
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Count:
    """How many lines are in a state: `late`, with the lines to jump to as (anchor, title)."""

    state: str
    lines: list[tuple[str, Title]]


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
    found = [
        Count(state, [(f"feed-{line.feed}", line.title) for line in feeds if line.state == state])
        for state in NEEDS_A_PERSON
    ]
    found.append(
        Count(BLOCKED, [(f"product-{line.product}", line.title) for line in products if line.verdict == BLOCKED])
    )
    return [count for count in found if count.lines]


def _departments(feeds: list[FeedLine]) -> list[tuple[str, Title]]:
    return sorted({line.department: line.department_title for line in feeds}.items())


def _feed_order(line: FeedLine) -> tuple[int, datetime, str]:
    return ORDER.index(line.state), line.since or _LAST, line.feed


def _product_order(line: ProductLine) -> tuple[int, datetime, str]:
    place = {BLOCKED: 0, None: 1}.get(line.verdict, 2)
    return place, (line.since or _LAST) if place == 0 else _LAST, line.product
