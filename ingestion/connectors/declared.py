"""Compare what a server declares about a paged delivery with the pages that arrived (docs/adr/0008, 4).

No I/O: one paging pass adds its pages and asks for the result at the end. There are two kinds of disagreement. Data
that changed while it was paged (`DataChanged`) restarts the pass. A **doubt** is a disagreement that remains when a
second pass gave the same records: a text of names and counts, with which the delivery is landed and held for the
steward.

A server can declare the number of all records (`total`, `total_header`), of pages (`page_count`), of the records of
one page (`count`), and which state of the data the pages show (`snapshot`). A value declared on some pages holds for
all. A member that the contract names but no page has is a doubt, because nothing could be compared. Record ids are
compared as text without surrounding blanks, as conform reads keys: `1` and `"1"` are the same id.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ingestion.connectors.fetch_errors import FetchError
from ingestion.connectors.pages import Ids, Page, whole_number
from ingestion.contract.sources import JsonApi


class DataChanged(FetchError):
    """The data changed, or may have changed, while it was paged: the pass must be restarted.

    `pages` are the digests of the pass's pages. Where the next pass has the same ones, nothing changed in fact, and
    the delivery is taken with this `doubt` (None: without any).
    """

    def __init__(self, what: str, where: str, pages: tuple[str, ...] = (), doubt: str | None = None) -> None:
        super().__init__(what, where)
        self.pages = pages
        self.doubt = doubt


@dataclass
class Declared:
    """What the pages of one paging pass have declared so far, and what they contained."""

    source: JsonApi
    values: dict[str, str] = field(default_factory=dict)
    """First declared value of each member, by its key in the contract."""
    missing: dict[str, int] = field(default_factory=dict)
    """Number of pages that lack a member, by its key in the contract."""
    pages: int = 0
    pages_with_records: int = 0
    records: int = 0
    miscounted: int = 0
    """Number of pages whose declared `count` differs from their records."""

    def add(self, page: Page) -> str | None:
        """Add the next page. Returns how it contradicts an earlier page, None where it does not."""
        self.pages += 1
        self.pages_with_records += page.records > 0
        self.records += page.records
        self.miscounted += page.count is not None and whole_number(page.count) != page.records
        if self.source.count is not None and page.count is None:
            self.missing["count"] = self.missing.get("count", 0) + 1
        for name, value in page.declared_for_all_pages().items():
            if not self._is_in_contract(name):
                continue
            if value is None:
                self.missing[name] = self.missing.get(name, 0) + 1
            elif self.values.setdefault(name, value) != value:
                return f"{name} was {self.values[name]} on an earlier page and is {value} on page {self.pages}"
        return None

    @property
    def total(self) -> int | None:
        """The declared number of records; None where none is declared or it is no whole number."""
        return whole_number(self.values.get("total"))

    def is_short_of_records(self) -> bool:
        """Whether the number of records differs from the declared total, for a source without an `id` path.

        Where records have ids, such a difference is a doubt instead: it can be told from repeated records.
        """
        return self.source.id is None and self.total is not None and self.total != self.records

    def doubt(self, ids: Ids) -> str | None:
        """Why the delivery may be incomplete; None where everything declared agrees with what arrived."""
        reasons = [*self._unreadable(), *self._total(ids), *self._pages()]
        return "; ".join(reasons) if reasons else None

    def _is_in_contract(self, name: str) -> bool:
        source = self.source
        named = {
            "total": source.total or source.total_header,
            "page_count": source.page_count,
            "snapshot": source.snapshot,
        }
        return named[name] is not None

    def _unreadable(self) -> Iterator[str]:
        for name in ("total", "page_count"):
            if self._is_in_contract(name) and name not in self.values:
                yield f"the contract's `{name}` is on no page"
            elif name in self.values and whole_number(self.values[name]) is None:
                yield f"the declared `{name}` is no whole number"
        lacking = self.missing.get("snapshot", 0)
        if lacking and self.pages > 1:
            yield f"the contract's `snapshot` is missing on {lacking} of {self.pages} pages"

    def _total(self, ids: Ids) -> Iterator[str]:
        if self.total is None or self.source.id is None:
            return
        if (ids.distinct, self.records) == (self.total, self.total):
            return
        without_id = f" and {ids.without} without one" if ids.without else ""
        yield f"{self.total} records declared; {self.records} came with {ids.distinct} different ids{without_id}"

    def _pages(self) -> Iterator[str]:
        if self.miscounted:
            yield f"{self.miscounted} of {self.pages} pages hold another number of records than they declare"
        if self.missing.get("count"):
            yield f"the contract's `count` is missing on {self.missing['count']} of {self.pages} pages"
        declared = whole_number(self.values.get("page_count"))
        # Paging by number ends with an empty page; an API without records has no page, or one.
        if declared is not None and declared not in ({self.pages_with_records} if self.pages_with_records else {0, 1}):
            yield f"{declared} pages declared and {self.pages_with_records} with records came"
