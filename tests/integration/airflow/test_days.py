"""Further days through a real Airflow: nothing twice, several runs at once, and red where it must be.

The tests of this file are one story, in order: each goes on where the one before left the lake.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.demo.days import EVENING
from infra.simulator.deliver import deliver
from infra.stack.postgres_roles import DATABASE
from ingestion.lake import Lake
from tests.integration.airflow.conftest import Running
from tests.support.chromium import page, shot
from tests.support.lake_rows import committed, released
from tests.support.leaks import Values, database_texts, files_below, leaks, texts_in, texts_of
from tests.support.personal import sent_by
from warehouse.build.report import last_report
from warehouse.reconcile.run import reconcile

pytestmark = pytest.mark.faults

FIRST, SECOND, BAD, AFTER = (date(2026, 3, day) for day in (2, 3, 4, 5))
LICENCE, INSPECTION, WEATHER = "syj.food_licence", "syj.food_inspection", "qxj.wx_station_hourly"


def _clean(lake: Lake) -> None:
    assert not reconcile(lake, deep=True).off


@pytest.fixture(scope="module", autouse=True)
def first_day(running: Running) -> None:
    """The story begins after the first day, which `test_one_day` looks at."""
    running.days.run(FIRST)
    assert set(running.days.done[str(FIRST)].values()) == {"passed"}


def test_cleared_runs_and_retried_tasks_take_nothing_in_twice(running: Running) -> None:
    before, tables = committed(running.lake), released(running.lake)
    api = running.stack.api()
    for feed in running.lake.contracts:
        api.post(f"/dags/{feed}/dagRuns/demo__{FIRST}/clear", {"dry_run": False})
    states = api.wait(dict.fromkeys(running.lake.contracts, f"demo__{FIRST}"), seconds=180)
    assert set(states.values()) == {"success"}
    # A task alone, after it succeeded: what it hands on was worked off long ago.
    body = {"dry_run": False, "task_ids": ["conform"], "dag_run_id": f"demo__{FIRST}", "only_failed": False}
    api.post(f"/dags/{WEATHER}/clearTaskInstances", body)
    assert api.wait({WEATHER: f"demo__{FIRST}"}, seconds=120) == {WEATHER: "success"}
    assert committed(running.lake) == before
    assert released(running.lake) == tables


def test_days_already_there_taken_again_bring_nothing_in_twice(running: Running) -> None:
    """By the form's days: the city's schedule is over, and Airflow backfills along a schedule only."""
    before = committed(running.lake)
    api = running.stack.api()
    api.trigger(LICENCE, "again", conf={"from": str(FIRST), "to": str(FIRST)})
    assert api.wait({LICENCE: "again"}, seconds=180) == {LICENCE: "success"}
    assert committed(running.lake) == before


def test_two_warehouse_runs_forced_at_once_go_one_after_the_other(running: Running) -> None:
    tables = released(running.lake)
    api = running.stack.api()
    for name in ("forced-1", "forced-2"):
        api.trigger("warehouse", name, conf={"full_refresh": True})
    for name in ("forced-1", "forced-2"):
        assert api.wait({"warehouse": name}, seconds=300) == {"warehouse": "success"}
    found = {r["dag_run_id"]: r for r in api.runs("warehouse")}
    assert found["forced-1"]["end_date"] <= found["forced-2"]["start_date"]
    assert released(running.lake) == tables


def _made_of(running: Running, feed: str) -> set[str]:
    """The products that read a feed, and those made of them."""
    report = last_report(running.lake.settings)
    assert report is not None
    models = [model for model in report.models if model.product]
    found = {str(model.product) for model in models if feed in model.feeds}
    while new := {str(m.product) for m in models if found.intersection(m.upstream_products)} - found:
        found |= new
    assert 0 < len(found) < len({model.product for model in models})
    return found


def test_one_run_covers_many_intervals(running: Running) -> None:
    """Two more days arrive unseen; one triggered run of a feed takes in both, by its parameters."""
    days = running.days
    for day in (SECOND, BAD):
        deliver(days.city, days.city.day_no(day), days.folder)
    api = running.stack.api()
    api.trigger(WEATHER, "both", conf={"from": str(SECOND), "to": str(BAD)})
    assert api.wait({WEATHER: "both"}, seconds=180) == {WEATHER: "success"}
    running.lake.log.refresh()
    with running.lake.log.reading() as log:
        found = log.execute("select count(distinct dt) from receipt where feed = 'wx_station_hourly'").fetchone()
    assert found == (3,)


def test_the_bad_food_file_is_red_its_steward_is_told_once_and_the_rest_is_published(running: Running) -> None:
    days, api = running.days, running.stack.api()
    days.run(SECOND)
    days.run(BAD)
    verdicts = days.done[str(BAD)]
    assert {p for p, d in verdicts.items() if d != "passed"} == _made_of(running, INSPECTION)
    assert api.tasks(INSPECTION, f"demo__{BAD}")["needs_attention"] == "failed"
    newest = api.runs("warehouse", limit=1)[0]
    assert newest["state"] == "failed"
    assert api.tasks("warehouse", newest["dag_run_id"]) == {
        "build": "success", "test": "success", "gate": "success", "publish": "success", "blocked_products": "failed",
    }  # fmt: skip
    message = _log_of(api, INSPECTION, f"demo__{BAD}", "needs_attention")
    assert "refused inspection_20260304.ndjson" in message
    assert "citylake quarantine syj.food_inspection" in message
    assert "citylake gate --explain food_safety" in _log_of(api, "warehouse", newest["dag_run_id"], "blocked_products")
    assert "退回 refused 1" in api.get(f"/dags/{INSPECTION}/dagRuns/demo__{BAD}")["note"].partition("\n")[0]
    blocked, *_ = newest["note"].split("\n\n")
    assert blocked.startswith(f"未放行 blocked {len(_made_of(running, INSPECTION))}: ")
    assert _released_on(api, BAD)
    assert _released_on(api, BAD).isdisjoint(_made_of(running, INSPECTION))
    refused = _letters(running)
    assert len(refused) == 1
    # Cleared and run again: still red in the lake's eyes, no second letter, and what a person wrote stays.
    api.patch(f"/dags/{INSPECTION}/dagRuns/demo__{BAD}", {"note": "the department was called"})
    api.post(f"/dags/{INSPECTION}/dagRuns/demo__{BAD}/clear", {"dry_run": False})
    api.wait({INSPECTION: f"demo__{BAD}"}, seconds=120)
    assert _letters(running) == refused
    assert api.get(f"/dags/{INSPECTION}/dagRuns/demo__{BAD}")["note"] == "the department was called"
    _clean(running.lake)


def test_the_corrected_file_turns_it_green_and_the_steward_hears_that_it_is_over(running: Running) -> None:
    running.days.run(AFTER)
    assert set(running.days.done[str(AFTER)].values()) == {"passed"}
    opened, resolved = _letters(running)
    assert "被退回" in opened
    assert "更正已通过" in resolved
    _clean(running.lake)


def test_the_forms_default_date_does_the_citys_day_and_a_wrong_one_is_red(running: Running) -> None:
    """The machine's date lies after the last scheduled day: Airflow made no task, and showed the run as a success."""
    api, now = running.stack.api(), datetime.now(UTC)
    running.days.set_time(AFTER, EVENING)
    chore = "maintenance.incidents"
    runs = {WEATHER: "click", LICENCE: "wrong", chore: "click"}
    api.trigger(WEATHER, "click", at=now)
    api.trigger(LICENCE, "wrong", at=now, conf={"from": "2019-01-01"})
    api.trigger(chore, "click", at=now)
    assert api.wait(runs, seconds=180) == {WEATHER: "success", LICENCE: "failed", chore: "success"}
    assert api.tasks(WEATHER, "click")["extract"] == "success"
    assert f"files of {AFTER} to {AFTER}" in _log_of(api, WEATHER, "click", "extract")
    assert api.tasks(LICENCE, "wrong")["extract"] == "failed"
    assert "no interval in 2019-01-01 to 2019-01-01" in _log_of(api, LICENCE, "wrong", "extract")
    assert api.tasks(chore, "click") == {"incidents": "success"}


