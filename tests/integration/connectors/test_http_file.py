"""A file over HTTP: taken once, asked for conditionally, resumed, capped, never with a credential elsewhere."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from ingestion.connections import Connection
from ingestion.delivery.ingest import ingest_interval
from ingestion.errors import ConfigurationError, SourceError
from ingestion.lake import Lake
from ingestion.receipts.manifests import read_manifest
from tests.support.lakes import counted, day, rows
from tests.support.web import MODIFIED, Answer, Asked, Server, served, serving
from warehouse.reconcile.run import reconcile

PATH = "/files/readings_20260302.csv"
TEXT = rows("abc").encode()
SECRET = "s3cret-token"  # noqa: S105  made up, to be looked for


def stored(made: Lake) -> list[str]:
    return [info.key for info in made.store.list("")]


def test_a_file_is_taken_once_and_then_only_asked_about(made: Lake, server: Server, http_contract) -> None:
    feed = http_contract()
    server.file(PATH, TEXT)
    (first,) = ingest_interval(made, feed, day(0))
    assert (first.outcome, counted(made)) == ("accepted", {"a": 1, "b": 1, "c": 1})
    before = stored(made)
    (again,) = ingest_interval(made, feed, day(0))
    assert again.outcome == "duplicate"
    assert again.batch == first.batch
    assert stored(made) == before
    tag = server.asked[-1].headers["if-none-match"]
    manifest = read_manifest(made.store, feed, day(0), first.batch)
    assert manifest.headers["etag"] == tag
    assert set(manifest.headers) == {"etag", "last-modified", "content-length", "content-type", "date"}
    assert manifest.content_as_of == MODIFIED
    assert manifest.source == f"http:{server.url}{PATH}"
    assert list(made.settings.scratch_root.iterdir()) == []


@pytest.mark.parametrize(
    "said",
    ["Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 -2300", "Sat, 01 Jan 2400 00:00:00 GMT", "soon"],
)
def test_a_time_to_come_does_not_outlive_every_later_delivery(
    made: Lake, server: Server, http_contract, said: str
) -> None:
    feed = http_contract(feed={"content_as_of": "modified"})
    server.script(PATH, Answer(TEXT, headers={"Content-Type": "text/csv", "Last-Modified": said}))
    before = made.clock()
    (first,) = ingest_interval(made, feed, day(0))
    manifest = read_manifest(made.store, feed, day(0), first.batch)
    assert before <= manifest.content_as_of <= made.clock()
    assert counted(made) == {"a": 1, "b": 1, "c": 1}
    newer = made.clock() + timedelta(seconds=1)
    server.file(PATH, rows("abc", value=2).encode(), modified=newer)
    later = replace(made, clock=lambda: newer + timedelta(minutes=1))
    ingest_interval(later, feed, day(0))
    assert counted(later) == {"a": 2, "b": 2, "c": 2}


def test_a_changed_file_is_a_new_delivery(made: Lake, server: Server, http_contract) -> None:
    feed = http_contract()
    server.file(PATH, TEXT)
    ingest_interval(made, feed, day(0))
    server.file(PATH, rows("abc", value=2).encode(), modified=MODIFIED + timedelta(hours=1))
    (changed,) = ingest_interval(made, feed, day(0))
    assert changed.outcome == "accepted"
    assert counted(made) == {"a": 2, "b": 2, "c": 2}
    (same,) = ingest_interval(made, feed, day(0))
    assert (same.outcome, same.batch) == ("duplicate", changed.batch)
    assert server.asked[-1].headers["if-none-match"]


def test_bytes_landed_but_never_committed_are_asked_for_in_full(made: Lake, server: Server, http_contract) -> None:
    class Died(BaseException):
        pass

    def die(name: str) -> None:
        if name == "landed_manifest":
            raise Died

    feed = http_contract()
    server.file(PATH, TEXT)
    with pytest.raises(Died):
        ingest_interval(replace(made, on_step=die), feed, day(0))
    landed = stored(made)
    (delivery,) = ingest_interval(made, feed, day(0))
    assert delivery.outcome == "accepted"
    assert "if-none-match" not in server.asked[-1].headers
    assert [key for key in stored(made) if key.startswith("raw/")] == landed


def test_a_refused_file_is_asked_for_again_under_a_new_revision(made: Lake, server: Server, http_contract) -> None:
    server.file(PATH, b"no such header\n")
    (refused,) = ingest_interval(made, http_contract(), day(0))
    assert refused.outcome == "refused"
    assert ingest_interval(made, http_contract(), day(0))[0].outcome == "duplicate"
    assert "if-none-match" in server.asked[-1].headers
    newer = replace(http_contract(), version="2.0.0")
    assert ingest_interval(made, newer, day(0))[0].outcome == "refused"
    assert "if-none-match" not in server.asked[-1].headers


@pytest.mark.parametrize("status", [404, 410])
def test_a_file_that_is_not_there_is_awaited(made: Lake, server: Server, http_contract, status: int) -> None:
    server.script(PATH, Answer(b"gone", status))
    assert ingest_interval(made, http_contract(), day(0)) == []
    assert len(server.asked) == 1


def test_without_a_date_content_is_as_of_the_fetch(made: Lake, server: Server, http_contract) -> None:
    now = datetime(2026, 3, 4, 5, tzinfo=UTC)
    server.script(PATH, Answer(TEXT))
    (delivery,) = ingest_interval(replace(made, clock=lambda: now), http_contract(), day(0))
    manifest = read_manifest(made.store, http_contract(), day(0), delivery.batch)
    assert (manifest.content_as_of, manifest.fetched_at) == (now, now)


def test_a_broken_download_goes_on_where_it_ended(made: Lake, server: Server, http_contract) -> None:
    body = rows(range(20_000)).encode()
    server.file(PATH, body)
    whole = server.routes[PATH]
    said = whole(Asked(PATH, {}, {}, 0)).headers

    def route(asked: Asked) -> Answer:
        return whole(asked) if "range" in asked.headers else Answer(body, headers=said, cut=100_000)

    server.routes[PATH] = route
    (delivery,) = ingest_interval(made, http_contract(), day(0))
    assert delivery.accepted == 20_000
    assert server.asked[-1].headers["range"] == "bytes=100000-"
    assert server.asked[-1].headers["if-range"] == said["ETag"]


def test_a_file_changed_since_the_break_comes_whole(made: Lake, server: Server, http_contract) -> None:
    old, new = rows(range(20_000), value=1).encode(), rows(range(20_000), value=2).encode()
    said = {"Accept-Ranges": "bytes"}

    def route(asked: Asked) -> Answer:
        if "range" not in asked.headers:
            return Answer(old, headers={**said, "ETag": '"old"'}, cut=100_000)
        return served(asked, new, '"new"', {**said, "ETag": '"new"'})

    server.routes[PATH] = route
    ingest_interval(made, http_contract(), day(0))
    assert set(counted(made).values()) == {2.0}


def test_a_part_that_was_already_the_whole(made: Lake, server: Server, http_contract) -> None:
    """Every byte came, the end of the body did not: there is nothing left to ask for, so it comes again."""
    said = {"Accept-Ranges": "bytes", "ETag": '"1"'}
    broken = Answer(TEXT, headers=said, length=len(TEXT) + 1)
    server.script(PATH, broken, Answer(b"", 416, {"Content-Range": f"bytes */{len(TEXT)}"}), Answer(TEXT, headers=said))
    assert ingest_interval(made, http_contract(), day(0))[0].accepted == 3
    assert [asked.headers.get("range") for asked in server.asked] == [None, f"bytes={len(TEXT)}-", None]


def test_a_part_nobody_asked_for_is_not_the_file(made: Lake, server: Server, http_contract) -> None:
    part = {"Content-Range": f"bytes 0-29/{len(TEXT)}"}
    server.script(PATH, Answer(TEXT[:30], 206, part))
    with pytest.raises(SourceError, match="sent another part of the file"):
        ingest_interval(made, http_contract(), day(0))
    assert stored(made) == []


def test_a_server_that_drips_meets_the_total_time_out(made: Lake, server: Server, http_contract) -> None:
    server.script(PATH, Answer(TEXT, drip=0.1))
    timeouts = {"connect": 2, "read": 2, "total": 1}
    began = time.monotonic()
    with pytest.raises(SourceError, match="too slow: the total time-out"):
        ingest_interval(made, http_contract(timeouts=timeouts), day(0))
    assert time.monotonic() - began < 3


def test_a_weak_tag_resumes_nothing(made: Lake, server: Server, http_contract) -> None:
    said = {"Accept-Ranges": "bytes", "ETag": 'W/"about"'}
    server.script(PATH, Answer(TEXT, headers=said, cut=10), Answer(TEXT, headers=said))
    assert ingest_interval(made, http_contract(), day(0))[0].accepted == 3
    assert "range" not in server.asked[-1].headers


@pytest.mark.parametrize("declares", [True, False])
def test_too_long_an_answer_is_not_taken(made: Lake, server: Server, http_contract, declares: bool) -> None:
    server.script(PATH, Answer(rows(range(100)).encode(), chunked=not declares))
    with pytest.raises(SourceError, match="more than the contract's 500"):
        ingest_interval(made, http_contract(max_bytes=500), day(0))
    assert stored(made) == []
    assert len(server.asked) == 1


def test_an_undeclared_media_type_is_told(made: Lake, server: Server, http_contract) -> None:
    server.script(PATH, Answer(b"{}", headers={"Content-Type": "application/json; charset=utf-8"}))
    with pytest.raises(SourceError, match="sent application/json where text/csv is declared"):
        ingest_interval(made, http_contract(media_types=["text/csv"]), day(0))


def test_the_credential_stays_with_its_server(made: Lake, server: Server, http_contract) -> None:
    """A redirect elsewhere is followed without it; the next request to the own server has it again."""
    with serving() as other:
        other.file("/elsewhere.csv", TEXT)
        server.script(PATH, Answer(status=302, headers={"Location": f"{other.url}/elsewhere.csv?signature=abc"}))
        (delivery,) = ingest_interval(made, http_contract(), day(0))
        assert server.asked[0].headers["authorization"] == f"Bearer {SECRET}"
        assert "authorization" not in other.asked[0].headers
        assert other.asked[0].query == {"signature": "abc"}
    assert "signature" not in read_manifest(made.store, http_contract(), day(0), delivery.batch).model_dump_json()


def test_an_absolute_url_elsewhere_gets_no_credential(made: Lake, server: Server, http_contract) -> None:
    with serving() as other:
        other.file("/public_20260302.csv", TEXT)
        url = f"{other.url}/public_{{interval:%Y%m%d}}.csv"
        assert ingest_interval(made, http_contract(url=url), day(0))[0].accepted == 3
        assert ingest_interval(made, http_contract(url=url, connection=None), day(0))[0].outcome == "duplicate"
        assert not any("authorization" in asked.headers for asked in other.asked)


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"login": "me", "password": SECRET}, ("authorization", "Basic bWU6czNjcmV0LXRva2Vu")),
        ({"token": SECRET}, ("authorization", f"Bearer {SECRET}")),
        ({"auth": "header", "parameter": "X-Api-Key", "token": SECRET}, ("x-api-key", SECRET)),
        ({"auth": "query", "parameter": "appkey", "token": SECRET}, ("appkey", SECRET)),
    ],
)
def test_each_way_to_enter(
    made: Lake, server: Server, http_contract, caplog: pytest.LogCaptureFixture, fields, shown, tmp_path: Path
) -> None:
    """Shown to the server as declared, and written nowhere: not in the lake, a log or an error."""
    caplog.set_level(logging.DEBUG)
    connection = Connection.model_validate({"base_url": server.url, **fields})
    entered = replace(made, connections=lambda _: connection)
    server.file(PATH, TEXT)
    ingest_interval(entered, http_contract(), day(0))
    assert (server.asked[0].headers | server.asked[0].query)[shown[0]] == shown[1]
    server.script(PATH, Answer(b"no", 403))
    with pytest.raises(SourceError) as refused:
        ingest_interval(entered, http_contract(), day(0))
    assert "CITYLAKE_CONN_OFFICE" in str(refused.value)
    hidden = (SECRET, "czNjcmV0")
    message = [str(refused.value), repr(refused.value.__cause__), caplog.text, repr(connection), repr(entered)]
    assert caplog.text
    assert not [text for text in message if any(secret in text for secret in hidden)]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if any(secret.encode() in path.read_bytes() for secret in hidden)]


def test_client_credentials_are_changed_for_a_token_once(made: Lake, server: Server, http_contract) -> None:
    fields = {"auth": "oauth2", "login": "client", "password": SECRET, "token_url": "oauth/token"}
    connection = Connection.model_validate({"base_url": server.url, **fields})
    server.script("/oauth/token", Answer(b'{"access_token": "granted", "token_type": "bearer"}'))
    server.script(PATH, Answer(b"busy", 503), Answer(TEXT))
    ingest_interval(replace(made, connections=lambda _: connection), http_contract(), day(0))
    assert server.paths() == ["/oauth/token", PATH, PATH]
    assert server.asked[1].headers["authorization"] == "Bearer granted"


def test_a_granted_token_that_ran_out_is_asked_for_again(made: Lake, server: Server, http_contract) -> None:
    fields = {"auth": "oauth2", "login": "client", "password": SECRET, "token_url": "oauth/token"}
    connection = Connection.model_validate({"base_url": server.url, **fields})
    server.script("/oauth/token", Answer(b'{"access_token": "old"}'), Answer(b'{"access_token": "new"}'))
    server.script(PATH, Answer(b"expired", 401), Answer(TEXT))
    ingest_interval(replace(made, connections=lambda _: connection), http_contract(), day(0))
    assert server.asked[-1].headers["authorization"] == "Bearer new"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error": "invalid_client"}'])
def test_no_token_is_granted(made: Lake, server: Server, http_contract, body: bytes) -> None:
    fields = {"auth": "oauth2", "login": "client", "password": SECRET, "token_url": "oauth/token"}
    connection = Connection.model_validate({"base_url": server.url, **fields})
    server.script("/oauth/token", Answer(body))
    with pytest.raises(SourceError, match="gave no access token") as refused:
        ingest_interval(replace(made, connections=lambda _: connection), http_contract(), day(0))
    assert "renew the credential" in str(refused.value)


def test_a_connection_that_is_not_there_says_both_ways_to_give_it(tmp_path: Path, http_contract) -> None:
    from tests.support.lakes import lake

    with pytest.raises(ConfigurationError) as missing:
        ingest_interval(lake(tmp_path), http_contract(), day(0))
    assert "CITYLAKE_CONN_OFFICE=" in str(missing.value)
    assert "Airflow connection with the id 'office'" in str(missing.value)


def test_a_console_without_the_connection_reconciles_all_but_the_source(
    made: Lake, server: Server, http_contract
) -> None:
    """As where the credential is Airflow's alone: what cannot be asked is one row, and the others are compared."""
    feed = http_contract()
    made = replace(made, contracts={"office.readings": feed})
    server.file(PATH, TEXT)
    ingest_interval(made, feed, day(0))
    result = reconcile(replace(made, connections=None), deep=True)
    off, unbuilt = result.off
    assert (off.step, off.feed, unbuilt.step) == ("source", "office.readings", "warehouse")
    assert "there is no connection named 'office': set CITYLAKE_CONN_OFFICE=" in str(off.reason)
    assert {"raw", "receipt", "bronze"} <= {row.step for row in result.rows}


def test_a_connection_from_the_environment(
    tmp_path: Path, server: Server, http_contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support.lakes import lake

    monkeypatch.setenv("CITYLAKE_CONN_OFFICE", f"http://me:p%40ss@127.0.0.1:{server.port}/files/")
    server.file(PATH, TEXT)
    made = lake(tmp_path)
    assert ingest_interval(made, http_contract(url="readings_{interval:%Y%m%d}.csv"), day(0))[0].accepted == 3
    assert server.asked[0].headers["authorization"] == "Basic bWU6cEBzcw=="


def test_a_longer_wait_than_the_contract_allows_is_left_to_the_next_run(
    made: Lake, server: Server, http_contract
) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    server.script(PATH, Answer(b"busy", 503, {"Retry-After": later}))
    with pytest.raises(SourceError, match=r"answered 503 .* asks to wait 3[56]\d\d s"):
        ingest_interval(made, http_contract(), day(0))
    assert len(server.asked) == 1
