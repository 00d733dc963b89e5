"""What a server may say that no request can carry: told as its failure, and no feed stands still for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingestion.connections import Connection
from ingestion.errors import SourceError
from ingestion.ingest import ingest_interval
from ingestion.lake import Lake
from tests.support.lakes import day, rows
from tests.support.web import Answer, Server

PATH = "/files/readings_20260302.csv"
TEXT = rows("abc").encode()
SECRET = "s3cret-token"  # noqa: S105  made up, to be looked for


def test_a_redirect_to_no_host_name(made: Lake, server: Server, http_contract) -> None:
    server.script(PATH, Answer(status=302, headers={"Location": "http://xn--/"}))
    with pytest.raises(SourceError, match="sent something that is not HTTP"):
        ingest_interval(made, http_contract(), day(0))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"access_token": "%s\\r\\nX: y"}' % SECRET.encode(), "gave no access token"),
        (b"[" * 100_000, "gave no access token"),
        (b" " * (2**20 + 1), "sends more than a token"),
    ],
)
def test_a_token_no_request_can_carry(made: Lake, server: Server, http_contract, body: bytes, told: str) -> None:
    fields = {"auth": "oauth2", "login": "client", "password": SECRET, "token_url": "oauth/token"}
    connection = Connection.model_validate({"base_url": server.url, **fields})
    server.script("/oauth/token", Answer(body))
    with pytest.raises(SourceError, match=told) as refused:
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
