"""Fetched bytes on this machine: a private folder that lives as long as its delivery, and what is told of a source."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from ingestion.connectors.base import Fetched
from ingestion.connectors.fetch_errors import FetchError, as_source_error
from ingestion.connectors.local_file import cannot_be_kept
from ingestion.connectors.onward import shown
from ingestion.contract.model import Contract
from ingestion.intervals import Interval
from ingestion.lake import Lake

KEPT_HEADERS = (
    "content-length", "content-md5", "content-type", "date", "digest", "etag", "last-modified", "repr-digest",
)  # fmt: skip
"""Response headers a manifest keeps; nothing else a server says is written down."""


class Keep:
    """A scratch folder: gone at the end of the step, or with the delivery it was given to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept = False

    def until_gone(self, fetched: Fetched) -> Fetched:
        """Remove the folder when nobody holds the delivery any more, at the latest when the process ends."""
        weakref.finalize(fetched, shutil.rmtree, self.folder, ignore_errors=True)
        self._kept = True
        return fetched

    def close(self) -> None:
        """Remove the folder unless it was given to a delivery."""
        if not self._kept:
            shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def fetching(lake: Lake, contract: Contract, interval: Interval) -> Iterator[Keep]:
    """A scratch folder for one fetch; a server's FetchError leaves it as SourceError, a full disk as StoreError."""
    try:
        lake.settings.scratch_root.mkdir(parents=True, exist_ok=True, mode=0o700)
        keep = Keep(Path(tempfile.mkdtemp(dir=lake.settings.scratch_root)))
        try:
            yield keep
        finally:
            keep.close()
    except FetchError as error:
        raise as_source_error(error, contract, interval) from error
    except OSError as error:
        raise cannot_be_kept(contract, interval, "what the department sends", error) from error


def recorded(connector: str, url: httpx.URL) -> str:
    """The source as a manifest says it: the contract's own URL, without a login."""
    query = f"?{url.query.decode()}" if url.query else ""
    return f"{connector}:{shown(url)}{query}"


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The response headers that go into the manifest."""
    return {name: headers[name] for name in KEPT_HEADERS if name in headers}
