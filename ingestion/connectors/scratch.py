"""The temporary folder of a fetch, removed together with its delivery, and what a manifest records of the source."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from ingestion.connectors.allowed_hosts import redacted
from ingestion.connectors.base import Fetched
from ingestion.connectors.fetch_errors import FetchError, as_source_error
from ingestion.connectors.local_file import cannot_be_kept
from ingestion.contract.model import Contract
from ingestion.intervals import Interval
from ingestion.lake import Lake

MANIFEST_HEADERS = (
    "content-length", "content-md5", "content-type", "date", "digest", "etag", "last-modified", "repr-digest",
)  # fmt: skip
"""Response headers that a manifest keeps; no other header is written anywhere."""


class ScratchFolder:
    """A temporary folder, removed by `close`, or together with the delivery it was handed to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._is_handed_over = False

    def remove_with(self, fetched: Fetched) -> Fetched:
        """Keep the folder until `fetched` is garbage-collected, at the latest until the process ends. Returns it."""
        weakref.finalize(fetched, shutil.rmtree, self.folder, ignore_errors=True)
        self._is_handed_over = True
        return fetched

    def close(self) -> None:
        """Remove the folder unless it was given to a delivery."""
        if not self._is_handed_over:
            shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def scratch_folder(lake: Lake, contract: Contract, interval: Interval) -> Iterator[ScratchFolder]:
    """A temporary folder for one fetch, removed at the end unless it was handed to a delivery.

    Inside, a FetchError becomes a SourceError, and an OSError (such as a full disk) a StoreError.
    """
    try:
        lake.settings.scratch_root.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = ScratchFolder(Path(tempfile.mkdtemp(dir=lake.settings.scratch_root)))
        try:
            yield scratch
        finally:
            scratch.close()
    except FetchError as error:
        raise as_source_error(error, contract, interval) from error
    except OSError as error:
        raise cannot_be_kept(contract, interval, "what the department sends", error) from error


def source_name(connector: str, url: httpx.URL) -> str:
    """The `source` of a manifest: connector name and URL, without a login."""
    query = f"?{url.query.decode()}" if url.query else ""
    return f"{connector}:{redacted(url)}{query}"


def manifest_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The response headers that go into the manifest (MANIFEST_HEADERS)."""
    return {name: headers[name] for name in MANIFEST_HEADERS if name in headers}
