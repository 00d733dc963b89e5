"""Where a server may send us on to: its own host, hosts that are declared, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ingestion.connections import Connection
from ingestion.delivery.ingest import ingest_interval
from ingestion.errors import SourceError
from ingestion.lake import Lake
from tests.support.authority import Authority
from tests.support.lakes import day, rows
from tests.support.pages import PATH as API
from tests.support.pages import readings
from tests.support.web import Answer, Server, serving

PATH = "/files/readings_20260302.csv"
TEXT = rows("abc").encode()
SECRET = "s3cret-token"  # noqa: S105 - as in the fixture


@pytest.fixture
def other() -> Iterator[Server]:
    """Somebody else's server, under a name that is not the department's: `localhost`, not 127.0.0.1."""
    with serving() as made:
        made.file("/internal.csv", TEXT)
        yield made


def declaring(made: Lake, server: Server, *hosts: str) -> Lake:
    connection = Connection.model_validate({"base_url": server.url, "token": SECRET, "redirect_hosts": hosts})
    return replace(made, connections=lambda _: connection)


def sent_to(server: Server, location: str) -> None:
    server.script(PATH, Answer(status=302, headers={"Location": location}))


UNDECLARED: dict[str, Callable[[Server], str]] = {
    "a name of this machine": lambda other: f"http://localhost:{other.port}",
    "another address": lambda other: f"http://127.0.0.2:{other.port}",
    "IPv6": lambda other: f"http://[::1]:{other.port}",
    "IPv4 within IPv6": lambda other: f"http://[::ffff:127.0.0.1]:{other.port}",
    "a short address": lambda other: f"http://127.1:{other.port}",
    "an address as a number": lambda other: f"http://2130706433:{other.port}",
    "no scheme": lambda other: f"//localhost:{other.port}",
    "upper case and a dot": lambda other: f"HTTP://LOCALHOST.:{other.port}",
    "an IDN": lambda other: f"http://bücher.example:{other.port}",
}


@pytest.mark.parametrize("kind", UNDECLARED)
@pytest.mark.parametrize("has_connection", [True, False])
def test_an_undeclared_host_is_not_asked(
    made: Lake, server: Server, other: Server, http_contract, kind: str, has_connection: bool
) -> None:
    """The error names the host and where to declare it; what else stands in the URL is nobody's business."""
    sent_to(server, f"{UNDECLARED[kind](other)}/internal.csv?signature={SECRET}")
    url = f"{server.url}/files/readings_{{interval:%Y%m%d}}.csv"
    feed = http_contract() if has_connection else http_contract(url=url, connection=None)
    with pytest.raises(SourceError, match=r"redirects to another server, .* which is not declared") as raised:
        ingest_interval(made, feed, day(0))
    place = "connection 'office' (CITYLAKE_CONN_OFFICE, or the Airflow" if has_connection else "the source in the contr"
    assert f"to `redirect_hosts` of {place}" in str(raised.value)
    assert SECRET not in str(raised.value)
    assert "internal.csv" not in str(raised.value)
    assert (other.connections, len(server.asked)) == (0, 1)
    assert list(made.store.list("")) == []


@pytest.mark.parametrize("declared", ["localhost", "LOCALHOST.", "localhost:{port}"])
def test_a_declared_host_is_asked_without_the_credential(
    made: Lake, server: Server, other: Server, http_contract, declared: str
) -> None:
    sent_to(server, f"http://LocalHost:{other.port}/internal.csv")
    lake = declaring(made, server, declared.format(port=other.port))
    assert ingest_interval(lake, http_contract(), day(0))[0].accepted == 3
    assert "authorization" not in other.asked[0].headers


def test_a_host_declared_with_a_port_is_that_port_only(
    made: Lake, server: Server, other: Server, http_contract
) -> None:
    sent_to(server, f"http://localhost:{other.port}/internal.csv")
    with pytest.raises(SourceError, match="not declared"):
        ingest_interval(declaring(made, server, "localhost:8443"), http_contract(), day(0))
    assert other.connections == 0


def test_without_a_connection_the_contract_declares(made: Lake, server: Server, other: Server, http_contract) -> None:
    sent_to(server, f"http://localhost:{other.port}/internal.csv")
    url = f"{server.url}/files/readings_{{interval:%Y%m%d}}.csv"
    feed = http_contract(url=url, connection=None, redirect_hosts=["localhost"])
    assert ingest_interval(made, feed, day(0))[0].accepted == 3


def test_the_contract_does_not_declare_for_a_connection(
    made: Lake, server: Server, other: Server, http_contract
) -> None:
    sent_to(server, f"http://localhost:{other.port}/internal.csv")
    with pytest.raises(SourceError, match="not declared"):
        ingest_interval(made, http_contract(redirect_hosts=["localhost"]), day(0))
    assert other.connections == 0


