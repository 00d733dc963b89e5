"""Start, inspect and stop the local stack of one lake as a whole.

Its state is `<home>/stack/stack.json`: ports, and the processes that were started. Starting is safe to repeat: services
that run are left alone, others are started. Stopping ends exactly the processes of that file.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.stack.airflow import Airflow
from infra.stack.airflow_api import AirflowApi
from infra.stack.landing import landing_page
from infra.stack.ports import BASE, Ports, free_ports, listens
from infra.stack.postgres import Postgres
from infra.stack.processes import (
    POLL_SECONDS,
    Running,
    Service,
    StackError,
    not_ready,
    start,
    stop,
    wait_until,
)
from infra.stack.secrets import StackSecrets, stack_secrets
from ingestion.machine.locks import exclusive
from ingestion.machine.rights import keep_private, own_folder
from ingestion.settings import Settings
from warehouse.progress import Progress, silent
from warehouse.runbooks import write_runbooks

START_SECONDS = 180.0
POOL = "build"
SCHEDULER = "airflow-scheduler"
SERVICE_OF = {
    "metadatabase": "postgres",
    "scheduler": SCHEDULER,
    "triggerer": "airflow-triggerer",
    "dag_processor": "airflow-dag-processor",
}
"""Component in Airflow's health document to the service that runs it."""


