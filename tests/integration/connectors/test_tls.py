"""HTTPS with a city's own authority: what is trusted, and what an operator reads where it is not."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from ingestion.connections import Connection
from ingestion.delivery.ingest import ingest_interval
from ingestion.errors import ConfigurationError, SourceError
from ingestion.lake import Lake
from tests.support.authority import Authority
from tests.support.lakes import counted, day, lake, rows
from tests.support.web import Answer, Server, serving

PATH = "/files/readings_20260302.csv"
TEXT = rows("abc").encode()
SECRET = "s3cret-token"  # noqa: S105  made up, to be looked for
ADDRESS = "127.0.0.1"


@pytest.fixture
def city(tmp_path: Path) -> Authority:
    return Authority.made(tmp_path / "ca")


def reaching(tmp_path: Path, server: Server, **said: object) -> Lake:
    connection = Connection.model_validate({"base_url": server.url, "token": SECRET, **said})
    return replace(lake(tmp_path), connections={"office": connection}.__getitem__)


def refusal(tmp_path: Path, context: ssl.SSLContext, feed, **said: object) -> str:
    """What is told of a server with that certificate, which must not have heard anything."""
    with serving(context) as server:
        server.file(PATH, TEXT)
        with pytest.raises(SourceError) as wrong:
            ingest_interval(reaching(tmp_path, server, **said), feed, day(0))
        assert server.asked == []
        assert server.connections == 1  # not asked again: it would be the same
    message = str(wrong.value)
    assert SECRET not in message
    assert f"https://{ADDRESS}" in message
    assert "nothing was stored" in message
    assert "citylake ingest office.readings --interval 20260302T000000Z" in message
    return message


def test_a_server_the_city_vouches_for_is_read(tmp_path: Path, city: Authority, http_contract) -> None:
    with serving(city.context(ADDRESS)) as server:
        server.file(PATH, TEXT)
        made = reaching(tmp_path, server, ca_file=str(city.file))
        (delivery,) = ingest_interval(made, http_contract(), day(0))
        assert (delivery.outcome, counted(made)) == ("accepted", {"a": 1, "b": 1, "c": 1})
        assert server.asked[0].headers["authorization"] == f"Bearer {SECRET}"


def test_an_authority_nobody_named(tmp_path: Path, city: Authority, http_contract) -> None:
    message = refusal(tmp_path, city.context(ADDRESS), http_contract())
    assert "shows a certificate of an authority that is not trusted here" in message
    assert "next:  name the PEM file of the city's own authority as `ca_file` of the connection" in message


def test_another_authority_than_the_one_named(tmp_path: Path, city: Authority, http_contract) -> None:
    other = Authority.made(tmp_path / "other", "Another CA")
    message = refusal(tmp_path, other.context(ADDRESS), http_contract(), ca_file=str(city.file))
    assert "shows a certificate of an authority that is not trusted here" in message


def test_an_expired_certificate(tmp_path: Path, city: Authority, http_contract) -> None:
    message = refusal(tmp_path, city.context(ADDRESS, days=(-9, -1)), http_contract(), ca_file=str(city.file))
    assert "shows a certificate that has expired" in message
    assert "next:  ask the department to renew its certificate" in message


def test_a_certificate_from_tomorrow(tmp_path: Path, city: Authority, http_contract) -> None:
    message = refusal(tmp_path, city.context(ADDRESS, days=(1, 2)), http_contract(), ca_file=str(city.file))
    assert "shows a certificate that is not valid yet" in message
    assert "next:  check this machine's clock" in message


@pytest.mark.parametrize("host", ["data.city.example", "127.0.0.2"])
def test_a_certificate_for_another_host(tmp_path: Path, city: Authority, http_contract, host: str) -> None:
    message = refusal(tmp_path, city.context(host), http_contract(), ca_file=str(city.file))
    assert "shows a certificate for another host name" in message
    assert "next:  use the name the certificate is for in the connection's base URL" in message


def test_an_untrusted_server_behind_a_redirect(tmp_path: Path, city: Authority, http_contract) -> None:
    other = Authority.made(tmp_path / "other", "Another CA")
    with serving(city.context(ADDRESS)) as server, serving(other.context(ADDRESS)) as elsewhere:
        server.script(PATH, Answer(status=302, headers={"Location": f"{elsewhere.url}{PATH}"}))
        with pytest.raises(SourceError, match=f"{elsewhere.url}{PATH} shows a certificate of an authority"):
            ingest_interval(reaching(tmp_path, server, ca_file=str(city.file)), http_contract(), day(0))
        assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("text", "message"), [(None, "cannot be read: No such file"), ("no PEM", "holds no certificate in PEM form")]
)
def test_a_ca_file_that_cannot_be_used(
    tmp_path: Path, server: Server, http_contract, text: str | None, message: str
) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as wrong:
        ingest_interval(reaching(tmp_path, server, ca_file=str(path)), http_contract(), day(0))
    assert f"connection 'office': its ca_file {str(path)!r} {message}" in str(wrong.value)
    assert "BEGIN CERTIFICATE" in str(wrong.value)
    assert server.asked == []
