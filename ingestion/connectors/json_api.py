"""A paged JSON API: all pages of an interval, in order, are one delivery.

A pass takes every page; where the data changed under it the whole pass begins again, and after the last
restart nothing is delivered. Where two passes give the same records and what the server declares does not agree with
them, they are delivered with a doubt (ingestion.connectors.declared). The pages are kept as sent in one archive
(ingestion.parsers.pages). An interval that has not ended is awaited: what is asked for earlier would be a part taken
for the whole.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import httpx

from ingestion.connectors.base import Fetched, content_as_of
from ingestion.connectors.body import Download
from ingestion.connectors.declared import Changed, Declared
from ingestion.connectors.fetch_errors import FetchError, RetryableFetchError, http_date
from ingestion.connectors.fetched import fetching, kept, recorded
from ingestion.connectors.onward import shown
from ingestion.connectors.pages import Page, PageReader
from ingestion.connectors.paging import Pager
from ingestion.connectors.templates import fill_params
from ingestion.connectors.web import Session
from ingestion.contract.extension import JsonFormat
from ingestion.contract.model import Contract
from ingestion.contract.sources import JsonApi
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.parsers.pages import PageArchive
from ingestion.values.hashes import sha256_of_bytes

NAME = "json_api/1"
_NOT_THERE = (httpx.codes.NOT_FOUND, httpx.codes.GONE)


@dataclass(frozen=True)
class JsonApiConnector:
    """See ingestion.connectors.base.Connector."""

    lake: Lake
    contract: Contract
    source: JsonApi

    @cached_property
    def _session(self) -> Session:
        name = self.source.connection
        return Session(self.source, self.lake.connection(name) if name else None)

    def fetch(self, contract: Contract, interval: Interval, now: datetime) -> list[Fetched]:
        """One delivery of all pages; empty where the interval has not ended or the API does not know it (404)."""
        if contract.citylake.delivery != "snapshot" and interval.end > now:
            return []
        start = self._session.url(self.source.url)
        params = fill_params(self.source, contract, interval)
        with fetching(self.lake, contract, interval) as keep:
            taken = self._passes(start, params, keep.folder)
            if taken is None:
                return []
            modified = max((_modified(page) or now for page in taken.ends), default=now)
            fetched = Fetched(
                path=taken.path,
                filename=f"{contract.feed}_{interval.id}.pages.zip",
                source=recorded("json_api", start.copy_merge_params(params)),
                connector=NAME,
                fetched_at=now.astimezone(UTC),
                content_as_of=content_as_of(contract, interval, modified=modified, fetched=now),
                headers=kept({k: v for k, v in taken.ends[0].headers.items() if k in ("date", "content-type")}),
                pages=taken.pages,
                replaces=True,
                doubt=taken.doubt,
            )
            return [keep.until_gone(fetched)]

    def _passes(self, start: httpx.URL, params: dict[str, str], folder: Path) -> _Taken | None:
        """The first pass under which nothing changed. Raises FetchError when there is none."""
        deadline = self._session.deadline()
        before: Changed | None = None
        for left in range(self.source.restarts, -1, -1):
            one = _Pass(self, Pager(self.source, start, params, self._session.onward), folder, deadline)
            try:
                return one.run(before)
            except Changed as change:
                before = change
                if not left:
                    tries = self.source.restarts + 1
                    what = f"changes while it is paged, {tries} times in a row: {change.what}"
                    raise RetryableFetchError(what, shown(start)) from None
        return None

    def page(self, url: httpx.URL, reader: PageReader, file: Path, deadline: float) -> Page | None:
        """One page, asked for until it is whole; None where the server has no such page."""

        def attempt() -> Page | None:
            download = Download(file, self.source.max_page_bytes)
            with self._session.get(url, deadline) as response:
                if response.status_code in _NOT_THERE:
                    return None
                download.take(response, deadline)
                return reader.read(file.read_bytes(), response)

        return self._session.with_retries(attempt, deadline)

    def reader(self) -> PageReader:
        """A reader by the contract's format."""
        spec = self.contract.citylake.format
        records, encoding = (spec.records, spec.encoding) if isinstance(spec, JsonFormat) else ("$", "utf-8")
        return PageReader(self.source, records, encoding)


@dataclass(frozen=True)
class _Taken:
    """A whole pass: the archive, its pages' sha256, the first and last page, and why it may not be whole after all."""

    path: Path
    pages: tuple[str, ...]
    ends: tuple[Page, Page]
    doubt: str | None


@dataclass
class _Pass:
    """One time through all pages."""

    connector: JsonApiConnector
    pager: Pager
    folder: Path
    deadline: float

    def run(self, before: Changed | None) -> _Taken | None:
        """`before` is what the pass before ended with: the same again is taken. Raises Changed."""
        hashes: list[str] = []
        digests: list[str] = []
        declared = Declared(self.connector.source)
        first = last = None
        size = 0
        path = self.folder / "pages.zip"
        path.unlink(missing_ok=True)
        url: httpx.URL | None = self.pager.first()
        with closing(self.connector.reader()) as reader, PageArchive.create(path) as archive:
            while url is not None:
                page = self.connector.page(url, reader, self.folder / "page", self.deadline)
                if page is None:
                    if first is None:
                        return None
                    self._gone()
                    break
                first = first or page
                last = replace(page, body=b"")
                change = declared.add(page)
                if change is not None:
                    raise Changed(change, self._at)
                digests.append(page.digest)
                hashes.append(sha256_of_bytes(page.body))
                archive.add(page.body)
                size += len(page.body)
                if size > self.connector.source.max_bytes:
                    raise FetchError(
                        f"sends more than the contract's {self.connector.source.max_bytes:,} bytes", self._at
                    )
                url = self.pager.after(page)
            if last is None or first is None:
                return None
            doubt = self._complete(declared, reader, tuple(digests), before)
        return _Taken(path, tuple(hashes), (replace(first, body=b""), last), doubt)

    @property
    def _at(self) -> str:
        return shown(self.pager.start)

    def _gone(self) -> None:
        """A page that is not there ends paging by number; elsewhere the data went away under us."""
        if self.connector.source.paging.by != "page":
            raise Changed(f"page {self.pager.pages + 1} is gone", self._at)

    def _complete(
        self, declared: Declared, reader: PageReader, pages: tuple[str, ...], before: Changed | None
    ) -> str | None:
        """Why the pass may not be whole, once two passes gave the same `pages`; None where all agrees.

        Raises Changed where it has to be taken again.
        """
        if declared.is_short_of_records():
            raise Changed(f"{declared.total} records declared and {declared.records} sent", self._at)
        ids = reader.ids()
        doubt = declared.doubt(ids)
        found = [doubt or "", f"{ids.repeated} ids came more than once" if ids.repeated else ""]
        what = "; ".join(filter(None, found))
        if what and (before is None or (pages, doubt) != (before.pages, before.doubt)):
            raise Changed(what, self._at, pages, doubt)
        return doubt


def _modified(page: Page) -> datetime | None:
    try:
        return http_date(page.headers.get("last-modified", ""))
    except ValueError:
        return None
