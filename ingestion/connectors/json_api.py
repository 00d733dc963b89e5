"""Connector for a paged JSON API: all pages of an interval, in order, are one delivery.

A paging pass requests every page. Where the data changed meanwhile, the pass is restarted; after the last restart the
fetch fails and nothing is delivered. Where two passes give the same records, but not what the server declares about
them, the records are delivered with a doubt (ingestion.connectors.declared). The pages are stored unchanged in one
archive (ingestion.parsers.pages). An interval that has not ended is not requested yet: the answer would be incomplete.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import httpx

from ingestion.connectors.allowed_hosts import redacted
from ingestion.connectors.base import Fetched, content_as_of
from ingestion.connectors.body import Download
from ingestion.connectors.declared import DataChanged, Declared
from ingestion.connectors.fetch_errors import FetchError, RetryableFetchError, http_date
from ingestion.connectors.pages import Page, PageReader
from ingestion.connectors.paging import Pager
from ingestion.connectors.scratch import manifest_headers, scratch_folder, source_name
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
        """One delivery of all pages; empty where the interval has not ended or the API answers 404 or 410."""
        if contract.citylake.delivery != "snapshot" and interval.end > now:
            return []
        start = self._session.url(self.source.url)
        params = fill_params(self.source, contract, interval)
        with scratch_folder(self.lake, contract, interval) as scratch:
            finished = self._first_stable_pass(start, params, scratch.folder)
            if finished is None:
                return []
            modified = max((_modified(page) or now for page in finished.ends), default=now)
            fetched = Fetched(
                path=finished.path,
                filename=f"{contract.feed}_{interval.id}.pages.zip",
                source=source_name("json_api", start.copy_merge_params(params)),
                connector=NAME,
                fetched_at=now.astimezone(UTC),
                content_as_of=content_as_of(contract, interval, modified=modified, fetched=now),
                headers=manifest_headers(
                    {k: v for k, v in finished.ends[0].headers.items() if k in ("date", "content-type")}
                ),
                pages=finished.pages,
                replaces=True,
                doubt=finished.doubt,
            )
            return [scratch.remove_with(fetched)]

    def _first_stable_pass(self, start: httpx.URL, params: dict[str, str], folder: Path) -> _FinishedPass | None:
        """The first paging pass during which the data did not change; None where the API has no data (404, 410).

        Raises FetchError where the data changed during every pass.
        """
        deadline = self._session.deadline()
        previous: DataChanged | None = None
        for restarts_left in range(self.source.restarts, -1, -1):
            paging_pass = _PagingPass(
                self, Pager(self.source, start, params, self._session.allowed_hosts), folder, deadline
            )
            try:
                return paging_pass.run(previous)
            except DataChanged as change:
                previous = change
                if not restarts_left:
                    tries = self.source.restarts + 1
                    what = f"changes while it is paged, {tries} times in a row: {change.what}"
                    raise RetryableFetchError(what, redacted(start)) from None
        return None

    def page(self, url: httpx.URL, reader: PageReader, file: Path, deadline: float) -> Page | None:
        """One page, with retries, stored at `file` meanwhile; None where the server has no such page (404, 410)."""

        def attempt() -> Page | None:
            download = Download(file, self.source.max_page_bytes)
            with self._session.get(url, deadline) as response:
                if response.status_code in _NOT_THERE:
                    return None
                download.take(response, deadline)
                return reader.read(file.read_bytes(), response)

        return self._session.with_retries(attempt, deadline)

    def reader(self) -> PageReader:
        """A reader of pages in the contract's format."""
        spec = self.contract.citylake.format
        records, encoding = (spec.records, spec.encoding) if isinstance(spec, JsonFormat) else ("$", "utf-8")
        return PageReader(self.source, records, encoding)


@dataclass(frozen=True)
class _FinishedPass:
    """A complete pass: path of the archive, sha256 of each page, first and last page (without body), and the doubt."""

    path: Path
    pages: tuple[str, ...]
    ends: tuple[Page, Page]
    doubt: str | None


@dataclass
class _PagingPass:
    """One pass over all pages of an interval."""

    connector: JsonApiConnector
    pager: Pager
    folder: Path
    deadline: float

    def run(self, previous: DataChanged | None) -> _FinishedPass | None:
        """Request all pages; None where the first does not exist. Raises DataChanged where the data changed meanwhile.

        `previous` is the DataChanged of the pass before; the same result again is accepted (see `_check_complete`).
        """
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
                    self._check_missing_page()
                    break
                first = first or page
                last = replace(page, body=b"")
                change = declared.add(page)
                if change is not None:
                    raise DataChanged(change, self._where)
                digests.append(page.digest)
                hashes.append(sha256_of_bytes(page.body))
                archive.add(page.body)
                size += len(page.body)
                if size > self.connector.source.max_bytes:
                    raise FetchError(
                        f"sends more than the contract's {self.connector.source.max_bytes:,} bytes", self._where
                    )
                url = self.pager.after(page)
            if last is None or first is None:
                return None
            doubt = self._check_complete(declared, reader, tuple(digests), previous)
        return _FinishedPass(path, tuple(hashes), (replace(first, body=b""), last), doubt)

    @property
    def _where(self) -> str:
        return redacted(self.pager.start)

    def _check_missing_page(self) -> None:
        """A missing page ends paging by number. With any other kind of paging the data changed: raises DataChanged."""
        if self.connector.source.paging.by != "page":
            raise DataChanged(f"page {self.pager.pages + 1} is gone", self._where)

    def _check_complete(
        self, declared: Declared, reader: PageReader, pages: tuple[str, ...], previous: DataChanged | None
    ) -> str | None:
        """Why the delivery may be incomplete, where two passes gave the same `pages`; None where everything agrees.

        Raises DataChanged where the pass must be repeated.
        """
        if declared.is_short_of_records():
            raise DataChanged(f"{declared.total} records declared and {declared.records} sent", self._where)
        ids = reader.ids()
        doubt = declared.doubt(ids)
        reasons = [doubt or "", f"{ids.repeated} ids came more than once" if ids.repeated else ""]
        what = "; ".join(filter(None, reasons))
        if what and (previous is None or (pages, doubt) != (previous.pages, previous.doubt)):
            raise DataChanged(what, self._where, pages, doubt)
        return doubt


def _modified(page: Page) -> datetime | None:
    try:
        return http_date(page.headers.get("last-modified", ""))
    except ValueError:
        return None
