"""Which request follows a page, and when paging is over. Pure: it sends nothing.

It cannot go on for ever: the same request twice, or more pages than the contract allows, is the
server's failure.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx

from ingestion.connectors.fetch_errors import FetchError
from ingestion.connectors.onward import Onward, shown
from ingestion.connectors.pages import Page, whole_number
from ingestion.contract.sources import JsonApi


@dataclass
class Pager:
    """The requests of one pass over an interval's pages."""

    source: JsonApi
    start: httpx.URL
    params: dict[str, str]
    onward: Onward = field(default_factory=Onward)
    pages: int = 0
    records: int = 0
    _asked: set[str] = field(default_factory=set)

    def first(self) -> httpx.URL:
        """The first request."""
        paging = self.source.paging
        own = {paging.parameter: str(paging.first)} if paging.by == "page" and paging.parameter else {}
        own |= {paging.parameter: "0"} if paging.by == "offset" and paging.parameter else {}
        return self._ask(own)

    def after(self, page: Page) -> httpx.URL | None:
        """The request after `page`, None when that was the last. Raises FetchError."""
        self.pages += 1
        self.records += page.records
        try:
            following = self._following(page)
        except (httpx.InvalidURL, UnicodeError):
            raise FetchError(f"names a page after page {self.pages} that is no URL", shown(self.start)) from None
        if following is not None and self.pages >= self.source.paging.max_pages:
            raise FetchError(
                f"does not end: more than the contract's {self.source.paging.max_pages} pages", shown(self.start)
            )
        return following

    def _following(self, page: Page) -> httpx.URL | None:
        paging = self.source.paging
        name = paging.parameter or ""
        if paging.by in ("page", "offset"):
            total = whole_number(page.total)
            had_all = total is not None and self.records >= total
            if not page.records or had_all:
                return None
            place = paging.first + self.pages if paging.by == "page" else self.records
            return self._ask({name: str(place)})
        if paging.by in ("cursor", "token"):
            value = page.next if paging.by == "cursor" else page.headers.get((paging.next_header or "").lower())
            return self._ask({name: value}) if value else None
        link = {"link_header": page.link, "next_link": page.next}.get(paging.by)
        return self._link(link, page) if link else None

    def _link(self, link: str, page: Page) -> httpx.URL:
        url = page.url.join(link)
        self.onward.check_next(url, start=self.start, page=page.url)
        return self._once(url)

    def _ask(self, own: dict[str, str]) -> httpx.URL:
        paging = self.source.paging
        size = {paging.size_parameter: str(paging.size)} if paging.size_parameter else {}
        return self._once(self.start.copy_merge_params({**self.params, **size, **own}))

    def _once(self, url: httpx.URL) -> httpx.URL:
        if str(url) in self._asked:
            raise FetchError(f"does not end: page {self.pages} leads back to an earlier page", shown(self.start))
        self._asked.add(str(url))
        return url
