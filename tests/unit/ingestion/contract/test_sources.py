"""Sources in a contract: what is accepted, and what each mistake is told as."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ingestion.contract.sources import Paging
from tests.support.lakes import contract

SOURCE = "customProperties[0].value.source"
HTTP = {"connector": "http", "connection": "office", "url": "visits/visit_{interval:%Y%m%d}.csv"}
API = {
    "connector": "json_api",
    "connection": "office",
    "url": "api/visits",
    "params": {"from": "{start:%Y-%m-%dT%H:%M:%S%z}", "to": "{end:%Y-%m-%dT%H:%M:%S%z}", "kind": "all"},
    "paging": {"by": "cursor", "parameter": "cursor", "next": "$.page.next"},
}
JSON = {"type": "json", "records": "$.items"}


def test_a_file_over_http_and_a_paged_api_are_accepted(citylake: dict[str, Any], problems: Any) -> None:
    citylake["source"] = HTTP
    assert problems() == {}
    citylake["source"] = {**HTTP, "connection": None, "url": "https://example.org/v_{interval:%Y-%m-%d}.csv?f=csv"}
    assert problems() == {}
    citylake["source"], citylake["format"] = API, JSON
    assert problems() == {}


@pytest.mark.parametrize(
    ("change", "key", "message"),
    [
        ({"url": "visits.csv"}, "url", "needs exactly one {interval:<strftime>}, has 0"),
        ({"url": "v_{interval:%Y%m}.csv"}, "url", "does not tell one day from the next"),
        ({"url": "/v_{interval:%Y%m%d}.csv"}, "url", "relative to the connection's base URL"),
        ({"url": "../v_{interval:%Y%m%d}.csv"}, "url", "without `..`"),
        ({"url": "//host/v_{interval:%Y%m%d}.csv"}, "url", "without a leading `/`"),
        ({"url": "ftp://host/v_{interval:%Y%m%d}.csv"}, "url", "must be http:// or https://"),
        ({"url": "https://me:pw@host/v_{interval:%Y%m%d}.csv"}, "url", "logins belong to the connection"),
        ({"url": "v_{interval:%Y%m%d}.csv?access_token=abc"}, "url", "'access_token' looks like a credential"),
        ({"url": "v_{interval:%Y%m%d}.csv#part"}, "url", "has a fragment"),
        ({"connection": None}, "connection", "required key is missing: a relative url"),
        ({"connection": "No Name"}, "connection", "should match pattern"),
        ({"headers": {"Authorization": "Bearer abc"}}, "headers.Authorization", "not a header a contract sets"),
        ({"password": "abc"}, "password", "unknown key"),
        ({"conection": "office"}, "conection", "did you mean `connection`?"),
        ({"connector": "htp"}, "connector", "did you mean `http`? allowed: file_drop, http, json_api, database"),
        ({"max_bytes": 0}, "max_bytes", "greater than 0"),
        ({"redirect_hosts": ["a.org"]}, "redirect_hosts", "belong to the connection: `redirect_hosts` of 'office'"),
    ],
)
def test_what_is_wrong_with_a_file_over_http(
    citylake: dict[str, Any], problems: Any, change: dict[str, Any], key: str, message: str
) -> None:
    citylake["source"] = {**HTTP, **change}
    found = problems()
    assert message in found[f"{SOURCE}.{key}"], found


@pytest.mark.parametrize(
    ("change", "key", "message"),
    [
        ({"url": "api/{start:%Y}"}, "url", "go into `params`"),
        ({"params": {}}, "params", "no parameter says which interval"),
        ({"params": {"from": "{begin:%Y}"}}, "params.from", "{begin} is not known"),
        ({"params": {"from": "{start}"}}, "params.from", "needs a strftime form"),
        ({"params": {"from": "{start:%Q}"}}, "params.from", "%Q is not one"),
        ({"params": {"from": "{start:%Y"}}, "params.from", "has a brace"),
        ({"params": {"from": "{start:%Y}", "app_key": "abc"}}, "params.app_key", "looks like a credential"),
        ({"params": {"from": "{start:%Y}", "cursor": "a"}}, "params.cursor", "is set by `paging`"),
        ({"paging": {"by": "cursor", "parameter": "c"}}, "paging", "paging by cursor needs next"),
        ({"paging": {"by": "scroll"}}, "paging.by", "'scroll' is not allowed"),
        ({"total": "count"}, "total", "should match pattern"),
        ({"page_count": "pages"}, "page_count", "should match pattern"),
        ({"count": "$.a[0]"}, "count", "should match pattern"),
        ({"total_heder": "X-Total"}, "total_heder", "did you mean `total_header`?"),
    ],
)
def test_what_is_wrong_with_a_paged_api(
    citylake: dict[str, Any], problems: Any, change: dict[str, Any], key: str, message: str
) -> None:
    citylake["source"], citylake["format"] = {**API, **change}, JSON
    found = problems()
    assert message in found[f"{SOURCE}.{key}"], found


PUBLIC = {**HTTP, "connection": None, "url": "https://example.org/v_{interval:%Y-%m-%d}.csv"}


def test_redirect_hosts_of_a_source_without_a_connection(citylake: dict[str, Any], problems: Any) -> None:
    hosts = ["files.example.org", "Files.Example.org:8443", "10.0.0.7", "[::1]:80", "b\u00fccher.example"]
    citylake["source"] = {**PUBLIC, "redirect_hosts": hosts}
    assert problems() == {}


@pytest.mark.parametrize(
    "host",
    [
        "https://a.org",
        "a.org/x",
        "me@a.org",
        "*.a.org",
        "a.org:",
        "a.org:0",
        "a.org:65536",
        "::1",
        "",
        ".",
        "a..b",
        "a b",
    ],
)
def test_what_is_no_redirect_host(citylake: dict[str, Any], problems: Any, host: str) -> None:
    citylake["source"] = {**PUBLIC, "redirect_hosts": ["a.org", host]}
    assert repr(host) in problems()[f"{SOURCE}.redirect_hosts[1]"]


def test_one_total(citylake: dict[str, Any], problems: Any) -> None:
    citylake["source"], citylake["format"] = {**API, "total": "$.total", "total_header": "X-Total-Count"}, JSON
    assert "give one" in str(problems())


def test_a_paged_api_gives_json(citylake: dict[str, Any], problems: Any) -> None:
    citylake["source"] = API
    assert "the format is json" in problems()["customProperties[0].value.format.type"]


@pytest.mark.parametrize("by", ["cursor", "token", "page", "offset", "next_link"])
def test_each_way_of_paging_names_what_it_needs(by: str) -> None:
    with pytest.raises(ValidationError, match=f"paging by {by} needs"):
        Paging.model_validate({"by": by})
    with pytest.raises(ValidationError, match="belong together"):
        Paging.model_validate({"by": "none", "size": 10})


def test_a_snapshot_may_lie_at_one_url(citylake: dict[str, Any], problems: Any) -> None:
    citylake["delivery"] = "snapshot"
    del citylake["correction"]
    citylake["source"] = {**HTTP, "url": "register.csv"}
    assert problems() == {}


def test_another_source_is_not_another_revision() -> None:
    """Where bytes come from does not change what conforming makes of them."""
    assert contract().revision == contract(source=HTTP).revision == contract(source=API).revision


BERLIN = {"every": "hour", "timezone": "Europe/Berlin", "start": "2026-01-01"}
SINCE_1986 = {"every": "hour", "timezone": "Asia/Shanghai", "start": "1980-01-01"}
HAVANA = {"every": "day", "timezone": "America/Havana", "start": "2026-01-01"}
"""Its clocks go back from one o'clock to midnight: a day has two."""
SHORT = {"from": "{start:%Y-%m-%dT%H:%M}", "to": "{end:%Y-%m-%dT%H:%M}"}


