"""A worker lost, a scheduler killed, a database gone for a moment: the run ends well and nothing is there twice."""

from __future__ import annotations

import os
import signal
import time
from datetime import date, timedelta

import psutil
import pytest

from infra.simulator.deliver import deliver
from tests.integration.airflow.conftest import Running
from warehouse.reconcile import reconcile

DAYS = {"worker": date(2026, 3, 2), "scheduler": date(2026, 3, 3), "database": date(2026, 3, 5)}
WEATHER = "qxj.wx_station_hourly"


def _deliver(running: Running, day: date) -> None:
    deliver(running.days.city, running.days.city.day_no(day), running.days.folder)
    running.days.tell_time(day, timedelta(minutes=5))


def _counts(running: Running, day: date) -> tuple[int, int]:
    """(deliveries that count, batches) of a day."""
    running.lake.log.refresh()
    with running.lake.log.reading() as log:
        found = log.execute(
            "select count(*), count(distinct batch) from receipt where feed = 'wx_station_hourly' and dt = $1", [day]
        ).fetchone()
    assert found is not None
    return found


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
def test_a_lost_worker_is_replaced_and_nothing_is_there_twice(running: Running, task: str) -> None:
    day = DAYS["worker"]
    _deliver(running, day)
    api, run = running.stack.api(), f"lost-{task}"
    api.trigger(WEATHER, run, conf={"from": str(day)})
    os.kill(_running_task(running, WEATHER, run, task), signal.SIGKILL)
    assert api.wait({WEATHER: run}, seconds=240) == {WEATHER: "success"}
    tried = api.get(f"/dags/{WEATHER}/dagRuns/{run}/taskInstances/{task}")["try_number"]
    assert tried == 2
    deliveries, batches = _counts(running, day)
    assert deliveries == batches == 24
    assert not reconcile(running.lake).off or all(row.step == "warehouse" for row in reconcile(running.lake).off)


def test_a_killed_scheduler_goes_on_where_it_was(running: Running) -> None:
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
    deliveries, batches = _counts(running, day)
    assert deliveries == batches == 24


def test_a_database_restarted_under_airflow_ends_with_every_run_done(running: Running) -> None:
    day = DAYS["database"]
    _deliver(running, day)
    api, stack = running.stack.api(), running.stack
    api.trigger(WEATHER, "restarted", conf={"from": str(day)})
    _running_task(running, WEATHER, "restarted", "extract")
    postgres = stack.running()["postgres"].process()
    assert postgres is not None
    postgres.send_signal(signal.SIGINT)
    psutil.wait_procs([postgres], timeout=20)
    # What depended on it may have ended with it: `citylake up` starts exactly what is missing.
    stack.up()
    assert api.wait({WEATHER: "restarted"}, seconds=300) == {WEATHER: "success"}
    deliveries, batches = _counts(running, day)
    assert deliveries == batches == 24


def test_after_all_of_it_the_lake_reconciles(running: Running) -> None:
    running.days.play(date(2026, 3, 6))
    assert not reconcile(running.lake, deep=True).off
