"""Work out the request that follows a page, and when paging ends. It sends nothing itself.

Paging always ends: the same request twice, or more pages than the contract's `max_pages`, is an error of the server.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx

from ingestion.connectors.allowed_hosts import AllowedHosts, redacted
from ingestion.connectors.fetch_errors import FetchError
from ingestion.connectors.pages import Page, whole_number
from ingestion.contract.sources import JsonApi


@dataclass
class Pager:
    """The requests of one pass over an interval's pages."""

    source: JsonApi
    start: httpx.URL
    params: dict[str, str]
    allowed_hosts: AllowedHosts = field(default_factory=AllowedHosts)
    pages: int = 0
    records: int = 0
    _requested: set[str] = field(default_factory=set)

    def first(self) -> httpx.URL:
        """The first request."""
        paging = self.source.paging
        page_params = {paging.parameter: str(paging.first)} if paging.by == "page" and paging.parameter else {}
        page_params |= {paging.parameter: "0"} if paging.by == "offset" and paging.parameter else {}
        return self._request(page_params)

    def after(self, page: Page) -> httpx.URL | None:
        """The request that follows `page`; None where it was the last page. Raises FetchError."""
        self.pages += 1
        self.records += page.records
        try:
            following = self._following(page)
        except (httpx.InvalidURL, UnicodeError):
            raise FetchError(f"names a page after page {self.pages} that is no URL", redacted(self.start)) from None
        if following is not None and self.pages >= self.source.paging.max_pages:
            raise FetchError(
                f"does not end: more than the contract's {self.source.paging.max_pages} pages", redacted(self.start)
            )
        return following

    def _following(self, page: Page) -> httpx.URL | None:
        paging = self.source.paging
        name = paging.parameter or ""
        if paging.by in ("page", "offset"):
            total = whole_number(page.total)
            has_all_records = total is not None and self.records >= total
            if not page.records or has_all_records:
                return None
            position = paging.first + self.pages if paging.by == "page" else self.records
            return self._request({name: str(position)})
        if paging.by in ("cursor", "token"):
            value = page.next if paging.by == "cursor" else page.headers.get((paging.next_header or "").lower())
            return self._request({name: value}) if value else None
        link = {"link_header": page.link, "next_link": page.next}.get(paging.by)
        return self._linked_page(link, page) if link else None

    def _linked_page(self, link: str, page: Page) -> httpx.URL:
        url = page.url.join(link)
        self.allowed_hosts.check_next(url, start=self.start, page=page.url)
        return self._not_repeated(url)

    def _request(self, page_params: dict[str, str]) -> httpx.URL:
        paging = self.source.paging
        size = {paging.size_parameter: str(paging.size)} if paging.size_parameter else {}
        return self._not_repeated(self.start.copy_merge_params({**self.params, **size, **page_params}))

    def _not_repeated(self, url: httpx.URL) -> httpx.URL:
        if str(url) in self._requested:
            raise FetchError(f"does not end: page {self.pages} leads back to an earlier page", redacted(self.start))
        self._requested.add(str(url))
        return url
