"""What a server may say that no request can carry: told as its failure, and no feed stands still for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingestion.connections import Connection
from ingestion.delivery.ingest import ingest_interval
from ingestion.errors import SourceError
from ingestion.lake import Lake
from tests.support.lakes import counted, day, rows
from tests.support.web import Answer, Server

pytestmark = pytest.mark.faults

PATH = "/files/readings_20260302.csv"
API = "/api/readings"
TEXT = rows("abc").encode()
SECRET = "s3cret-token"  # noqa: S105  made up, to be looked for


@pytest.mark.parametrize("header", ["ETag", "Last-Modified"])
def test_a_validator_that_cannot_be_sent_back_is_not(made: Lake, server: Server, http_contract, header: str) -> None:
    feed = http_contract()
    server.script(PATH, Answer(TEXT, headers={"Content-Type": "text/csv", header: '"Tür"'}))
    ingest_interval(made, feed, day(0))
    (again,) = ingest_interval(made, feed, day(0))
    assert (again.outcome, counted(made)) == ("duplicate", {"a": 1, "b": 1, "c": 1})
    assert {"if-none-match", "if-modified-since"}.isdisjoint(server.asked[-1].headers)


def test_a_broken_download_under_such_a_tag_begins_again(made: Lake, server: Server, http_contract) -> None:
    said = {"Content-Type": "text/csv", "ETag": '"Tür"', "Accept-Ranges": "bytes"}
    server.script(PATH, Answer(TEXT, headers=said, cut=5), Answer(TEXT, headers=said))
    (delivery,) = ingest_interval(made, http_contract(), day(0))
    assert delivery.outcome == "accepted"
    assert "range" not in server.asked[-1].headers


def test_a_redirect_to_no_host_name(made: Lake, server: Server, http_contract) -> None:
    server.script(PATH, Answer(status=302, headers={"Location": "http://xn--/"}))
    with pytest.raises(SourceError, match="sent something that is not HTTP"):
        ingest_interval(made, http_contract(), day(0))


LONG = "a" * 70_000


@pytest.mark.parametrize(
    ("by", "link"),
    [("next_link", "http://xn--/"), ("next_link", "/a\\u0000b"), ("next_link", f"/{LONG}"), ("cursor", LONG)],
)
def test_a_next_page_that_is_no_url(made: Lake, server: Server, api_contract, by: str, link: str) -> None:
    paging = {"by": by, "next": "$.next", **({"parameter": "cursor"} if by == "cursor" else {})}
    body = f'{{"data": [{{"id": "a"}}], "next": "{link}"}}'.encode()
    server.script(API, Answer(body, headers={"Content-Type": "application/json"}))
    with pytest.raises(SourceError, match="names a page after page 1 that is no URL"):
        ingest_interval(made, api_contract(paging=paging), day(0))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"access_token": "%s\\r\\nX: y"}' % SECRET.encode(), "gave no access token"),
        (b"[" * 100_000, "gave no access token"),
        (b" " * (2**20 + 1), "sends more than a token"),
    ],
)
def test_a_token_no_request_can_carry(made: Lake, server: Server, http_contract, body: bytes, message: str) -> None:
    fields = {"auth": "oauth2", "login": "client", "password": SECRET, "token_url": "oauth/token"}
    connection = Connection.model_validate({"base_url": server.url, **fields})
    server.script("/oauth/token", Answer(body))
    with pytest.raises(SourceError, match=message) as refused:
        ingest_interval(replace(made, connections=lambda _: connection), http_contract(), day(0))
    assert SECRET not in str(refused.value)
    assert server.paths() == ["/oauth/token"]


def test_what_http_says_of_a_header_is_not_repeated(made: Lake, server: Server, http_contract) -> None:
    """The guard behind the connection's own checks: the message quotes the header, which may be the credential."""
    connection = Connection.model_construct(base_url=server.url + "/", auth="header", parameter="X Key")
    token = Connection.model_validate({"base_url": server.url, "token": SECRET}).token
    with pytest.raises(SourceError, match="HTTP cannot carry the connection's credential") as refused:
        ingest_interval(
            replace(made, connections=lambda _: connection.model_copy(update={"token": token})), http_contract(), day(0)
        )
    assert SECRET not in str(refused.value)
    assert "X Key" not in str(refused.value)