def test_a_declared_host_may_not_send_us_to_a_third(made: Lake, server: Server, other: Server, http_contract) -> None:
    sent_to(server, f"http://localhost:{other.port}/on")
    other.script("/on", Answer(status=307, headers={"Location": f"http://127.0.0.3:{other.port}/internal.csv"}))
    with pytest.raises(SourceError, match=r"localhost:\d+/on redirects to another server, http://127\.0\.0\.3:"):
        ingest_interval(declaring(made, server, "localhost"), http_contract(), day(0))
    assert len(other.asked) == 1


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("file:///etc/passwd", "redirects to something that is not http"),
        ("ftp://127.0.0.1/a.csv", "redirects to something that is not http"),
        ("data:text/csv,s3cret-token", "redirects to something that is not http"),
        ("http://127.0.0.1:port/internal.csv", "redirects to something that is not http"),
        ("http://[::1/internal.csv", "redirects to something that is not http"),
        (
            "http://me:s3cret-token@127.0.0.1:{port}/internal.csv",
            "redirects to a URL with a login in it, at http://127",
        ),
        (
            "http://127.0.0.1@localhost:{port}/internal.csv",
            "redirects to a URL with a login in it, at http://localhost",
        ),
        ("http://127.0.0.1\\@localhost:{port}/", "redirects to a URL with a login in it, at http://localhost"),
    ],
)
def test_what_is_never_followed(
    made: Lake, server: Server, other: Server, http_contract, location: str, message: str
) -> None:
    """Not even where every host is declared."""
    sent_to(server, location.format(port=other.port))
    lake = declaring(made, server, "localhost", "127.0.0.1")
    with pytest.raises(SourceError, match=message) as refused:
        ingest_interval(lake, http_contract(), day(0))
    assert SECRET not in str(refused.value)
    assert "passwd" not in str(refused.value)
    assert other.connections == 0


@pytest.mark.parametrize(
    "location", ["/elsewhere/a.csv?x=1", "../elsewhere/a.csv", "//127.0.0.1:{port}/elsewhere/a.csv"]
)
def test_the_own_host_is_followed_however_it_is_written(
    made: Lake, server: Server, http_contract, location: str
) -> None:
    server.file("/elsewhere/a.csv", TEXT)
    sent_to(server, location.format(port=server.port))
    assert ingest_interval(made, http_contract(), day(0))[0].accepted == 3
    assert server.asked[1].headers["authorization"] == f"Bearer {SECRET}"


def test_from_https_to_http_is_not_followed(made: Lake, other: Server, http_contract, tmp_path: Path) -> None:
    """On the same host and on a declared one."""
    city = Authority.made(tmp_path / "authority")
    with serving(city.context("127.0.0.1")) as secure:
        fields = {"base_url": secure.url, "ca_file": str(city.file), "redirect_hosts": ["localhost"]}
        connection = Connection.model_validate(fields)
        lake = replace(made, connections=lambda _: connection)
        for host in ("127.0.0.1", "localhost"):
            sent_to(secure, f"http://{host}:{other.port}/internal.csv")
            with pytest.raises(SourceError, match=f"redirects to http://{host}:.*: from https to http is not followed"):
                ingest_interval(lake, http_contract(), day(0))
    assert other.connections == 0


@pytest.mark.parametrize("by", ["link_header", "next_link"])
@pytest.mark.parametrize("declared", [(), ("localhost",)])
def test_a_next_page_on_another_host(
    made: Lake, server: Server, other: Server, api_contract, by: str, declared: tuple[str, ...]
) -> None:
    """As a redirect: declared, it is asked without the credential; else it is not."""
    following = f"http://localhost:{other.port}/more?token={SECRET}"
    headers = {"Link": f'<{following}>; rel="next"'}
    page = {"data": readings("ab"), "next": following}
    server.script(API, Answer(json.dumps(page).encode(), headers=headers))
    other.script("/more", Answer(json.dumps({"data": readings("c")}).encode()))
    paging = {"by": by, **({"next": "$.next"} if by == "next_link" else {})}
    lake = declaring(made, server, *declared)
    if declared:
        assert ingest_interval(lake, api_contract(paging=paging), day(0))[0].accepted == 3
        assert "authorization" not in other.asked[0].headers
        return
    with pytest.raises(SourceError, match="names a next page on another server, http://localhost:") as raised:
        ingest_interval(lake, api_contract(paging=paging), day(0))
    assert SECRET not in str(raised.value)
    assert "`redirect_hosts` of connection 'office'" in str(raised.value)
    assert other.connections == 0


@pytest.mark.parametrize("following", ["file:///etc/passwd", "http://me:s3cret-token@127.0.0.1/x"])
def test_a_next_page_that_is_never_followed(made: Lake, server: Server, api_contract, following: str) -> None:
    server.script(API, Answer(json.dumps({"data": readings("ab"), "next": following}).encode()))
    with pytest.raises(
        SourceError, match=r"names a next page at (something that is not http|a URL with a login)"
    ) as message:
        ingest_interval(made, api_contract(paging={"by": "next_link", "next": "$.next"}), day(0))
    assert SECRET not in str(message.value)
    assert len(server.asked) == 1
