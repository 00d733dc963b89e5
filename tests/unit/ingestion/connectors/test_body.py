"""A body is what the server sent, wherever its pieces, its gzip members and its breaks fall."""

from __future__ import annotations

import gzip
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from hypothesis import given
from hypothesis import strategies as st

from ingestion.connectors.body import Download
from ingestion.connectors.content_coding import decoded_chunks

URL = "https://example.org/x.csv"


class Stream(httpx.SyncByteStream):
    """A body in pieces; `breaks`: the connection is lost after the last of them."""

    def __init__(self, body: bytes, size: int, *, breaks: bool = False) -> None:
        self._body, self._size, self._breaks = body, size, breaks

    def __iter__(self) -> Iterator[bytes]:
        for at in range(0, len(self._body), self._size):
            yield self._body[at : at + self._size]
        if self._breaks:
            raise httpx.ReadError("connection lost")


@given(members=st.lists(st.binary(max_size=60), min_size=1, max_size=4), size=st.integers(1, 50), pad=st.integers(0, 9))
def test_gzip_members_may_end_anywhere(members: list[bytes], size: int, pad: int) -> None:
    packed = b"".join(gzip.compress(member) + b"\0" * pad for member in members)
    answer = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Stream(packed, size))
    assert b"".join(decoded_chunks(answer, URL)) == b"".join(members)


@given(
    body=st.binary(min_size=1, max_size=200), size=st.integers(1, 30), breaks=st.lists(st.integers(0, 60), max_size=8)
)
def test_a_file_is_joined_wherever_it_breaks(body: bytes, size: int, breaks: list[int]) -> None:
    facts = {"etag": '"v1"', "accept-ranges": "bytes"}
    with tempfile.TemporaryDirectory() as folder:
        download = Download(Path(folder) / "payload", 1000)
        for sent in [*breaks, len(body)]:
            asked = download.conditions().get("range", "")
            begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            if begin == len(body):
                break
            part = {"content-range": f"bytes {begin}-{len(body) - 1}/{len(body)}"} if begin else {}
            headers = {**facts, **part, "content-length": str(len(body) - begin)}
            rest = body[begin : begin + sent]
            stream = Stream(rest, size, breaks=begin + len(rest) < len(body))
            answer = httpx.Response(
                206 if begin else 200, headers=headers, stream=stream, request=httpx.Request("GET", URL)
            )
            try:
                download.take(answer, time.monotonic() + 60)
            except httpx.ReadError:
                continue
        assert download.path.read_bytes() == body
