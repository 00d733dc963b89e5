"""The order in which a stack ends, on processes that only wait; and who is told the lake's secrets."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from infra.stack.ports import Ports
from infra.stack.processes import Running
from infra.stack.stack import Stack
from ingestion.settings import Settings

STARTED = ("postgres", "pages", "airflow-api-server", "airflow-scheduler", "airflow-triggerer")


@pytest.mark.faults
def test_the_scheduler_ends_first_and_the_database_last(tmp_path: Path) -> None:
    """A task that is still running must be able to tell the API server how it ended."""
    stack = Stack(Settings(home=tmp_path))
    stack.root.mkdir(parents=True)
    waiting = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) for _ in STARTED]
    try:
        running = [
            Running(name, one.pid, psutil.Process(one.pid).create_time())
            for name, one in zip(STARTED, waiting, strict=True)
        ]
        state = {"ports": asdict(Ports.row(1)), "running": [asdict(one) for one in running]}
        (stack.root / "stack.json").write_text(json.dumps(state), encoding="utf-8")
        ended = stack.down()
        assert sorted(ended) == sorted(STARTED)
        assert (ended[0], ended[-1]) == ("airflow-scheduler", "postgres")
        assert stack.running() == {}
    finally:
        for one in waiting:
            one.kill()
            one.wait()


def test_secrets_of_the_lake_go_only_to_processes_that_run_its_code(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, s3_secret_key=SecretStr("s3cret"))
    settings.connect({"CITYLAKE_CONN_OFFICE": "https://me:s3cret@host"})
    stack = Stack(settings)
    stack.reserve()
    message = {
        service.name for service in stack.airflow.services() if "s3cret" in "".join(service.environment.values())
    }
    assert message == {"airflow-scheduler", "airflow-dag-processor"}
    assert all("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" in service.environment for service in stack.airflow.services())
