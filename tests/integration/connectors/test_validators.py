"""What a server says of its file and may not mean: parts of another version, clipped codings, times too coarse."""

from __future__ import annotations

import base64
import gzip
import hashlib
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ingestion.delivery.ingest import ingest_interval
from ingestion.errors import SourceError
from ingestion.lake import Lake
from ingestion.receipts.manifests import read_manifest
from tests.support.lakes import START, counted, day, rows
from tests.support.web import MODIFIED, Answer, Asked, Server
from warehouse.capture import Captured, capture

PATH = "/files/readings_20260302.csv"
TEXT = rows("abc").encode()
OLD, NEW = rows(range(20_000), value=1).encode(), rows(range(20_000), value=2).encode()
CUT = 100_000


def at(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


def part(body: bytes, start: int, **said: str) -> Answer:
    """The rest of a file from `start` on."""
    return Answer(body[start:], 206, {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}", **said})


@pytest.mark.parametrize("tag", [{"ETag": '"new"'}, {}])
def test_a_part_of_another_version_is_not_joined_to_what_came_before(
    made: Lake, server: Server, http_contract, tag: dict[str, str]
) -> None:
    """A server that takes ranges and does not know If-Range answers with a part of whatever lies there now."""

    def route(asked: Asked) -> Answer:
        if "range" in asked.headers:
            return part(NEW, int(asked.headers["range"].removeprefix("bytes=").rstrip("-")), **tag)
        if len(server.asked) == 1:
            return Answer(OLD, headers={"ETag": '"old"', "Accept-Ranges": "bytes"}, cut=CUT)
        return Answer(NEW, headers=tag)

    server.routes[PATH] = route
    ingest_interval(made, http_contract(), day(0))
    assert set(counted(made).values()) == {2.0}


def test_a_resumed_file_is_described_by_its_first_answer(made: Lake, server: Server, http_contract) -> None:
    """An answer to If-Range leaves out what the client knows already (RFC 9110, 15.3.7)."""
    said = {
        "ETag": '"1"',
        "Accept-Ranges": "bytes",
        "Last-Modified": at(MODIFIED),
        "Content-Type": "text/csv",
    }
    server.script(PATH, Answer(OLD, headers=said, cut=CUT), part(OLD, CUT, ETag='"1"'))
    feed = http_contract(media_types=["text/csv"])
    (delivery,) = ingest_interval(made, feed, day(0))
    manifest = read_manifest(made.store, feed, day(0), delivery.batch)
    assert manifest.content_as_of == MODIFIED
    assert manifest.headers["last-modified"] == at(MODIFIED)
    assert manifest.headers["content-length"] == str(len(OLD))


def gzipped(*texts: bytes) -> bytes:
    return b"".join(gzip.compress(text) for text in texts)


def test_a_packed_answer_of_several_members_is_read_to_its_end(made: Lake, server: Server, http_contract) -> None:
    """A server that packs as it goes appends members (RFC 1952, 2.2): together they are the file."""
    packed = gzipped(OLD[:CUT], OLD[CUT:]) + bytes(512)
    server.script(PATH, Answer(packed, headers={"Content-Encoding": "gzip"}))
    (delivery,) = ingest_interval(made, http_contract(), day(0))
    assert delivery.received == 20_000


@pytest.mark.parametrize("damage", ["half", "last byte", "rot"])
def test_a_packed_answer_that_ends_early_is_not_the_file(made: Lake, server: Server, http_contract, damage) -> None:
    """A proxy that lost its own upstream ends its answer properly: only the packing tells that a part is missing."""
    packed = gzipped(OLD)
    bodies = {"half": packed[: len(packed) // 2], "last byte": packed[:-1], "rot": packed[:-8] + bytes(8)}
    server.script(PATH, Answer(bodies[damage], headers={"Content-Encoding": "gzip"}, chunked=True))
    with pytest.raises(SourceError, match="gzip"):
        ingest_interval(made, http_contract(), day(0))
    assert not list(made.store.list(""))
    assert len(server.asked) == 3


def test_a_coding_nobody_asked_for_is_told(made: Lake, server: Server, http_contract) -> None:
    server.script(PATH, Answer(b"\x0b\x02\x80abc\x03", headers={"Content-Encoding": "br"}))
    with pytest.raises(SourceError, match="answered in the coding br"):
        ingest_interval(made, http_contract(), day(0))


@pytest.mark.parametrize("tag", [{}, {"ETag": '"mtime-size"'}])
def test_a_file_changed_again_in_the_second_it_was_fetched_in(made: Lake, server: Server, http_contract, tag) -> None:
    """Last-Modified counts seconds, and so do tags made of it: such a validator cannot tell the two versions apart."""
    said = {"Last-Modified": at(MODIFIED), "Date": at(MODIFIED), **tag}

    def conditional(body: bytes):
        def route(asked: Asked) -> Answer:
            known = "if-none-match" in asked.headers or "if-modified-since" in asked.headers
            return Answer(status=304, headers=said) if known else Answer(body, headers=said)

        return route

    feed = http_contract()
    server.routes[PATH] = conditional(TEXT)
    ingest_interval(made, feed, day(0))
    server.routes[PATH] = conditional(rows("abc", value=2).encode())
    captured = Captured()
    capture(replace(made, contracts={"office.readings": feed}), feed, START.date(), captured)
    assert counted(made) == dict.fromkeys("abc", 2)


def test_a_changed_file_of_the_same_size_and_second_is_taken(made: Lake, server: Server, http_contract) -> None:
    feed = http_contract()
    server.file(PATH, TEXT)
    ingest_interval(made, feed, day(0))
    server.file(PATH, rows("abc", value=2).encode())
    captured = Captured()
    capture(made, feed, START.date(), captured)
    assert captured.known == 0
    assert counted(made) == dict.fromkeys("abc", 2)


@pytest.mark.parametrize("rule", ["modified", "fetched", "interval_end"])
def test_a_file_taken_back_to_its_earlier_version_counts_again(
    made: Lake, server: Server, http_contract, rule: str
) -> None:
    """A URL holds one version: what it gives now is the department's word, though the bytes were there before."""
    feed = http_contract()
    feed = replace(feed, citylake=feed.citylake.model_copy(update={"content_as_of": rule}))
    for number, value in enumerate((1, 2, 1)):
        server.file(PATH, rows("abc", value=value).encode(), modified=MODIFIED + timedelta(hours=number))
        ingest_interval(made, feed, day(0))
        assert counted(made) == dict.fromkeys("abc", value)


def test_a_date_to_wait_for_is_the_servers_own(made: Lake, server: Server, http_contract) -> None:
    """Its clock may be wrong, but its two times agree."""
    wrong = datetime.now(UTC) - timedelta(hours=1)
    busy = {"Retry-After": at(wrong + timedelta(seconds=2)), "Date": at(wrong)}
    server.script(PATH, Answer(b"busy", 503, busy), Answer(TEXT))
    began = time.monotonic()
    ingest_interval(made, http_contract(), day(0))
    assert time.monotonic() - began >= 1.9


@pytest.mark.parametrize("name", ["Content-Digest", "Repr-Digest", "Digest"])
@pytest.mark.parametrize("kind", ["sha-256", "sha-512"])
def test_a_digest_that_does_not_hold(made: Lake, server: Server, http_contract, name: str, kind: str) -> None:
    """Under each name it has had (RFC 9530, RFC 3230), and the body is whole by its length."""
    other = base64.b64encode(hashlib.new(kind.replace("-", ""), b"another file").digest()).decode()
    said = f"{kind}={other}" if name == "Digest" else f"{kind}=:{other}:"
    server.script(PATH, Answer(TEXT, headers={name: said}))
    with pytest.raises(SourceError, match=f"do not have the {kind} digest it declares"):
        ingest_interval(made, http_contract(attempts=1), day(0))


def test_a_part_that_ends_before_its_own_range(made: Lake, server: Server, http_contract) -> None:
    """Chunked, it has no length; its Content-Range declares one."""
    headers = {"ETag": '"1"', "Accept-Ranges": "bytes"}
    begun, size = Answer(TEXT, headers=headers, cut=20), len(TEXT)
    rest = {**headers, "Content-Range": f"bytes 20-{size - 1}/{size}"}
    server.script(PATH, begun, Answer(TEXT[20:-9], 206, rest, chunked=True))
    with pytest.raises(SourceError, match=f"declared a file of {size} bytes and sent {size - 9}"):
        ingest_interval(made, http_contract(attempts=2), day(0))
    server.script(PATH, begun, Answer(TEXT[20:-9], 206, rest, chunked=True), Answer(TEXT, headers=headers))
    assert ingest_interval(made, http_contract(), day(0))[0].accepted == 3
