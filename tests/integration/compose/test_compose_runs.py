"""One whole day of the city through the production form: every service of docker-compose.yml, run natively.

The tests of this file are one story, in order: each goes on where the one before left the services.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from pydantic import SecretStr

from infra.stack.airflow_api import ENDED, AirflowApi
from ingestion.contract.load import load_contracts
from ingestion.machine import extensions
from ingestion.settings import Settings
from tests.support.compose_native import LOOPBACK, Native
from tests.support.dbt_files import DbtFiles

pytestmark = pytest.mark.faults

DAY = "2026-03-02"
EVENING = f"{DAY}T23:00:00+08:00"
FEEDS = set(load_contracts(Settings().contracts))
PUBLIC = {name: model for name, model in DbtFiles(Settings().dbt_project).models.items() if model.public}
INTERNAL = {name for name, model in PUBLIC.items() if model.citylake.get("edition") != "restricted"}
CLOSED_ONLY = {name for name, model in PUBLIC.items() if "small_cells" in model.citylake}
"""Of the first day these have no row: they count people in weeks that are closed."""
DAY_SECONDS = 300.0


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Native]:
    root = tmp_path_factory.mktemp("compose")
    subprocess.run([sys.executable, "-m", "infra.compose.secrets", root], check=True, capture_output=True)
    native = Native(root, root)
    before = _files(native.tree)
    try:
        native.up()
        yield native
    finally:
        native.down()
    assert [name for name, running in native.running.items() if running.process() is not None] == []
    left = [one.info for one in psutil.process_iter(["pid", "cmdline"]) if _is_of(one, root)]
    assert left == []
    # The image's file systems are read-only: what a service wrote there would fail in a container.
    assert _files(native.tree) == before


def _files(folder: Path) -> dict[str, int]:
    found = (p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return {str(path): path.stat().st_mtime_ns for path in found}


def _is_of(process: psutil.Process, root: Path) -> bool:
    return any(str(root) in word for word in process.info["cmdline"] or [])


@pytest.fixture(scope="module")
def api(native: Native) -> AirflowApi:
    password = native.variables["AIRFLOW_ADMIN_PASSWORD"]
    return AirflowApi(native.url("airflow-api-server", 8080), "admin", SecretStr(password))


def test_every_service_is_well_and_listens_on_loopback_only(native: Native) -> None:
    sys.stdout.write(f"seconds until well: { {n: round(s, 1) for n, s in native.seconds.items()} }\n")
    assert native.ready == set(native.services)
    listening: dict[str, set[str]] = {}
    for name, running in native.running.items():
        process = running.process()
        assert process is not None, name
        for one in (process, *process.children(recursive=True)):
            for connection in one.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    listening.setdefault(name, set()).add(connection.laddr.ip)
    assert {"postgres", "minio", "airflow-api-server", "pages", "simulator"} <= set(listening)
    found = set().union(*listening.values())
    assert all(ipaddress.ip_address(address).is_loopback for address in found), listening


def test_a_health_check_says_when_a_service_is_not_well(native: Native) -> None:
    """A check that is always content would let all the others start too early."""
    url = native.url("airflow-api-server", 8080)
    check = ["python", "-m", "infra.compose.health"]
    assert native.execute("pages", *check, f"{url}/api/v2/monitor/health", "nothing").returncode == 1
    assert native.execute("pages", *check, f"http://{LOOPBACK}:1/").returncode == 1


def test_init_may_run_again(native: Native) -> None:
    again = native.execute("init", *native.services["init"]["command"])
    assert again.returncode == 0, again.stdout
    assert "was there already" in again.stdout


def test_accounts_of_the_page_have_their_own_passwords(native: Native) -> None:
    for account in ("admin", "operator", "viewer"):
        right = SecretStr(native.variables[f"AIRFLOW_{account.upper()}_PASSWORD"])
        assert AirflowApi(native.url("airflow-api-server", 8080), account, right).get("/version")["version"]


def test_a_day_goes_from_the_departments_to_a_release(native: Native, api: AirflowApi) -> None:
    _until(lambda: FEEDS | {"warehouse", "maintenance.docs"} <= {d["dag_id"] for d in api.get("/dags")["dags"]})
    assert api.get("/importErrors")["import_errors"] == []
    assert [p["slots"] for p in api.get("/pools")["pools"] if p["name"] == "build"] == [1]
    for feed in FEEDS:
        api.trigger(feed, "day", at=datetime.fromisoformat(EVENING))
    states = api.wait(dict.fromkeys(FEEDS, "day"), seconds=DAY_SECONDS)
    assert states == dict.fromkeys(FEEDS, "success")
    # Each feed sends one asset event; what counts is a run that began after the last of them.
    last_event = max(_ended(task) for feed in FEEDS for task in _conformed(api, feed))
    _until(lambda: any(_began(run) >= last_event and run["state"] in ENDED for run in api.runs("warehouse")))
    assert api.runs("warehouse", limit=1)[0]["state"] == "success"


def test_the_tasks_took_their_locks_in_the_database(native: Native) -> None:
    assert not (native.volume("state") / "state" / "locks").exists()
    assert (native.volume("state") / "state" / "build.lock").is_file()


def test_plain_duckdb_reads_the_release_over_s3(native: Native) -> None:
    """No code of ours: the extension, a secret, the pointer, one attach."""
    script = f"""
