"""Every way a department's server fails, on a lake with a release: told, nothing stored, release and counts right.

Each fault is met by a file over HTTP and by a paged API. After it the release is the one before and the lake
reconciles; when the server is well again the next run takes the data in, once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from ingestion.conform.pseudonym import PseudonymKeys
from ingestion.connections import Connection
from ingestion.contract.model import Contract
from ingestion.delivery.ingest import ingest_interval
from ingestion.errors import SourceError
from ingestion.lake import Lake
from tests.support.lakes import day, rows
from tests.support.pages import PATH as API
from tests.support.pages import Api, readings
from tests.support.small_city import SmallCity
from tests.support.web import Answer, Server
from warehouse.effective import EFFECTIVE_FILE
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.reconcile.run import reconcile
from warehouse.release import pointer

pytestmark = pytest.mark.faults

FILE = "/files/readings_20260302.csv"
TEXT = rows("abc").encode()
HTML = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body></body></html>"
CSV = {"Content-Type": "text/csv"}


@dataclass
class City:
    """A released lake with one more feed, `office.readings`, from a server."""

    small: SmallCity
    lake: Lake
    contract: Contract
    server: Server
    well: Callable[[], None]
    path: str

    def fails(self, *answers: Answer) -> str:
        """Ingest with the server answering so; nothing may have changed. The message."""
        before, released = self._objects(), pointer.current(self.lake, "internal")
        self.server.asked.clear()
        self.server.script(self.path, *answers)
        with pytest.raises(SourceError) as failed:
            ingest_interval(self.lake, self.contract, day(0))
        assert self._objects() == before
        assert pointer.current(self.lake, "internal") == released
        assert reconcile(self.lake).ok
        assert list(self.lake.settings.scratch_root.iterdir()) == []
        reported = str(failed.value)
        assert reported.startswith(f"office.readings {day(0)}: {self.server.url}{self.path} ")
        assert "left:  nothing was stored" in reported
        assert "citylake ingest office.readings --interval 20260302T000000Z" in reported
        return reported

    def recovers(self) -> None:
        """The server is well: the next run takes the data, it is built and released, and all agrees."""
        self.well()
        (delivery,) = ingest_interval(self.lake, self.contract, day(0))
        assert (delivery.outcome, delivery.accepted) == ("accepted", 3)
        (again,) = ingest_interval(self.lake, self.contract, day(0))
        assert again.outcome == "duplicate"
        self.lake.log.refresh()
        with self.lake.log.connect() as log:
            query = f"select key from ({EFFECTIVE_FILE}) as f where feed = 'office.readings'"
            self.small.inputs["office.readings"] = [key for (key,) in log.execute(query).fetchall()]
        report = self.small.build()
        publish(self.small.lake, report, gate(self.small.lake, report), approver=None)
        result = reconcile(self.lake, deep=True)
        assert result.ok, result.off
        assert any(row.step == "source" for row in result.rows)

    def _objects(self) -> list[str]:
        return sorted(info.key for info in self.lake.store.list(""))


@pytest.fixture(params=["http", "json_api"])
def city(request: pytest.FixtureRequest, tmp_path: Path, server: Server) -> Iterator[City]:
    feed = request.getfixturevalue("http_contract" if request.param == "http" else "api_contract")()
    small = SmallCity(tmp_path / "lake-home")
    report = small.build()
    publish(small.lake, report, gate(small.lake, report), approver=None)
    connection = Connection.model_validate({"base_url": server.url, "token": "s3cret-token"})
    made = replace(
        small.lake,
        contracts={"office.readings": feed},
        open_keys=lambda: PseudonymKeys.create(small.lake.settings),
        connections=lambda _: connection,
    )
    if request.param == "http":
        yield City(small, made, feed, server, lambda: server.file(FILE, TEXT), FILE)
    else:
        yield City(small, made, feed, server, lambda: Api(server, readings("abc")) and None, API)


def good(city: City) -> Answer:
    """What the server answers when it is well, in one piece."""
    return Answer(TEXT, headers=CSV) if city.path == FILE else Answer(json.dumps({"data": readings("abc")}).encode())


def test_500_once_is_asked_again_and_the_log_says_so(city: City, caplog: pytest.LogCaptureFixture) -> None:
    city.server.script(city.path, Answer(b"oops", 500), good(city))
    (delivery,) = ingest_interval(city.lake, city.contract, day(0))
    assert delivery.outcome == "accepted"
    assert len(city.server.asked) == 2
    (message,) = [record.getMessage() for record in caplog.records if record.name == "ingestion.connectors.web"]
    pattern = rf"{city.server.url}{city.path} answered 500 .*; asked again in \d+\.\d s, attempt 2 of 3"
    assert re.fullmatch(pattern, message), message


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_500_every_time(city: City, status: int) -> None:
    message = city.fails(Answer(b"<html>oops</html>", status, {"Content-Type": "text/html"}))
    assert f"answered {status}" in message
    assert "the next run asks again" in message
    assert len(city.server.asked) == 3
    if status == 500:
        city.recovers()


@pytest.mark.parametrize("as_date", [False, True])
def test_429_is_waited_for_as_long_as_the_server_says(city: City, as_date: bool) -> None:
    """As a number of seconds and as a date, which counts whole seconds."""
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
    busy = Answer(b"slow down", 429, {"Retry-After": moment if as_date else "1"})
    city.server.script(city.path, busy, good(city))
    (delivery,) = ingest_interval(city.lake, city.contract, day(0))
    assert delivery.outcome == "accepted"
    first, second = city.server.asked
    assert 0.9 <= second.at - first.at <= 4


def test_429_every_time(city: City) -> None:
    message = city.fails(Answer(b"slow down", 429, {"Retry-After": "0"}))
    assert "answered 429 Too Many Requests and asks to wait 0 s" in message
    city.recovers()


def test_429_for_longer_than_the_contract_waits(city: City) -> None:
    message = city.fails(Answer(b"tomorrow", 429, {"Retry-After": "86400"}))
    assert "asks to wait 86400 s" in message
    assert len(city.server.asked) == 1
    city.recovers()


def test_a_server_that_says_nothing(city: City) -> None:
    message = city.fails(replace(good(city), stall=5))
    assert "stopped answering (time-out)" in message
    assert len(city.server.asked) == 3
    city.recovers()


def test_a_server_that_is_not_there(city: City) -> None:
    gone = Connection.model_validate({"base_url": "http://127.0.0.1:9", "token": "s3cret-token"})
    with pytest.raises(SourceError, match=r"cannot be reached: .*Connection refused"):
        ingest_interval(replace(city.lake, connections=lambda _: gone), city.contract, day(0))
    city.recovers()


@pytest.mark.parametrize("chunked", [False, True])
def test_half_a_body(city: City, chunked: bool) -> None:
    message = city.fails(replace(good(city), cut=12, chunked=chunked))
    assert "broke off" in message
    assert len(city.server.asked) == 3
    city.recovers()


def test_a_declared_length_longer_than_the_body(city: City) -> None:
    message = city.fails(replace(good(city), length=1000))
    assert "expected 1000" in message
    city.recovers()


def test_a_declared_length_shorter_than_the_body(city: City) -> None:
    """HTTP ends the body at the declared length; only a digest can tell that a part is missing."""
    if city.path == FILE:
        whole = base64.b64encode(hashlib.sha256(TEXT).digest()).decode()
        digest = {"Repr-Digest": f"sha-256=:{whole}:"}
        message = city.fails(replace(good(city), length=len(TEXT) - 5, headers={**CSV, **digest}))
        assert "do not have the sha-256 digest" in message
    else:
        message = city.fails(replace(good(city), length=20))
        assert "sent a page that is not JSON" in message
    city.recovers()


@pytest.mark.parametrize("hops", [1, 2])
def test_redirects_in_a_circle(city: City, hops: int) -> None:
    there = Answer(status=302, headers={"Location": "/elsewhere" if hops == 2 else city.path})
    city.server.script("/elsewhere", Answer(status=307, headers={"Location": city.path}))
    before = pointer.current(city.lake, "internal")
    city.server.script(city.path, there)
    with pytest.raises(SourceError, match="redirects in a circle"):
        ingest_interval(city.lake, city.contract, day(0))
    # The first hop of the API has a query, which the circle has not.
    assert len(city.server.asked) == hops + (city.path == API)
    assert pointer.current(city.lake, "internal") == before
    city.recovers()


def test_redirects_without_an_end(city: City) -> None:
    for number in range(20):
        city.server.script(f"/hop{number}", Answer(status=302, headers={"Location": f"/hop{number + 1}"}))
    city.server.script(city.path, Answer(status=302, headers={"Location": "/hop0"}))
    with pytest.raises(SourceError, match="redirects more than 5 times"):
        ingest_interval(city.lake, city.contract, day(0))
    assert len(city.server.asked) == 6
    assert reconcile(city.lake).ok
    city.recovers()


@pytest.mark.parametrize("media", ["text/html; charset=utf-8", "text/csv"])
def test_a_web_page_with_200(city: City, media: str) -> None:
    message = city.fails(Answer(HTML, headers={"Content-Type": media}))
    assert "sent a web page" in message
    assert len(city.server.asked) == 1
    city.recovers()


@pytest.mark.parametrize("status", [401, 403])
def test_no_entry_names_the_connection(city: City, status: int) -> None:
    message = city.fails(Answer(b"who are you?", status))
    assert "renew the credential: CITYLAKE_CONN_OFFICE or the Airflow connection 'office'" in message
    assert len(city.server.asked) == 1
    city.recovers()


def test_a_file_that_changes_while_it_is_read(city: City) -> None:
    """A new version between two attempts comes whole; pages that change are paged again, then left alone."""
    if city.path == FILE:
        newer = rows("abd").encode()
        cut = Answer(TEXT, headers={**CSV, "ETag": '"1"', "Accept-Ranges": "bytes"}, cut=20)
        city.server.script(FILE, cut, Answer(newer, headers={**CSV, "ETag": '"2"', "Accept-Ranges": "bytes"}))
        (delivery,) = ingest_interval(city.lake, city.contract, day(0))
        assert delivery.accepted == 3
        assert city.server.asked[1].headers["if-range"] == '"1"'
        return
    Api(city.server, readings("abc"), adds=lambda n: {"snapshot": n})
    source = city.contract.citylake.source.model_copy(update={"snapshot": "$.snapshot"})  # type: ignore[union-attr]
    watched = replace(city.contract, citylake=city.contract.citylake.model_copy(update={"source": source}))
    with pytest.raises(SourceError, match="changes while it is paged, 3 times in a row"):
        ingest_interval(city.lake, watched, day(0))
    assert reconcile(city.lake).ok
    city.recovers()
