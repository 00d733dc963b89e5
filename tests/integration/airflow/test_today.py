"""The page "today" in a real Airflow: its login, its roles, its REST API with the caller's own token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest

from dags.today.actions import VERBS
from infra.stack.secrets import ROLES
from tests.integration.airflow.conftest import Running
from warehouse.actions import ledger

pytestmark = pytest.mark.faults

CSRF = 'name="csrf" value="'


@contextmanager
def person(running: Running, account: str) -> Iterator[httpx.Client]:
    """A browser of an account that is logged in: Airflow's cookie, no header."""
    url, password = running.stack.airflow.url, running.stack.secrets.accounts[account].get_secret_value()
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        token = client.post("/auth/token", json={"username": account, "password": password}).json()["access_token"]
        client.cookies.set("_token", token)
        yield client


def first_feed(running: Running) -> str:
    return min(running.lake.active)


@pytest.fixture(scope="module", autouse=True)
def evening(running: Running) -> None:
    """The city has a time; nothing was delivered."""
    assert running.lake.settings.city_time is not None
    moment = running.days.city.date_of(1).isoformat()
    running.lake.settings.city_time.parent.mkdir(parents=True, exist_ok=True)
    running.lake.settings.city_time.write_text(f"{moment}T20:00:00+08:00", encoding="utf-8")


def test_each_role_sees_what_it_may(running: Running) -> None:
    feed = first_feed(running)
    every = ("/today/", f"/today/feed/{feed}", "/today/reconcile")
    for account, role in ROLES.items():
        with person(running, account) as client:
            assert [client.get(path).status_code for path in every] == [200] * 3, account
            acts = role in ("admin", "op")
            assert client.get("/today/ledger").status_code == (200 if acts else 403)
            assert ("/today/action/" in client.get(f"/today/feed/{feed}").text) is acts
    with httpx.Client(base_url=running.stack.airflow.url, trust_env=False) as nobody:
        assert [nobody.get(path).status_code for path in every] == [401] * 3
        assert nobody.get("/today/", headers={"authorization": "Bearer made.up.token"}).status_code in (401, 403)
        assert nobody.post("/today/action/rerun", data={"subject": feed}).status_code == 401


def test_a_viewer_is_refused_whatever_the_form_says(running: Running) -> None:
    for account in ("viewer", "steward"):
        with person(running, account) as client:
            for verb in VERBS:
                form = {"subject": first_feed(running), "confirm": "yes", "reason": "x", "csrf": "made up"}
                assert client.post(f"/today/action/{verb}", data=form).status_code == 403
    assert ledger.recent(running.lake, 1) == []


def test_an_operator_runs_a_feed_again_in_their_own_name(running: Running) -> None:
    feed, day = first_feed(running), running.days.city.date_of(1)
    with person(running, "operator") as client:
        page = client.get(f"/today/feed/{feed}").text
        csrf = page.split(CSRF, 1)[1].split('"', 1)[0]
        form = {"subject": feed, "from": f"{day}", "to": f"{day}", "csrf": csrf, "reason": "it came", "confirm": "yes"}
        with person(running, "viewer") as other:
            assert other.post("/today/action/rerun", data=form).status_code == 403
        crossed = client.post("/today/action/rerun", data=form, headers={"origin": "https://elsewhere.example"})
        assert crossed.status_code == 403
        done = client.post("/today/action/rerun", data=form)
        assert done.status_code == 303, done.text
        assert client.get(done.headers["location"]).status_code == 200
    (run,) = running.stack.api().runs(feed)
    assert run["conf"] == {"from": f"{day}", "to": f"{day}"}
    assert run["triggering_user_name"] == "operator"
    assert "operator (op): it came" in run["note"]
    entries = ledger.recent(running.lake, 5)
    assert [(one.verb, one.event, one.actor.signature) for one in entries] == [
        ("rerun", "done", "operator (op)"), ("rerun", "asked", "operator (op)"),
    ]  # fmt: skip
    assert run["dag_run_id"] in (entries[0].message or "")
    future = {**form, "to": f"{day + timedelta(days=400)}"}
    with person(running, "operator") as client:
        assert client.post("/today/action/rerun", data=future).status_code == 409


def test_airflow_frames_the_page_and_the_page_nothing(running: Running) -> None:
    plugins = running.stack.api().get("/plugins")["plugins"]
    views = [view for plugin in plugins for view in plugin["external_views"]]
    assert [(view["name"], view["href"], view["url_route"]) for view in views] == [("今日 Today", "/today/", "today")]
    with person(running, "viewer") as client:
        policy = client.get("/today/").headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'self'" in policy