def _released_on(api: Any, day: date) -> set[str]:
    """Products that had an asset event of a release whose content is of this day."""
    events = api.get("/assets/events", limit=1000, order_by="-timestamp")["asset_events"]
    return {event["name"] for event in events if event["extra"].get("content_date") == str(day)}


def _letters(running: Running) -> list[str]:
    """Subjects of the letters about the refused inspection file, as they came."""
    return [s for s in running.mailbox.subjects if INSPECTION in s and "个报送文件" in s]


def _log_of(api: Any, dag: str, run_id: str, task: str) -> str:
    lines = api.get(f"/dags/{dag}/dagRuns/{run_id}/taskInstances/{task}/logs/1", full_content=True)["content"]
    return "\n".join(str(line) for line in lines)


@pytest.fixture(autouse=True)
def _no_import_errors(running: Running) -> None:
    assert running.stack.api().get("/importErrors")["import_errors"] == []


def test_the_story_is_seen_in_airflows_own_page(running: Running, tmp_path: Path) -> None:
    """As an operator sees it in a browser: the red run, what it says, and what to do."""
    api, stack = running.stack.api(), running.stack
    failed = [r for r in api.runs("warehouse", limit=50) if r["state"] == "failed"]
    with page() as shown:
        shown.goto(stack.airflow.url)
        shown.fill("input[name=username]", "operator")
        shown.fill("input[name=password]", stack.secrets.accounts["operator"].get_secret_value())
        shown.click("button[type=submit]")
        shown.wait_for_url(lambda url: "login" not in url)
        shown.goto(f"{stack.airflow.url}/dags/{INSPECTION}/runs/demo__{BAD}/tasks/needs_attention")
        shown.get_by_text("citylake quarantine syj.food_inspection").first.wait_for()
        assert shown.get_by_text("Failed").first.is_visible()
        shot(shown, tmp_path, "needs_attention")
        shown.goto(f"{stack.airflow.url}/dags/warehouse/runs/{failed[-1]['dag_run_id']}/tasks/blocked_products")
        shown.get_by_text("citylake gate --explain food_safety").first.wait_for()
        shot(shown, tmp_path, "blocked_products")
        shown.goto(f"{stack.airflow.url}/dags")
        shown.get_by_text("已结束 ended").first.wait_for()
        shot(shown, tmp_path, "dags")
        shown.goto(f"{stack.airflow.url}/dags/{INSPECTION}")
        shown.get_by_test_id("markdown-button").click()
        link = shown.get_by_role("link", name="A delivery was refused").first
        shown.goto(link.get_attribute("href"))
        shown.get_by_role("heading", name="A delivery was refused").wait_for()
        shot(shown, tmp_path, "runbook")
        shown.goto(stack.pages_url)
        assert "市级数据湖" in shown.content()
        shown.goto(f"{stack.pages_url}/dbt/")
        shown.get_by_text("auto-generated documentation").first.wait_for()
        shot(shown, tmp_path, "dbt")
    assert all((tmp_path / f"{name}.png").stat().st_size > 10_000 for name in ("needs_attention", "dbt"))


