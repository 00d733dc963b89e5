"""Decode the Content-Encoding of a response body (RFC 9110, 8.4): identity or gzip.

Requests ask for identity, but servers that store gzip files send gzip all the same. httpx would stop after the first
gzip member and accept a stream that ends early, so the members are decompressed here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import httpx

from ingestion.connectors.fetch_errors import FetchError, RetryableFetchError

_CHUNK_BYTES = 2**20
_GZIP = 16 + zlib.MAX_WBITS


def is_coded(headers: httpx.Headers) -> bool:
    """Whether the body is compressed, so that its declared length, digest and ranges are not those of the data."""
    return _coding(headers) != "identity"


def decoded_chunks(response: httpx.Response, where: str) -> Iterator[bytes]:
    """The decoded body, chunk by chunk as it arrives.

    Raises RetryableFetchError where gzip data is damaged or ends early, FetchError for any other coding.
    """
    content_coding = _coding(response.headers)
    if content_coding == "identity":
        yield from response.iter_raw()
    elif content_coding in ("gzip", "x-gzip"):
        try:
            yield from _decompressed(response.iter_raw(), where)
        except zlib.error as error:
            raise RetryableFetchError(f"sent gzip that cannot be unpacked ({error})", where) from None
    else:
        raise FetchError(f"answered in the coding {content_coding}, which was not asked for", where)


def _coding(headers: httpx.Headers) -> str:
    return headers.get("content-encoding", "").strip().lower() or "identity"


def _decompressed(compressed: Iterator[bytes], where: str) -> Iterator[bytes]:
    """Decompress every gzip member (RFC 1952, 2.2) and check its checksum; zero bytes after a member are padding."""
    member = zlib.decompressobj(_GZIP)
    for chunk in compressed:
        rest = chunk
        while rest:
            if member.eof:
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                member = zlib.decompressobj(_GZIP)
            yield member.decompress(rest, _CHUNK_BYTES)
            rest = member.unused_data if member.eof else member.unconsumed_tail
    yield member.flush()
    if not member.eof:
        raise RetryableFetchError("broke off: its gzip has no end", where)
