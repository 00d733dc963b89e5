"""Content codings: a body as it was before the server packed it, whole or not at all.

Nothing is asked for but the bytes as they are; servers that keep packed files send gzip all the same. The HTTP
client would stop after the first member and take a stream that ends early for a whole one, so it is read here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import httpx

from ingestion.connectors.fetch_errors import FetchError, RetryableFetchError

_PIECE = 2**20
_GZIP = 16 + zlib.MAX_WBITS


def is_coded(headers: httpx.Headers) -> bool:
    """Whether the body is packed, so that length, digest and ranges are not those of the data."""
    return _coding(headers) != "identity"


def pieces(response: httpx.Response, where: str) -> Iterator[bytes]:
    """The body, piece by piece as it comes. Raises FetchError: a retryable one where it ends early."""
    coding = _coding(response.headers)
    if coding == "identity":
        yield from response.iter_raw()
    elif coding in ("gzip", "x-gzip"):
        try:
            yield from _unpacked(response.iter_raw(), where)
        except zlib.error as error:
            raise RetryableFetchError(f"sent gzip that cannot be unpacked ({error})", where) from None
    else:
        raise FetchError(f"answered in the coding {coding}, which was not asked for", where)


def _coding(headers: httpx.Headers) -> str:
    return headers.get("content-encoding", "").strip().lower() or "identity"


def _unpacked(packed: Iterator[bytes], where: str) -> Iterator[bytes]:
    """Every member (RFC 1952, 2.2) to its end, with its checksum; zero bytes after a member are padding."""
    member = zlib.decompressobj(_GZIP)
    for chunk in packed:
        rest = chunk
        while rest:
            if member.eof:
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                member = zlib.decompressobj(_GZIP)
            yield member.decompress(rest, _PIECE)
            rest = member.unused_data if member.eof else member.unconsumed_tail
    yield member.flush()
    if not member.eof:
        raise RetryableFetchError("broke off: its gzip has no end", where)
