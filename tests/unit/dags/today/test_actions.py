"""Actions from the page: who may, what is checked before, what is done and said, and that each is in the ledger."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dags.today.actions import EDITION_VERBS, FEED_VERBS, VERBS
from dags.today.forms import Signer
from ingestion.delivery import holds
from tests.support.lakes import contract
from tests.support.small_city import SmallCity
from tests.support.today import CALLERS, SECRET, Browser, NotedAirflow, site, words
from tests.unit.dags.today.conftest import FEED, Office
from warehouse.actions import ledger
from warehouse.gate.decide import gate
from warehouse.incidents.book import Book
from warehouse.incidents.report import report
from warehouse.publish.run import publish
from warehouse.release import ledger as releases
from warehouse.release import pointer

RUN_ANSWER = {"dag_run_id": "manual__2026"}


def fields(office: Office, verb: str) -> dict[str, str]:
    """A whole form of each verb, but for reason and confirmation."""
    details = {"batch": office.held, "release": "r", "from": "2026-03-02", "to": "2026-03-03", "candidate": "c"}
    subject = FEED if verb in FEED_VERBS else "open" if verb in EDITION_VERBS else incident(office)
    return {"subject": subject, "about": FEED, **details}


def incident(office: Office) -> str:
    active = Book(office.lake).active()
    return active[0].id if active else report(office.lake, "delivery_late", FEED, "late").incident.id


def events(lake: Any) -> list[tuple[str, str, str]]:
    return [(one.verb, one.subject, one.event) for one in reversed(ledger.recent(lake, 50))]


def test_a_viewer_or_steward_is_refused_every_action(office: Office) -> None:
    for account in ("viewer", "steward", "neighbour", "stranger"):
        for verb in VERBS:
            for confirmed in ({}, {"confirm": "yes", "reason": "because"}):
                response = office.browser(account).post(f"/action/{verb}", {**fields(office, verb), **confirmed})
                assert response.status_code == 403, (account, verb)
    assert events(office.lake) == []
    assert office.airflow.calls == []


def test_who_may_run_one_departments_feeds_acts_on_these_only(office: Office) -> None:
    for verb in VERBS:
        response = office.browser("office").post(f"/action/{verb}", fields(office, verb))
        assert response.status_code == (403 if verb in EDITION_VERBS else 200), verb
    other = office.browser("office").post("/action/rerun", {**fields(office, "rerun"), "subject": "other.feed"})
    assert other.status_code == 403


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"csrf": ""}, "not from your session"),
        ({"csrf": "made up"}, "not from your session"),
        ({"csrf": Signer(SECRET).csrf("admin")}, "not from your session"),
    ],
)
def test_without_its_token_no_form_is_carried_out(office: Office, wrong: dict[str, str], key: str) -> None:
    form = {**fields(office, "accept"), "confirm": "yes", "reason": "checked", **wrong}
    response = office.browser("operator").post("/action/accept", form)
    assert response.status_code == 403
    assert key in words(response)
    assert holds.held(office.lake)


def test_a_form_of_another_site_is_not_carried_out(office: Office) -> None:
    form = {**fields(office, "accept"), "confirm": "yes", "reason": "checked"}
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}):
        response = office.browser("operator").post("/action/accept", form, **headers)
        assert response.status_code == 403
    assert holds.held(office.lake)
    assert events(office.lake) == []


def test_first_it_is_said_what_will_happen_and_a_reason_is_asked(office: Office) -> None:
    for verb in VERBS:
        response = office.browser("operator").post(f"/action/{verb}", fields(office, verb))
        assert response.status_code == 200, verb
        assert "What will happen" in words(response)
        assert 'name="reason"' in response.text
    assert events(office.lake) == []
    missing = office.browser("operator").post(
        "/action/accept", {**fields(office, "accept"), "confirm": "yes", "reason": " "}
    )
    assert missing.status_code == 422
    assert "Give a reason." in words(missing)
    hidden = office.browser("operator").post(
        "/action/accept", {**fields(office, "accept"), "confirm": "yes", "reason": "good \u202e"}
    )
    assert hidden.status_code == 409
    assert "U+202E" in words(hidden)
    assert events(office.lake) == []
    assert holds.held(office.lake)


def done(browser: Browser, verb: str, form: dict[str, str]) -> str:
    """Confirm; what the page shown next says."""
    response = browser.post(f"/action/{verb}", {**form, "confirm": "yes", "reason": "checked with the office"})
    assert response.status_code == 303, words(response)
    location = response.headers["location"]
    assert location.startswith("/today/")
    shown = browser.get(location.removeprefix("/today"))
    assert shown.status_code == 200
    return words(shown)


def test_a_held_delivery_is_accepted_and_rejected(office: Office) -> None:
    form = fields(office, "reject")
    office.airflow.answers["/dags/warehouse/dagRuns"] = RUN_ANSWER
    said = done(office.browser("operator"), "reject", form)
    assert f"the delivery {office.held} of {FEED} was rejected" in said
    posted = [call for call in office.airflow.calls if call[0] == "POST"]
    assert [(path, token) for _, path, token, _ in posted] == [("/dags/warehouse/dagRuns", "token-operator")]
    assert posted[0][-1]["note"].endswith(": checked with the office")
    started = "the warehouse takes it in: its run manual__2026 is queued"
    assert started in said
    del office.airflow.answers["/dags/warehouse/dagRuns"]
    assert not holds.held(office.lake)
    assert started not in done(office.browser("office"), "accept", form), "an account that may not run the warehouse"
    assert len([call for call in office.airflow.calls if call[0] == "POST"]) == 1
    assert started not in done(office.browser("operator"), "accept", form), "Airflow refuses; the decision stands"
    assert events(office.lake)[:4] == [
        ("reject", FEED, "asked"), ("reject", FEED, "done"), ("accept", FEED, "asked"), ("accept", FEED, "done"),
    ]  # fmt: skip
    entry = ledger.recent(office.lake, 3)[-1]
    assert (entry.actor.account, entry.actor.role, entry.actor.via) == ("office", "user", "page")
    assert entry.reason == "checked with the office"
    assert "checked with the office" in words(office.browser("operator").get("/ledger"))


def test_a_rerun_is_airflows_with_the_callers_own_token(office: Office) -> None:
    office.airflow.answers[f"/dags/{FEED}/dagRuns"] = RUN_ANSWER
    said = done(office.browser("operator"), "rerun", fields(office, "rerun"))
    assert f"run manual__2026 of {FEED} is queued" in said
    method, _, token, body = next(call for call in office.airflow.calls if call[0] == "POST")
    assert (method, token) == ("POST", "token-operator")
    assert body["conf"] == {"from": "2026-03-02", "to": "2026-03-03"}
    assert body["note"] == "operator (op): checked with the office"
    assert ledger.recent(office.lake, 1)[0].message == "run manual__2026 is queued"


@pytest.mark.parametrize(
    "days",
    [
        {"from": "2026-03-03", "to": "2026-03-02"}, {"from": "", "to": "2026-03-02"}, {"from": "x", "to": "y"},
        {"from": "2026-03-02", "to": "9999-01-01"},
    ],
)  # fmt: skip
def test_a_rerun_of_days_that_cannot_be_is_refused(office: Office, days: dict[str, str]) -> None:
    response = office.browser("operator").post("/action/rerun", {**fields(office, "rerun"), **days})
    assert response.status_code == 409
    assert "nothing was done" in words(response)


def test_what_airflow_refuses_is_said_and_recorded(office: Office) -> None:
    form = {**fields(office, "rerun"), "confirm": "yes", "reason": "again"}
    response = office.browser("operator").post("/action/rerun", form)
    assert response.status_code == 409
    assert "nothing was started" in words(response)
    assert [event for *_, event in events(office.lake)] == ["asked", "failed"]


def test_what_there_is_not_cannot_be_acted_on(office: Office) -> None:
    operator = office.browser("operator")
    assert operator.post("/action/fly", {"subject": FEED}).status_code == 404
    assert operator.post("/action/accept", {"subject": "office.nothing", "batch": "x"}).status_code == 404
    assert operator.post("/action/withdraw", {"subject": "../internal"}).status_code == 404
    assert operator.post("/action/close", {"subject": "no such", "about": FEED}).status_code == 404
    assert operator.get("/action/withdraw").status_code == 405
    long = operator.post("/action/withdraw", {"subject": "open", "reason": "x" * 20_000})
    assert long.status_code == 413
    assert operator.post("/action/withdraw", {"subject": "open"}, content_type="text/plain").status_code == 415


@pytest.fixture
def city(tmp_path: Path) -> SmallCity:
    """Two releases: days 2 to 4, then day 5."""
    small = SmallCity(tmp_path / "lake-home")
    for day in ("", "2026-03-05"):
        if day:
            small.add_day(day)
        built = small.build()
        publish(small.lake, built, gate(small.lake, built), approver="test")
    return small


def test_an_edition_is_rolled_back_withdrawn_and_resumed(city: SmallCity) -> None:
    browser = Browser(site(city.lake), "operator")
    first = releases.entries(city.lake.store, "internal")[0].release or ""
    product = browser.get("/product/weather")
    offered = re.findall(r'action="/today/action/rollback".*?name="release" value="([^"]+)"', product.text, re.DOTALL)
    assert offered == [first] * 2  # internal and open; the current one is not offered
    said = done(browser, "rollback", {"subject": "internal", "release": first})
    assert f"the internal edition shows release {first} again" in said
    assert "is on hold" in said
    held = pointer.hold(city.lake, "internal")
    assert held is not None and held.by == "operator (op)"
    done(browser, "withdraw", {"subject": "internal"})
    assert pointer.current(city.lake, "internal") is None
    done(browser, "resume", {"subject": "internal"})
    assert pointer.hold(city.lake, "internal") is None
    again = browser.post("/action/resume", {"subject": "internal", "confirm": "yes", "reason": "twice"})
    assert again.status_code == 409
    assert "is not on hold" in words(again)


def test_an_incident_is_closed_by_hand_but_not_a_blocked_product(city: SmallCity) -> None:
    browser = Browser(site(city.lake), "operator")
    failed = report(city.lake, "task_failed", "warehouse", "build: failed").incident
    blocked = report(city.lake, "product_blocked", "weather", "rule").incident
    page = browser.get("/")
    assert f'value="{failed.id}"' in page.text
    assert f'value="{blocked.id}"' not in page.text
    done(browser, "close", {"subject": failed.id, "about": "warehouse"})
    assert [one.kind for one in Book(city.lake).active() if one.is_open] == ["product_blocked"]


def test_the_open_editions_approval(city: SmallCity) -> None:
    settings = city.lake.settings.model_copy(update={"open_approval": True})
    lake = replace(city.lake, settings=settings, contracts={FEED: contract()})
    city.add_day("2026-03-06")
    built = city.build()
    publish(lake, built, gate(lake, built), approver="airflow", triggered_by=("admin",))
    from warehouse.actions.approval import asked_in, pending

    waiting = pending(lake)
    assert waiting is not None
    question = "/dags/open_release/dagRuns/run__1/taskInstances/approval/-1/hitlDetails"
    airflow = NotedAirflow({question: {"created_at": datetime(2026, 3, 1, tzinfo=UTC).isoformat()}})
    operator, admin, viewer = (Browser(site(lake, airflow), name) for name in ("operator", "admin", "viewer"))
    form = {"subject": "open", "candidate": waiting.id}
    assert "Airflow has not asked" in words(operator.get("/"))
    assert operator.post("/action/approve", {**form, "confirm": "yes", "reason": "good"}).status_code == 409
    asked_in(lake, waiting.id, "run__1")
    assert 'action="/today/action/approve"' in operator.get("/").text
    assert 'action="/today/action/approve"' not in admin.get("/").text
    assert 'action="/today/action/' not in viewer.get("/").text
    own = admin.post("/action/approve", {**form, "confirm": "yes", "reason": "good"})
    assert own.status_code == 409
    assert "may not approve it" in words(own)
    assert [call for call in airflow.calls if call[0] == "PATCH"] == []
    other = operator.post("/action/approve", {**form, "candidate": "older", "confirm": "yes", "reason": "good"})
    assert other.status_code == 409
    assert "was approved" in done(operator, "approve", form)
    patched = [call for call in airflow.calls if call[0] == "PATCH"]
    assert patched == [
        ("PATCH", question, "token-operator",
         {"chosen_options": ["Approve"], "params_input": {"reason": "checked with the office"}}),
    ]  # fmt: skip
    airflow.answers[question] = {"created_at": lake.clock().isoformat()}
    early = operator.post("/action/refuse", {**form, "confirm": "yes", "reason": "no"})
    assert early.status_code == 409
    assert "this very moment" in words(early)
    assert set(CALLERS) >= {"operator", "admin"}
