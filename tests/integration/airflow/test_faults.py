"""A worker lost, a scheduler killed, a database gone for a moment: the run ends well and nothing is there twice."""

from __future__ import annotations

import os
import signal
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.simulator.deliver import deliver
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from tests.integration.airflow.conftest import Running
from warehouse.capture import Captured, capture
from warehouse.reconcile.run import reconcile

pytestmark = pytest.mark.faults

DAYS = {"worker": date(2026, 3, 2), "scheduler": date(2026, 3, 3), "database": date(2026, 3, 5)}
WEATHER = "qxj.wx_station_hourly"


def _deliver(running: Running, day: date) -> None:
    deliver(running.days.city, running.days.city.day_no(day), running.days.folder)
    running.days.set_time(day, timedelta(minutes=5))


def _taken_in(lake: Lake, day: date) -> list[tuple[Any, ...]]:
    """What counts of a day: batches with their outcome and rows; a batch there twice would be two lines."""
    lake.log.refresh()
    with lake.log.reading() as log:
        return log.execute(
            """select r.batch, r.outcome, t.received, t.accepted from receipt as r
            left join table_receipt as t on t.receipt_key = r.key
            where r.feed = 'wx_station_hourly' and r.dt = $1 order by all""",
            [day],
        ).fetchall()


def _as_undisturbed(running: Running, day: date, beside: Path) -> None:
    """The same files on a lake of their own, without Airflow and without a fault, come to the same."""
    lake = open_lake(Settings(home=beside, drop=running.lake.settings.drop_root))
    capture(lake, lake.contracts[WEATHER], day, Captured())
    found = _taken_in(running.lake, day)
    assert len(found) > 20
    assert found == _taken_in(lake, day)


def _running_task(running: Running, dag: str, run: str, task: str) -> int:
    """The process id Airflow gives for a task, once it runs."""
    api = running.stack.api()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = api.get(f"/dags/{dag}/dagRuns/{run}/taskInstances/{task}")
        if found["state"] == "running" and found["pid"]:
            return int(found["pid"])
        assert found["state"] not in ("success", "failed"), found["state"]
        time.sleep(0.05)
    raise AssertionError(f"{task} never ran")


@pytest.mark.parametrize("task", ["extract", "conform"])
def test_a_lost_worker_is_replaced_and_nothing_is_there_twice(running: Running, task: str, tmp_path: Path) -> None:
    day = DAYS["worker"]
    _deliver(running, day)
    api, run = running.stack.api(), f"lost-{task}"
    api.trigger(WEATHER, run, conf={"from": str(day)})
    os.kill(_running_task(running, WEATHER, run, task), signal.SIGKILL)
    assert api.wait({WEATHER: run}, seconds=240) == {WEATHER: "success"}
    tried = api.get(f"/dags/{WEATHER}/dagRuns/{run}/taskInstances/{task}")["try_number"]
    assert tried == 2
    _as_undisturbed(running, day, tmp_path)


def test_a_killed_scheduler_goes_on_where_it_was(running: Running, tmp_path: Path) -> None:
    day = DAYS["scheduler"]
    _deliver(running, day)
    api, stack = running.stack.api(), running.stack
    api.trigger(WEATHER, "orphaned", conf={"from": str(day)})
    _running_task(running, WEATHER, "orphaned", "extract")
    scheduler = stack.running()["airflow-scheduler"]
    process = scheduler.process()
    assert process is not None
    family = [process, *process.children(recursive=True)]
    for member in family:
        member.kill()
    psutil.wait_procs(family, timeout=10)
    assert "airflow-scheduler" not in stack.running()
    stack.up()
    assert api.wait({WEATHER: "orphaned"}, seconds=300) == {WEATHER: "success"}
    _as_undisturbed(running, day, tmp_path)


def test_a_database_restarted_under_airflow_ends_with_every_run_done(running: Running, tmp_path: Path) -> None:
    day = DAYS["database"]
    _deliver(running, day)
    api, stack = running.stack.api(), running.stack
    api.trigger(WEATHER, "restarted", conf={"from": str(day)})
    _running_task(running, WEATHER, "restarted", "extract")
    postgres = stack.running()["postgres"].process()
    assert postgres is not None
    postgres.send_signal(signal.SIGINT)
    psutil.wait_procs([postgres], timeout=20)
    # At once, while the scheduler has not noticed or is about to end for it.
    before = stack.running()["airflow-scheduler"].pid
    assert stack.api().health().get("metadatabase") != "healthy"
    stack.up()
    assert stack.running()["airflow-scheduler"].pid != before
    assert api.wait({WEATHER: "restarted"}, seconds=300) == {WEATHER: "success"}
    _as_undisturbed(running, day, tmp_path)


def test_after_all_of_it_the_lake_reconciles(running: Running) -> None:
    """The feeds nobody ran during the faults catch up in one run each; then every stage agrees with the one before."""
    api, feeds = running.stack.api(), list(running.lake.contracts)
    for feed in feeds:
        api.trigger(feed, "catch-up", conf={"from": "2026-03-02", "to": "2026-03-05"})
    assert set(api.wait(dict.fromkeys(feeds, "catch-up"), seconds=300).values()) <= {"success", "failed"}
    running.days.run(date(2026, 3, 6))
    assert not reconcile(running.lake, deep=True).off
