"""What a server declares about the whole of a paged delivery, held against what came (docs/adr/0008, 4).

Pure: a pass adds its pages and asks at the end. Two things come out. A **change** under the pass (`Changed`) begins it
again. A **doubt** is what still does not agree when a second pass gave the same records: a reason, made of names and
counts only, for which the delivery is landed and held for the steward.

Declared are the number of records (`total`, `total_header`), of pages (`page_count`), of a page's records (`count`),
and the state the pages are of (`snapshot`). What is declared on some pages only holds for all; what the contract names
and no page has is a doubt, since nothing could be compared. Ids are compared as text without surrounding blanks, as
conform reads keys: `1` and `"1"` are one record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ingestion.connectors.fetch_errors import FetchError
from ingestion.connectors.pages import Ids, Page, whole_number
from ingestion.contract.sources import JsonApi


class Changed(FetchError):
    """The data changed while it was paged, or may have. `doubt` is what a pass with the same `pages` leaves of it."""

    def __init__(self, what: str, where: str, pages: tuple[str, ...] = (), doubt: str | None = None) -> None:
        super().__init__(what, where)
        self.pages = pages
        self.doubt = doubt


@dataclass
class Declared:
    """What the pages of one pass said so far, and how much came."""

    source: JsonApi
    said: dict[str, str] = field(default_factory=dict)
    """The first value of each member, by its name in the contract."""
    missing: dict[str, int] = field(default_factory=dict)
    """Pages without a member, by its name in the contract."""
    pages: int = 0
    filled: int = 0
    records: int = 0
    miscounted: int = 0

    def add(self, page: Page) -> str | None:
        """The next page; what it says otherwise than an earlier one, None where nothing."""
        self.pages += 1
        self.filled += page.records > 0
        self.records += page.records
        self.miscounted += page.count is not None and whole_number(page.count) != page.records
        if self.source.count is not None and page.count is None:
            self.missing["count"] = self.missing.get("count", 0) + 1
        for name, value in page.whole().items():
            if not self._names(name):
                continue
            if value is None:
                self.missing[name] = self.missing.get(name, 0) + 1
            elif self.said.setdefault(name, value) != value:
                return f"{name} was {self.said[name]} on an earlier page and is {value} on page {self.pages}"
        return None

    @property
    def total(self) -> int | None:
        """The declared number of records."""
        return whole_number(self.said.get("total"))

    def is_short_of_records(self) -> bool:
        """Whether records alone do not meet the total. With `id` known that is a doubt instead."""
        return self.source.id is None and self.total is not None and self.total != self.records

    def doubt(self, ids: Ids) -> str | None:
        """Why the delivery may not be whole; None where all that was declared agrees with what came."""
        found = [*self._unreadable(), *self._total(ids), *self._pages()]
        return "; ".join(found) if found else None

    def _names(self, name: str) -> bool:
        source = self.source
        named = {
            "total": source.total or source.total_header,
            "page_count": source.page_count,
            "snapshot": source.snapshot,
        }
        return named[name] is not None

    def _unreadable(self) -> Iterator[str]:
        for name in ("total", "page_count"):
            if self._names(name) and name not in self.said:
                yield f"the contract's `{name}` is on no page"
            elif name in self.said and whole_number(self.said[name]) is None:
                yield f"the declared `{name}` is no whole number"
        lacking = self.missing.get("snapshot", 0)
        if lacking and self.pages > 1:
            yield f"the contract's `snapshot` is missing on {lacking} of {self.pages} pages"

    def _total(self, ids: Ids) -> Iterator[str]:
        if self.total is None or self.source.id is None:
            return
        if (ids.different, self.records) == (self.total, self.total):
            return
        unnamed = f" and {ids.without} without one" if ids.without else ""
        yield f"{self.total} records declared; {self.records} came with {ids.different} different ids{unnamed}"

    def _pages(self) -> Iterator[str]:
        if self.miscounted:
            yield f"{self.miscounted} of {self.pages} pages hold another number of records than they declare"
        if self.missing.get("count"):
            yield f"the contract's `count` is missing on {self.missing['count']} of {self.pages} pages"
        declared = whole_number(self.said.get("page_count"))
        # Paging by number ends with an empty page; an API without records has no page, or one.
        if declared is not None and declared not in ({self.filled} if self.filled else {0, 1}):
            yield f"{declared} pages declared and {self.filled} with records came"