def test_no_personal_value_of_health_is_in_airflows_database_logs_or_mails(running: Running) -> None:
    """After all of it: metadata with notes and XComs, task logs, mails, and the lake."""
    settings = running.lake.settings
    sent = sent_by("wjj", settings.drop_root, running.lake.contracts)
    assert len(sent.values) > 2000
    postgres = running.stack.postgres
    with postgres._server.administer(DATABASE) as cursor:
        found = list(database_texts(cursor))
    of_tables = {text.where.partition(".")[2].rpartition(".")[0] for text in found}
    assert {"dag_run", "task_instance", "xcom", "dag_run_note", "asset_event"} <= of_tables
    feeds = [name for name, one in running.lake.contracts.items() if one.department == "wjj"]
    assert all(any(feed in text.text for text in found) for feed in feeds)
    left_out = ("raw", "quarantine", "drop", "secrets", postgres.data.parent.name)
    found += [text for path in files_below(settings.home, left_out) for text in texts_of(path)]
    assert any("/logs/" in text.where for text in found)
    parts = [part for mail in running.mailbox.mails for part in mail.walk() if not part.is_multipart()]
    found += [text for part in parts for text in texts_in(part.get_payload(decode=True), "mail")]
    assert [str(hit) for hit in leaks(found, Values(sent.values))] == []
