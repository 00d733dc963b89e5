"""Who sees which page, what every response carries, and that no text can act."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import lxml.html
import pytest

from dags.today import pages
from dags.today.headers import HEADERS
from ingestion.errors import LakeBusy
from ingestion.lake import Lake
from tests.support.lakes import lake
from tests.support.today import CALLERS, HOST, Browser, site, words
from tests.unit.dags.today.conftest import FEED, Office
from warehouse.status.model import Status

EVERYBODY = {"admin", "operator", "viewer", "steward", "neighbour", "office"}
OPERATORS = {"admin", "operator"}
STEWARDS = {"steward", "neighbour"}


def paths(seen: Office) -> dict[str, set[str]]:
    """Every address and the accounts that see it."""
    return {
        "/": EVERYBODY,
        "/?state=late&department=office": EVERYBODY,
        f"/feed/{FEED}": EVERYBODY,
        "/reconcile": EVERYBODY,
        f"/refused/{FEED}/{seen.refused}": EVERYBODY,
        f"/refused/{FEED}/{seen.refused}?text=1": {"steward"},
        "/ledger": OPERATORS,
        "/outbox": OPERATORS | STEWARDS,
        f"/workbook/{FEED}/{seen.refused}": {"steward"},
    }


def test_who_sees_what(seen: Office) -> None:
    for path, allowed in paths(seen).items():
        answers = {account: seen.browser(account).get(path).status_code for account in CALLERS}
        assert {account for account, answer in answers.items() if answer == 200} == allowed, path
        assert set(answers.values()) <= {200, 403}, path


def test_every_page_of_a_simulated_city_says_so(seen: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    made = seen.lake.contracts[FEED]
    simulated = replace(made, citylake=made.citylake.model_copy(update={"synthetic": True}))
    monkeypatch.setitem(seen.lake.contracts, FEED, simulated)
    pages_seen = {path: max(accounts) for path, accounts in paths(seen).items() if "/workbook/" not in path}
    for path, account in pages_seen.items():
        assert "every value is made up" in words(seen.browser(account).get(path)), path


def test_rows_of_a_refused_delivery_are_not_taken_in(seen: Office) -> None:
    page = lxml.html.fromstring(seen.browser("viewer").get(f"/refused/{FEED}/{seen.refused}").text)
    counts = dict(zip(page.xpath("//dt/text()"), page.xpath("//dd//text()[normalize-space()]"), strict=False))
    assert counts["Accepted"].strip() == "0"


def test_without_an_account_there_is_only_the_way_to_the_login(seen: Office) -> None:
    for path in [*paths(seen), "/nothing", "/feed/x/y/z"]:
        response = seen.browser(None).get(path)
        assert response.status_code in (401, 404), path
        assert FEED not in response.text.replace("next=", "") or response.status_code == 401
    page = seen.browser(None).get("/")
    assert page.status_code == 401
    assert 'href="/auth/login?next=%2Ftoday%2F"' in page.text
    assert seen.browser(None).post("/action/withdraw", {"subject": "internal"}).status_code == 401


def test_every_response_has_the_headers(seen: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = seen.browser("viewer")
    responses = [browser.get(path) for path in ("/", "/nothing", "/ledger", "/static/today.css", "/static/nothing.css")]
    responses += [
        browser.post("/action/withdraw"),
        seen.browser(None).get("/"),
        browser.get(f"/refused/{FEED}/a?offset=x"),
    ]

    def broken(_: Lake) -> Status:
        raise RuntimeError("value of a row")

    monkeypatch.setattr(pages, "read_status", broken)
    responses.append(browser.get("/"))
    assert responses[-1].status_code == 500
    assert "value of a row" not in responses[-1].text
    for response in responses:
        assert {name: response.headers[name] for name in HEADERS} == HEADERS, response.url


def test_an_error_of_the_lake_is_said_with_what_to_do(seen: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(_: Lake) -> Status:
        raise LakeBusy("another process builds", left="nothing was changed", next_step="wait a moment")

    monkeypatch.setattr(pages, "read_status", busy)
    response = seen.browser("viewer").get("/")
    assert response.status_code == 503
    assert all(part in words(response) for part in ("another process builds", "nothing was changed", "wait a moment"))


def test_an_empty_lake_has_a_page(tmp_path: Path) -> None:
    response = Browser(site(lake(tmp_path)), "viewer").get("/")
    assert response.status_code == 200
    assert "Nothing is late, held, refused or blocked." in words(response)


def test_the_first_page_says_what_is_wrong_and_of_whom(seen: Office) -> None:
    said = words(seen.browser("viewer").get("/"))
    assert "1 refused" in said
    assert FEED in said
    assert "1 waiting for a decision" in said
    assert "A. Steward" in said
    chinese = seen.browser("viewer", "zh").get("/")
    assert '<html lang="zh-CN">' in chinese.text
    assert "1 个被退回" in words(chinese)


def test_the_feeds_page_counts_rules_and_offers_what_the_account_may(seen: Office) -> None:
    for account in EVERYBODY:
        page = seen.browser(account).get(f"/feed/{FEED}")
        buttons = set(re.findall(r'action="/today/action/(\w+)"', page.text))
        may = account in OPERATORS | {"office"}
        assert buttons == ({"accept", "reject", "rerun"} if may else set()), account
        assert "'seen' is not a date" in lxml.html.fromstring(page.text).text_content()


def test_runs_are_linked_by_the_batches_of_their_events(seen: Office) -> None:
    event = {"source_run_id": "manual__1", "extra": {"batch": [seen.refused]}}
    seen.airflow.answers["/assets/events"] = {"asset_events": [event, {"source_run_id": "x", "extra": None}]}
    page = seen.browser("viewer").get(f"/feed/{FEED}")
    assert f'href="/dags/{FEED}/runs/manual__1" data-airflow' in page.text
    assert seen.airflow.calls[-1][2] == "token-viewer"


def test_the_language_is_kept(seen: Office) -> None:
    chosen = seen.browser("viewer").get("/?lang=zh")
    cookie = chosen.headers["set-cookie"]
    assert all(part in cookie for part in ("today_language=zh", "HttpOnly", "SameSite=lax", "Path=/today"))
    assert '<html lang="zh-CN">' in seen.browser("viewer").get("/", cookie="today_language=zh").text
    assert "set-cookie" not in seen.browser("viewer").get("/?lang=xx").headers


HOSTILE = (
    "<script>window.hit=1</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7*7 }}{% raw %}",
    "</td></table><base href=//evil.example>",
    "\u202etxt.exe\u2066\u200b",
    "a\r\nSet-Cookie: hit=1",
    "javascript:alert(1)",
    "&lt;b&gt;" + "x" * 9_000,
)


def hostile(document: Any, text: str) -> Any:
    """The document with every text in it made hostile, but those that programs read."""
    kept = {"state", "outcome", "verdict", "edition", "timezone", "start", "end", "at"}
    if isinstance(document, dict):
        moments = ("_at", "since", "_after", "expected", "_for", "_of")
        return {
            key: value if key in kept or key.endswith(moments) else hostile(value, text)
            for key, value in document.items()
        }
    if isinstance(document, list):
        return [hostile(value, text) for value in document]
    return text if isinstance(document, str) else document


def status_of(text: str) -> Status:
    """A status with a line of every kind, its texts hostile."""
    at, span = "2026-03-04T15:00:00Z", {"start": "2026-03-03T16:00:00Z", "end": "2026-03-04T16:00:00Z"}
    counts = {"received": 9, "accepted": 5, "quarantined": 4, "duplicates": 0}
    title = {"zh": "t", "en": "t"}
    feed = {
        "feed": "f", "department": "d", "title": title, "department_title": title, "steward": "s", "impact": "high",
        "product": "p", "synthetic": True, "state": "refused", "since": at, "reason": "r", "incident": "i",
        "last": {
            "batch": "b", "outcome": "refused", "state": "refused", "rule": "q", "interval": span, "committed_at": at,
            **counts,
        },
        "last_good_at": at, "expected": span, "late_after": at, "missing": 2, "held": ["h"],
    }  # fmt: skip
    product = {
        "product": "p", "title": title, "departments": ["d"], "feeds": ["f"], "synthetic": True, "verdict": "blocked",
        "reasons": [{"kind": None, "failures": 2, "text": "r"}, {"kind": None, "failures": 1, "text": "s"}],
        "since": at, "release": "x", "released_at": at, "editions": ["internal"],
    }  # fmt: skip
    edition = {
        "edition": "internal", "release": "x", "released_at": at, "approver": "a", "hold_reason": "h", "hold_by": "b",
        "hold_since": at,
    }  # fmt: skip
    document = {
        "at": at, "timezone": "Asia/Shanghai", "synthetic": True, "feeds": [feed, {**feed, "state": "late"}],
        "products": [product], "editions": [edition],
    }  # fmt: skip
    made = hostile(document, text)
    made["products"][0]["editions"] = ["internal"]
    made["products"][0]["reasons"][0]["kind"] = "key"
    return Status.model_validate_json(json.dumps(made))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_are_inert(seen: Office, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(pages, "read_status", lambda _: status_of(text))
    part = quote(text[:150], safe="")
    addresses = ["/", f"/?department={part}&state={part}", f"/product/{part}"]
    for language in ("zh", "en"):
        for address in addresses:
            response = seen.browser("operator", language).get(address)
            assert response.status_code in (200, 404)
            if response.headers["content-type"].startswith("text/html"):  # else no route of the page has that address
                require_inert(response.text)
            assert "hit" not in response.headers.get("set-cookie", "")
    page = seen.browser("operator").get("/")
    if "script" in text:
        assert text.replace("<", "&lt;").replace(">", "&gt;") in page.text


def require_inert(page: str) -> None:
    """Nothing in a page acts but its own style, script and forms, and nothing hides in it."""
    tree = lxml.html.document_fromstring(page)
    assert [node.get("src") for node in tree.iter("script")] == ["/today/static/today.js"]
    assert not list(tree.iter("img", "iframe", "object", "embed", "base", "svg", "style"))
    for node in tree.iter():
        if not isinstance(node.tag, str):
            continue
        assert not [name for name in node.attrib if name.startswith("on") or name == "style"]
        for name in ("href", "action", "src"):
            target = node.get(name, "/")
            assert target.startswith(("/", "#", "?", "data:,")), target
            assert not target.startswith("//")
    assert not re.search("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]", page)


def test_nothing_is_asked_of_another_host(seen: Office) -> None:
    for path in ("/", f"/feed/{FEED}", "/reconcile"):
        page = seen.browser("operator").get(path).text
        assert not re.findall(r"""(?:src|href|action)=["'](?:https?:)?//""", page.replace(HOST, ""))
