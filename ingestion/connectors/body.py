"""The body of an answer into a file: in bounded memory, counted, capped, checked, begun again or resumed.

A half body is thrown away, unless the server gave a strong ETag and takes ranges: then the rest is asked for
with If-Range, and a changed file comes whole again. A server may not know If-Range, so a rest is joined only
under the same tag. What was declared (length, digest) must hold.
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

from ingestion.connectors.coding import is_coded, pieces
from ingestion.connectors.fetch_errors import FetchError, RetryableFetchError
from ingestion.connectors.onward import shown
from ingestion.errors import DeliveryRefused
from ingestion.parsers.probe import PROBE_BYTES, check_text

BUFFER = 2**20
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_WEB_PAGES = ("text/html", "application/xhtml+xml")
_SHA256 = re.compile(r"sha-256=:?([A-Za-z0-9+/]+=*):?", re.IGNORECASE)
_SHA512 = re.compile(r"sha-512=:?([A-Za-z0-9+/]+=*):?", re.IGNORECASE)


@dataclass
class Download:
    """One file over several attempts. `resumable` is the strong ETag of the part that lies at `path`.

    `headers` are those of the answer the file begins with: a rest need not repeat them (RFC 9110, 15.3.7).
    """

    path: Path
    max_bytes: int
    media_types: tuple[str, ...] = ()
    resumable: str | None = None
    headers: httpx.Headers = field(default_factory=httpx.Headers)

    def conditions(self) -> dict[str, str]:
        """Request headers that ask for the rest only; empty where nothing can be resumed."""
        # A tag beyond ASCII cannot be sent back.
        if (
            self.resumable is None
            or not self.resumable.isascii()
            or not self.path.exists()
            or not self.path.stat().st_size
        ):
            return {}
        return {"range": f"bytes={self.path.stat().st_size}-", "if-range": self.resumable}

    def take(self, response: httpx.Response, deadline: float) -> None:
        """Write the answer's body. Raises FetchError; after RetryableFetchError the part that may be resumed stays."""
        where = shown(response.url)
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            self._forget()
            raise RetryableFetchError("has no more of the file than what came before the break", where)
        begin = self._begin(response, where)
        if not begin:
            self.headers = response.headers
            self.resumable = _resumable(response)
        self._check_media(where)
        self._write(response, begin, deadline, where)
        declared = response.headers.get("content-length", "")
        if declared.isdigit() and response.num_bytes_downloaded != int(declared):
            self._forget()
            raise RetryableFetchError(f"declared {declared} bytes and sent {response.num_bytes_downloaded}", where)
        self._check_range(response, where)
        self._check_digest(where)
        self._check_page(where)

    def _begin(self, response: httpx.Response, where: str) -> int:
        """Where the body belongs in the file: a part must begin at our end and reach to the file's own."""
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            return 0
        have = self.path.stat().st_size if self.resumable is not None and self.path.exists() else 0
        said = _RANGE.fullmatch(response.headers.get("content-range", ""))
        is_rest = said is not None and int(said[1]) == have and int(said[2]) + 1 == int(said[3])
        if not is_rest or (have and response.headers.get("etag") != self.resumable) or is_coded(response.headers):
            self._forget()
            raise RetryableFetchError(
                "sent another part of the file, or a part of another file, than was asked for", where
            )
        return have

    def _check_range(self, response: httpx.Response, where: str) -> None:
        """A part reaches to the file's end, as its Content-Range said: chunked, it has no length of its own."""
        said = _RANGE.fullmatch(response.headers.get("content-range", ""))
        if response.status_code == httpx.codes.PARTIAL_CONTENT and said and self.path.stat().st_size != int(said[3]):
            have = self.path.stat().st_size
            self._forget()
            raise RetryableFetchError(f"declared a file of {said[3]} bytes and sent {have}", where)

    def _write(self, response: httpx.Response, begin: int, deadline: float, where: str) -> None:
        declared = response.headers.get("content-length", "")
        size = begin
        if declared.isdigit() and size + int(declared) > self.max_bytes:
            raise FetchError(f"has {size + int(declared):,} bytes, more than the contract's {self.max_bytes:,}", where)
        with self.path.open("r+b" if begin else "wb", buffering=BUFFER) as file:
            file.seek(begin)
            # Pieces as they come: a fixed size would hold back, and lose, what came before a break.
            for chunk in pieces(response, where):
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
        """A login or error page often comes as 200, under any media type."""
        with self.path.open("rb") as file:
            head = file.read(PROBE_BYTES)
        try:
            check_text(head, "the answer")
        except DeliveryRefused as refusal:
            if refusal.rule == "html_page":
                raise FetchError(f"sent a web page where data is declared: {refusal.message}", where) from None

    def _check_digest(self, where: str) -> None:
        """What the server says the whole file hashes to (RFC 9530, RFC 3230, RFC 1864), where it says so.

        `headers` are those of an answer with the file from its first byte, so digests of its content are the file's.
        """
        if is_coded(self.headers):
            return
        said = ",".join(self.headers.get(name, "") for name in ("repr-digest", "content-digest", "digest"))
        checks: list[tuple[str, Callable[[], hashlib._Hash], str]] = [
            *(("sha-256", hashlib.sha256, found) for found in _SHA256.findall(said)),
            *(("sha-512", hashlib.sha512, found) for found in _SHA512.findall(said)),
        ]
        if "content-md5" in self.headers:
            md5 = self.headers["content-md5"]
            checks.append(("MD5", lambda: hashlib.new("md5", usedforsecurity=False), md5))
        for name, made, expected in checks:
            with self.path.open("rb") as file:
                found = hashlib.file_digest(file, made)
            if base64.b64encode(found.digest()).decode() != expected.strip():
                self._forget()
                raise RetryableFetchError(f"sent bytes that do not have the {name} digest it declares", where)

    def _forget(self) -> None:
        self.resumable = None
        self.path.unlink(missing_ok=True)


def _resumable(response: httpx.Response) -> str | None:
    """The strong ETag under which the rest of this answer may be asked for."""
    tag, headers = response.headers.get("etag", ""), response.headers
    takes_ranges = response.status_code == httpx.codes.PARTIAL_CONTENT or "bytes" in headers.get("accept-ranges", "")
    return tag if tag.startswith('"') and takes_ranges and not is_coded(headers) else None