@pytest.mark.parametrize(
    ("calendar", "source", "key"),
    [
        (BERLIN, {"path": "v_{interval:%Y%m%d%H}.csv"}, "calendar.timezone"),
        (BERLIN, {**HTTP, "url": "v_{interval:%Y%m%d%H}.csv"}, "calendar.timezone"),
        (BERLIN, {**API, "params": SHORT}, "source.time"),
        (BERLIN, {**API, "params": SHORT, "time": "utc"}, None),
        (BERLIN, API, None),
        ({**BERLIN, "timezone": "Asia/Shanghai"}, {"path": "v_{interval:%Y%m%d%H}.csv"}, None),
        ({**BERLIN, "every": "day"}, {"path": "v_{interval:%Y%m%d}.csv"}, None),
        ({**BERLIN, "start": "2031-06-01"}, {"path": "v_{interval:%Y%m%d%H}.csv"}, "calendar.timezone"),
        (SINCE_1986, {"path": "v_{interval:%Y%m%d%H}.csv"}, "calendar.timezone"),
        (BERLIN, {**API, "params": {"from": "{start:%s}"}}, None),
        (HAVANA, {**API, "params": SHORT}, "source.time"),
        (HAVANA, {**API, "params": {"day": "{start:%Y-%m-%d}"}}, None),
        (HAVANA, {**API, "params": {"from": "{start:%s}"}}, None),
        ({**BERLIN, "every": "day"}, {**API, "params": SHORT}, None),
        ({**BERLIN, "timezone": "Mars/Olympus"}, {"path": "v_{interval:%Y%m%d%H}.csv"}, None),
    ],
)
def test_hours_that_share_a_name_when_clocks_go_back(
    citylake: dict[str, Any], problems: Any, calendar: dict[str, Any], source: dict[str, Any], key: str | None
) -> None:
    """One file would be taken for two hours, and one of two hours never asked for."""
    citylake["calendar"], citylake["source"] = calendar, source
    if source.get("connector") == "json_api":
        citylake["format"] = JSON
    found = {name: message for name, message in problems().items() if "go back" in message}
    assert list(found) == ([f"customProperties[0].value.{key}"] if key else [])
