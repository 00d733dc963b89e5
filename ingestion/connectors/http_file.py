"""One file over HTTP(S): what lies at the contract's URL now is the interval's delivery.

Asked for conditionally where the interval has a delivery already; a file that is not there (404, 410) is
awaited. A web page where data is declared is the server's failure, not a delivery: it is told and
not landed (docs/adr/0008-what-a-web-source-delivers.md).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

import httpx

from ingestion.connectors.base import Fetched, content_as_of
from ingestion.connectors.body import Download
from ingestion.connectors.earlier import Earlier, EarlierDeliveries
from ingestion.connectors.fetch_errors import FetchError, http_date
from ingestion.connectors.fetched import fetching, kept, recorded
from ingestion.connectors.onward import shown
from ingestion.connectors.templates import fill_interval
from ingestion.connectors.web import Session
from ingestion.contract.model import Contract
from ingestion.contract.sources import HttpFile
from ingestion.intervals import Interval
from ingestion.lake import Lake

NAME = "http/1"
_NOT_THERE = (httpx.codes.NOT_FOUND, httpx.codes.GONE)


@dataclass(frozen=True)
class HttpFileConnector:
    """See ingestion.connectors.base.Connector. One session for all intervals asked for."""

    lake: Lake
    contract: Contract
    source: HttpFile

    @cached_property
    def _session(self) -> Session:
        name = self.source.connection
        return Session(self.source, self.lake.connection(name) if name else None)

    @cached_property
    def _earlier(self) -> EarlierDeliveries:
        return EarlierDeliveries(self.lake, self.contract)

    def fetch(self, contract: Contract, interval: Interval, now: datetime) -> list[Fetched]:
        """The file at the interval's URL, `known` where it is the one we have; empty where there is none."""
        url = self._session.url(fill_interval(self.source.url, contract, interval))
        earlier = self._earlier.of(interval, recorded("http", url))
        with fetching(self.lake, contract, interval) as keep:
            media_types = tuple(name.lower() for name in self.source.media_types)
            download = Download(keep.folder / "payload", self.source.max_bytes, media_types)
            newer = earlier.conditions if earlier else {}

            deadline = self._session.deadline()

            def attempt() -> Fetched | None:
                with self._session.get(url, deadline, download.conditions() or newer) as response:
                    if response.status_code in _NOT_THERE:
                        return None
                    if response.status_code == httpx.codes.NOT_MODIFIED:
                        return self._still(url, earlier, now)
                    download.take(response, deadline)
                    return self._fetched(url, download, interval, now)

            fetched = self._session.with_retries(attempt, deadline)
            if fetched is not None and fetched.known is None:
                keep.until_gone(fetched)
            return [fetched] if fetched else []

    def _fetched(self, url: httpx.URL, download: Download, interval: Interval, now: datetime) -> Fetched:
        try:
            modified = http_date(download.headers.get("last-modified", ""))
        except ValueError:
            modified = now
        return Fetched(
            path=download.path,
            filename=unquote(Path(url.path).name) or self.contract.feed,
            source=recorded("http", url),
            connector=NAME,
            fetched_at=now.astimezone(UTC),
            content_as_of=content_as_of(self.contract, interval, modified=modified, fetched=now),
            headers=kept(download.headers),
            replaces=True,
        )

    def _still(self, url: httpx.URL, earlier: Earlier | None, now: datetime) -> Fetched:
        if earlier is None:
            raise FetchError("answered 304 to a request that was not conditional", shown(url))
        return Fetched(
            path=Path(os.devnull),
            filename=earlier.filename,
            source=recorded("http", url),
            connector=NAME,
            fetched_at=now.astimezone(UTC),
            content_as_of=earlier.content_as_of,
            known=earlier.batch,
        )