import json, duckdb
c = duckdb.connect(config={{"autoinstall_known_extensions": False}})
c.execute("load '{extensions.path("httpfs")}'")
c.execute("create secret (type s3, key_id '{native.variables["MINIO_ROOT_USER"]}', "
          "secret '{native.variables["MINIO_ROOT_PASSWORD"]}', "
          "endpoint '{LOOPBACK}:{native.ports["minio", 9000]}', url_style 'path', use_ssl false, region 'us-east-1')")
def document(key):
    return json.loads(c.execute(f"select content from read_text('s3://citylake/{{key}}')").fetchone()[0])
release = document("published/internal/current.json")["release"]
manifest = document(f"published/internal/releases/{{release}}/manifest.json")
c.execute(f"attach 's3://citylake/{{manifest['warehouse']['key']}}' as r (read_only)")
print(json.dumps([[n, e["rows"], c.execute(f"select count(*) from r.main.{{n}}").fetchone()[0]]
                  for n, e in manifest["tables"].items()]))
print(json.dumps({{n: p["decision"] for n, p in manifest["products"].items()}}))
"""
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    tables, products = (json.loads(line) for line in done.stdout.splitlines())
    sys.stdout.write(f"{len(tables)} tables, {sum(read for *_, read in tables)} rows\n")
    assert {name for name, *_ in tables} == INTERNAL
    assert [name for name, promised, read in tables if promised != read] == []
    assert {name for name, _, read in tables if not read} == CLOSED_ONLY
    assert set(products.values()) == {"passed"}


def test_the_stages_agree_to_the_last_row(native: Native) -> None:
    done = native.execute("airflow-scheduler", "citylake", "reconcile", "--deep", "--json")
    assert done.returncode == 0, done.stdout
    rows = json.loads(done.stdout[done.stdout.index("{") :])["rows"]
    assert {row["step"] for row in rows} >= {"source", "raw", "bronze", "warehouse", "release"}


def test_the_pages_show_the_release(native: Native, api: AirflowApi) -> None:
    _until(lambda: "success" in {run["state"] for run in api.runs("maintenance.docs")})
    page = httpx.get(f"{native.url('pages', 8081)}/dbt/index.html", timeout=10, trust_env=False)
    assert page.status_code == 200
    assert [name for name in PUBLIC if name not in page.text] == []


def test_secrets_are_in_no_log_and_no_file_of_the_services(native: Native) -> None:
    """But for the file of the page's passwords, and the simulated city's own."""
    places = [native.root / "logs", native.root / "tmpfs", *(native.volume(n) for n in ("logs", "state", "pages"))]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert len(files) > 20
    found = [(path, name) for path in files for name, value in native.variables.items() if _holds(path, value)]
    assert found == []
    password_file = native.volume("auth") / "passwords.json"
    assert password_file.stat().st_mode & 0o077 == 0
    assert _holds(password_file, native.variables["AIRFLOW_ADMIN_PASSWORD"])


def _holds(path: Path, value: str) -> bool:
    return value.encode() in path.read_bytes()


def _conformed(api: AirflowApi, feed: str) -> list[dict[str, Any]]:
    tasks = api.get(f"/dags/{feed}/dagRuns/day/taskInstances")["task_instances"]
    return [task for task in tasks if task["task_id"] == "conform"]


def _ended(task: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(task["end_date"])


def _began(run: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(run["start_date"] or "2000-01-01T00:00:00+00:00")


def _until(true: Callable[[], bool], seconds: float = DAY_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "took too long"
        time.sleep(1)
