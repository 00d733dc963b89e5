"""Download one HTTP response body into a file, in bounded memory, with size limit, checks and resumption.

After a break the partial file is discarded, unless the server gave a strong ETag and accepts ranges. Then the next
attempt requests the remaining bytes with If-Range (RFC 9110, 13.1.5); a server whose file has changed sends all of it
again. Some servers ignore If-Range, so remaining bytes are appended only when the response carries the same ETag.
The declared length and digests must match what arrived.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from ingestion.connectors.allowed_hosts import redacted
from ingestion.connectors.content_coding import decoded_chunks, is_coded
from ingestion.connectors.fetch_errors import FetchError, RetryableFetchError
from ingestion.errors import DeliveryRefused
from ingestion.parsers.probe import PROBE_BYTES, check_text

BUFFER = 2**20
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_WEB_PAGES = ("text/html", "application/xhtml+xml")
_SHA256 = re.compile(r"sha-256=:?([A-Za-z0-9+/]+=*):?", re.IGNORECASE)
_SHA512 = re.compile(r"sha-512=:?([A-Za-z0-9+/]+=*):?", re.IGNORECASE)


@dataclass
class Download:
    """One file, downloaded in one or more attempts. `resumable` is the strong ETag of the partial file at `path`.

    `headers` are those of the response that started the file: a 206 response for the remaining bytes need not repeat
    them (RFC 9110, 15.3.7). `max_bytes` limits the whole file, with `before` bytes of others.
    """

    path: Path
    max_bytes: int
    media_types: tuple[str, ...] = ()
    resumable: str | None = None
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    before: int = 0

    def conditions(self) -> dict[str, str]:
        """Request headers that ask for the remaining bytes only; empty where nothing can be resumed."""
        # A request header cannot carry an ETag with non-ASCII characters.
        if (
            self.resumable is None
            or not self.resumable.isascii()
            or not self.path.exists()
            or not self.path.stat().st_size
        ):
            return {}
        return {"range": f"bytes={self.path.stat().st_size}-", "if-range": self.resumable}

    def take(self, response: httpx.Response, deadline: float) -> None:
        """Write the response body to `path`; `deadline` is on the monotonic clock.

        Raises FetchError. After a RetryableFetchError a partial file that can be resumed is kept.
        """
        where = redacted(response.url)
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            self._discard()
            raise RetryableFetchError("has no more of the file than what came before the break", where)
        offset = self._start_offset(response, where)
        if not offset:
            self.headers = response.headers
            self.resumable = _resumable(response)
        self._check_media(where)
        self._write(response, offset, deadline, where)
        declared = response.headers.get("content-length", "")
        if declared.isdigit() and response.num_bytes_downloaded != int(declared):
            self._discard()
            raise RetryableFetchError(f"declared {declared} bytes and sent {response.num_bytes_downloaded}", where)
        self._check_range(response, where)
        self._check_digest(where)
        self._check_page(where)

    def _start_offset(self, response: httpx.Response, where: str) -> int:
        """Offset at which the body is written: 0, or the size of the partial file where a 206 response continues it.

        Raises RetryableFetchError where a 206 response holds any other range than all of the remaining bytes.
        """
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            return 0
        size = self.path.stat().st_size if self.resumable is not None and self.path.exists() else 0
        content_range = _RANGE.fullmatch(response.headers.get("content-range", ""))
        is_rest = (
            content_range is not None
            and int(content_range[1]) == size
            and int(content_range[2]) + 1 == int(content_range[3])
        )
        if not is_rest or (size and response.headers.get("etag") != self.resumable) or is_coded(response.headers):
            self._discard()
            raise RetryableFetchError(
                "sent another part of the file, or a part of another file, than was asked for", where
            )
        return size

    def _check_range(self, response: httpx.Response, where: str) -> None:
        """The file has the size that Content-Range declares; a chunked 206 response has no Content-Length to check."""
        content_range = _RANGE.fullmatch(response.headers.get("content-range", ""))
        if (
            response.status_code == httpx.codes.PARTIAL_CONTENT
            and content_range
            and self.path.stat().st_size != int(content_range[3])
        ):
            size = self.path.stat().st_size
            self._discard()
            raise RetryableFetchError(f"declared a file of {content_range[3]} bytes and sent {size}", where)

    def _write(self, response: httpx.Response, offset: int, deadline: float, where: str) -> None:
        declared = response.headers.get("content-length", "")
        size = offset + self.before
        if declared.isdigit() and size + int(declared) > self.max_bytes:
            raise FetchError(f"has {size + int(declared):,} bytes, more than the contract's {self.max_bytes:,}", where)
        with self.path.open("r+b" if offset else "wb", buffering=BUFFER) as file:
            file.seek(offset)
            # Chunks as they arrive: waiting for a fixed size would lose what arrived before a break.
            for chunk in decoded_chunks(response, where):
                size += len(chunk)
                if size > self.max_bytes:
                    raise FetchError(f"sends more than the contract's {self.max_bytes:,} bytes", where)
                if time.monotonic() > deadline:
                    raise FetchError("is too slow: the total time-out of the contract is over", where)
                file.write(chunk)

    def _check_media(self, where: str) -> None:
        media = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if self.media_types and media not in self.media_types:
            raise FetchError(f"sent {media or 'no media type'} where {', '.join(self.media_types)} is declared", where)
        if media in _WEB_PAGES and media not in self.media_types:
            raise FetchError(f"sent a web page ({media}) where data is declared: a login or error page", where)

    def _check_page(self, where: str) -> None:
        """Refuse a login or error page: servers often send one with status 200 and any media type."""
        with self.path.open("rb") as file:
            head = file.read(PROBE_BYTES)
        try:
            check_text(head, "the answer")
        except DeliveryRefused as refusal:
            if refusal.rule == "html_page":
                raise FetchError(f"sent a web page where data is declared: {refusal.message}", where) from None

    def _check_digest(self, where: str) -> None:
        """Compare the file with the digests the server declares: RFC 9530, RFC 3230 (Digest), RFC 1864 (Content-MD5).

        `headers` belong to a response that began with the file's first byte, so a digest of that response's content
        is the digest of the file.
        """
        if is_coded(self.headers):
            return
        declared = ",".join(self.headers.get(name, "") for name in ("repr-digest", "content-digest", "digest"))
        checks: list[tuple[str, Callable[[], hashlib._Hash], str]] = [
            *(("sha-256", hashlib.sha256, found) for found in _SHA256.findall(declared)),
            *(("sha-512", hashlib.sha512, found) for found in _SHA512.findall(declared)),
        ]
        if "content-md5" in self.headers:
            md5 = self.headers["content-md5"]
            checks.append(("MD5", lambda: hashlib.new("md5", usedforsecurity=False), md5))
        for name, algorithm, expected in checks:
            with self.path.open("rb") as file:
                found = hashlib.file_digest(file, algorithm)
            if base64.b64encode(found.digest()).decode() != expected.strip():
                self._discard()
                raise RetryableFetchError(f"sent bytes that do not have the {name} digest it declares", where)

    def _discard(self) -> None:
        self.resumable = None
        self.path.unlink(missing_ok=True)


def _resumable(response: httpx.Response) -> str | None:
    """The strong ETag with which the rest of this response may be requested; None where it cannot be resumed."""
    tag, headers = response.headers.get("etag", ""), response.headers
    takes_ranges = response.status_code == httpx.codes.PARTIAL_CONTENT or "bytes" in headers.get("accept-ranges", "")
    return tag if tag.startswith('"') and takes_ranges and not is_coded(headers) else None
