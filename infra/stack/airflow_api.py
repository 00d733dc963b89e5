"""A client of Airflow's REST API for the demonstration, `citylake status --processes` and tests."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from pydantic import SecretStr

from infra.stack.processes import StackError

ENDED = ("success", "failed")
_TIMEOUT = httpx.Timeout(30.0)
_UNAUTHORISED, _CONFLICT = 401, 409


@dataclass
class AirflowApi:
    """A client with one account of one Airflow.

    Its methods raise StackError for a response that is an error, or none.
    """

    url: str
    account: str
    password: SecretStr
    _client: httpx.Client = field(init=False, repr=False)
    _token: str | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        # No connection is kept open: nobody has to close this object.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(base_url=self.url, timeout=_TIMEOUT, limits=limits, trust_env=False)

    def health(self) -> dict[str, str]:
        """Status by component; empty when nothing responses."""
        try:
            response = self._client.get("/api/v2/monitor/health", timeout=5)
            return {name: str(part.get("status")) for name, part in response.json().items()}
        except (httpx.HTTPError, ValueError):
            return {}

    def get(self, path: str, **query: Any) -> Any:
        """GET below /api/v2."""
        return self._call("GET", path, params=query)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """POST below /api/v2."""
        return self._call("POST", path, json=body)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """PATCH below /api/v2."""
        return self._call("PATCH", path, json=body)

    def trigger(self, dag: str, run: str, *, at: datetime | None = None, conf: dict[str, Any] | None = None) -> str:
        """Start a run of a DAG under the id `run`, unless it exists; the state of the run. `at` is its logical date."""
        body = {"dag_run_id": run, "logical_date": at.isoformat() if at else None, "conf": conf or {}}
        response = self._send("POST", f"/dags/{dag}/dagRuns", json=body)
        if response.status_code == _CONFLICT:
            return self.state(dag, run)
        return str(self._checked(response)["state"])

    def state(self, dag: str, run: str) -> str:
        """State of a run."""
        return str(self.get(f"/dags/{dag}/dagRuns/{run}")["state"])

    def runs(self, dag: str, **query: Any) -> list[dict[str, Any]]:
        """Runs of a DAG, newest first."""
        runs: list[dict[str, Any]] = self.get(f"/dags/{dag}/dagRuns", order_by="-run_after", **query)["dag_runs"]
        return runs

    def active(self, dags: Sequence[str]) -> dict[str, str]:
        """State by DAG of runs that have not ended."""
        body = {"dag_ids": list(dags), "states": ["queued", "running"], "page_limit": 100}
        runs = self.post("/dags/~/dagRuns/list", body)["dag_runs"]
        return {run["dag_id"]: str(run["state"]) for run in runs}

    def tasks(self, dag: str, run: str) -> dict[str, str]:
        """State by task of a run."""
        tasks = self.get(f"/dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
        return {task["task_id"]: str(task["state"]) for task in tasks}

    def wait(self, runs: dict[str, str], *, seconds: float, poll: float = 0.5) -> dict[str, str]:
        """Wait until every run (DAG to run id) has ended; state by DAG. Raises StackError after `seconds`."""
        deadline = time.monotonic() + seconds
        states: dict[str, str] = {}
        while len(states) < len(runs):
            for dag, run in runs.items():
                if dag not in states and (state := self.state(dag, run)) in ENDED:
                    states[dag] = state
            if len(states) < len(runs):
                if time.monotonic() > deadline:
                    waiting = sorted(runs.keys() - states.keys())
                    raise StackError(
                        f"still running after {seconds:.0f} s: {', '.join(waiting)}", next_step=f"look at {self.url}"
                    )
                time.sleep(poll)
        return states

    def _call(self, method: str, path: str, **options: Any) -> Any:
        return self._checked(self._send(method, path, **options))

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            for _ in range(2):
                if self._token is None:
                    self._token = self._new_token()
                headers = {"Authorization": f"Bearer {self._token}"}
                response = self._client.request(method, f"/api/v2{path}", headers=headers, **options)
                if response.status_code != _UNAUTHORISED:
                    return response
                self._token = None
        except httpx.HTTPError as error:
            raise StackError(f"Airflow does not answer: {error}", next_step="citylake status --processes") from error
        return response

    def _new_token(self) -> str:
        body = {"username": self.account, "password": self.password.get_secret_value()}
        return str(self._checked(self._client.post("/auth/token", json=body))["access_token"])

    def _checked(self, response: httpx.Response) -> Any:
        if response.is_error:
            raise StackError(
                f"Airflow answers {response.status_code} to {response.request.method} {response.request.url.path}: "
                f"{response.text[:300]}",
                next_step=f"look at {self.url}",
            )
        return response.json()