@dataclass
class Stack:
    """The services of the lake in `settings`."""

    settings: Settings
    say: Progress = silent
    base: int = BASE

    @property
    def root(self) -> Path:
        """Folder of everything the stack keeps."""
        return self.settings.root / "stack"

    @cached_property
    def secrets(self) -> StackSecrets:
        """The secrets of the stack, made on first use."""
        return stack_secrets(self.secrets_path)

    @property
    def secrets_path(self) -> Path:
        """The private file of the secrets."""
        return self.settings.root / "secrets" / "stack.json"

    @property
    def ports(self) -> Ports:
        """The ports taken at the first start. Raises StackError before it."""
        ports = self._state()["ports"]
        if ports is None:
            raise StackError("the stack of this lake was never started", next_step="citylake up")
        return Ports(**ports)

    @property
    def airflow(self) -> Airflow:
        """The Airflow of the stack."""
        lake = {
            "CITYLAKE_PAGES_URL": self.pages_url,
            "CITYLAKE_PAGE_URL": self.today_url,
            **self.settings.environment(),
            "CITYLAKE_HOME": str(self.settings.root),
        }
        return Airflow(self.root / "airflow", self.ports.airflow, self.postgres.url(), self.secrets, lake)

    @property
    def postgres(self) -> Postgres:
        """The database server of the stack."""
        return Postgres(self.root / "postgres", self.ports.postgres, self.secrets)

    @property
    def pages(self) -> Path:
        """Folder of the static pages: dbt docs, runbooks and whatever else is written there."""
        return self.settings.pages_root

    @property
    def today_url(self) -> str:
        """Address of the page "today", in Airflow."""
        return f"http://127.0.0.1:{self.ports.airflow}/today"

    @property
    def pages_url(self) -> str:
        """Address of the static pages."""
        return f"http://127.0.0.1:{self.ports.pages}"

    def api(self, account: str = "admin") -> AirflowApi:
        """Airflow's REST API as one of its accounts."""
        return AirflowApi(self.airflow.url, account, self.secrets.accounts[account])

    def up(self) -> None:
        """Start what does not run, and wait until every service answers. Raises StackError.

        Files that the services write are private, since they inherit the umask set here (ingestion.machine.rights).
        """
        keep_private()
        self.reserve()
        with self._lock():
            self._up_postgres()
            self._up_pages()
            self._up_airflow()

    def reserve(self) -> Ports:
        """Choose free ports, unless a service of the stack is running; the ports."""
        with self._lock():
            if not self.running():
                self._write_state(free_ports(self.base), {})
            return self.ports

    def down(self) -> list[str]:
        """End every process of the stack, the scheduler first, the database last; the names of those that ran."""
        with self._lock():
            running = self.running()
            # Tasks end with the scheduler and report to the API server; all of Airflow writes to postgres.
            first = [service for service in running.values() if service.name == SCHEDULER]
            last = [service for service in running.values() if service.name == "postgres"]
            rest = [service for service in running.values() if service not in first + last]
            for together in (first, rest, last):
                if together:
                    self.say(f"ending {', '.join(service.name for service in together)}")
                    # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for clients.
                    stop(together, first=signal.SIGINT if together is last else signal.SIGTERM)
            if running:
                self._write_state(self.ports, {})
            return [service.name for service in first + rest + last]

    def running(self) -> dict[str, Running]:
        """Services that run now, by name."""
        started = [Running(**fields) for fields in self._state()["running"]]
        return {service.name: service for service in started if service.process() is not None}

    def start(self, service: Service, ready: Callable[[], bool], *, seconds: float = START_SECONDS) -> None:
        """Start one service unless it runs, and wait until `ready`."""
        running = self.running()
        log = self.log(service.name)
        if service.name not in running:
            self.say(f"starting {service.name}")
            running[service.name] = start(service, log)
            self._write_state(self.ports, running)
        wait_until(ready, running[service.name], log, seconds=seconds)

    def log(self, name: str) -> Path:
        """The log file of a service."""
        return self.root / "logs" / f"{name}.log"

    def _up_postgres(self) -> None:
        running = self.running()
        if "postgres" not in running and SCHEDULER in running:
            # It would end by itself, but only some time after its health was reported as good.
            self.say(f"ending {SCHEDULER}, which has lost its database")
            stop([running[SCHEDULER]])
        self.postgres.prepare()
        self.start(self.postgres.service(), self.postgres.answers)
        if self.postgres.ensure_roles():
            stale = [service for name, service in self.running().items() if name.startswith("airflow-")]
            if stale:
                self.say("ending Airflow, which gets a role of its own in the database")
                stop(stale)

    def _up_pages(self) -> None:
        (self.pages / "dbt").mkdir(parents=True, exist_ok=True)
        simulated = self.settings.city_time is not None
        page = landing_page(
            today=self.today_url, airflow=self.airflow.url, home=str(self.settings.root), synthetic=simulated
        )
        (self.pages / "index.html").write_text(page, encoding="utf-8")
        write_runbooks(self.pages)
        command = [sys.executable, "-m", "http.server", str(self.ports.pages), "--bind", "127.0.0.1"]
        service = Service("pages", [*command, "--directory", str(self.pages)], {"PYTHONUNBUFFERED": "1"})
        self.start(service, lambda: listens(self.ports.pages))

    def _up_airflow(self) -> None:
        airflow = self.airflow
        services = airflow.services()
        running = self.running()
        if not all(service.name in running for service in services):
            self.say("preparing Airflow's database")
            airflow.prepare(self.log("airflow-prepare"))
        api = self.api()
        self._until_healthy(services, api)
        pools = {pool["name"] for pool in api.get("/pools")["pools"]}
        if POOL not in pools:
            api.post("/pools", {"name": POOL, "slots": 1, "description": "The build file has one writer."})

    def _until_healthy(self, services: list[Service], api: AirflowApi) -> None:
        """Start the services that do not run, in parallel, and wait until Airflow reports all as healthy.

        A service that ran and ends meanwhile is started too: a scheduler ends some time after its database.
        """
        started: set[str] = set()
        deadline = time.monotonic() + START_SECONDS
        while True:
            running = self.running()
            for service in services:
                if service.name in running:
                    continue
                if service.name in started:
                    raise not_ready(service.name, "ended while it started", self.log(service.name))
                self.say(f"starting {service.name}")
                running[service.name] = start(service, self.log(service.name))
                started.add(service.name)
                self._write_state(self.ports, running)
            health = api.health()
            unhealthy = [name for name in SERVICE_OF if health.get(name) != "healthy"]
            if not unhealthy:
                return
            if time.monotonic() > deadline:
                name = SERVICE_OF[unhealthy[0]] if health else services[0].name
                raise not_ready(name, f"is not healthy after {START_SECONDS:.0f} s", self.log(name))
            time.sleep(POLL_SECONDS)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        own_folder(self.root)

        def busy() -> StackError:
            return StackError(
                "another process is starting or ending this stack", next_step="citylake status --processes"
            )

        with exclusive(self.root / "stack.lock", busy=busy):
            yield

    @property
    def _path(self) -> Path:
        return self.root / "stack.json"

    def _state(self) -> dict[str, Any]:
        if not self._path.is_file():
            return {"ports": None, "running": []}
        state: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        return state

    def _write_state(self, ports: Ports, running: dict[str, Running]) -> None:
        state = {"ports": asdict(ports), "running": [asdict(service) for service in running.values()]}
        partial = self._path.with_suffix(".part")
        partial.write_text(json.dumps(state, indent=1), encoding="utf-8")
        partial.replace(self._path)
