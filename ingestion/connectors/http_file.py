"""Connector for one file over HTTP(S): the file at the contract's URL is the interval's delivery.

The request is conditional where the interval has a committed delivery already. A missing file (404, 410) means that
the delivery has not arrived yet. A web page in place of data is an error of the server, not a delivery: it is reported
and not landed (docs/adr/0008-what-a-web-source-delivers.md).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

import httpx

from ingestion.connectors.allowed_hosts import redacted
from ingestion.connectors.base import Fetched, content_as_of
from ingestion.connectors.body import Download
from ingestion.connectors.earlier_delivery import EarlierDeliveries, EarlierDelivery
from ingestion.connectors.fetch_errors import FetchError, http_date
from ingestion.connectors.scratch import manifest_headers, scratch_folder, source_name
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
    """See ingestion.connectors.base.Connector. All intervals share one HTTP session."""

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
        """The file at the interval's URL; empty where there is none.

        Where the server answers 304, the delivery has no bytes and `known` names the batch that is still current.
        """
        url = self._session.url(fill_interval(self.source.url, contract, interval))
        earlier = self._earlier.of(interval, source_name("http", url))
        with scratch_folder(self.lake, contract, interval) as scratch:
            media_types = tuple(name.lower() for name in self.source.media_types)
            download = Download(scratch.folder / "payload", self.source.max_bytes, media_types)
            conditions = earlier.conditions if earlier else {}

            deadline = self._session.deadline()

            def attempt() -> Fetched | None:
                with self._session.get(url, deadline, download.conditions() or conditions) as response:
                    if response.status_code in _NOT_THERE:
                        return None
                    if response.status_code == httpx.codes.NOT_MODIFIED:
                        return self._not_modified(url, earlier, now)
                    download.take(response, deadline)
                    return self._fetched(url, download, interval, now)

            fetched = self._session.with_retries(attempt, deadline)
            if fetched is not None and fetched.known is None:
                scratch.remove_with(fetched)
            return [fetched] if fetched else []

    def _fetched(self, url: httpx.URL, download: Download, interval: Interval, now: datetime) -> Fetched:
        try:
            modified = http_date(download.headers.get("last-modified", ""))
        except ValueError:
            modified = now
        return Fetched(
            path=download.path,
            filename=unquote(Path(url.path).name) or self.contract.feed,
            source=source_name("http", url),
            connector=NAME,
            fetched_at=now.astimezone(UTC),
            content_as_of=content_as_of(self.contract, interval, modified=modified, fetched=now),
            headers=manifest_headers(download.headers),
            replaces=True,
        )

    def _not_modified(self, url: httpx.URL, earlier: EarlierDelivery | None, now: datetime) -> Fetched:
        if earlier is None:
            raise FetchError("answered 304 to a request that was not conditional", redacted(url))
        return Fetched(
            path=Path(os.devnull),
            filename=earlier.filename,
            source=source_name("http", url),
            connector=NAME,
            fetched_at=now.astimezone(UTC),
            content_as_of=earlier.content_as_of,
            known=earlier.batch,
        )
