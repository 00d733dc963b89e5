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


def test_secrets_of_the_lake_go_only_to_processes_that_need_them(tmp_path: Path) -> None:
    """The page "today" reads the lake; keys, connections and mail are for tasks."""
    secrets = {"smtp_password": "mail", "webhook_secret": "hook", "pseudonym_key": "0" * 64}
    settings = Settings(home=tmp_path, s3_secret_key=SecretStr("s3cret"), **secrets)  # type: ignore[arg-type]  # text
    settings.connect({"CITYLAKE_CONN_OFFICE": "https://me:pass@host"})
    stack = Stack(settings)
    stack.reserve()

    def knows(secret: str) -> set[str]:
        services = stack.airflow.services()
        return {one.name for one in services if secret in one.environment.values()}

    tasks = {"airflow-scheduler", "airflow-dag-processor"}
    assert knows("s3cret") == tasks | {"airflow-api-server"}
    for secret in (*secrets.values(), "https://me:pass@host"):
        assert knows(secret) == tasks
    plugins = {one.name: one.environment.get("AIRFLOW__CORE__PLUGINS_FOLDER", "") for one in stack.airflow.services()}
    assert [name for name, folder in plugins.items() if folder.endswith("dags/plugins")] == ["airflow-api-server"]
    assert all("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" in service.environment for service in stack.airflow.services())
