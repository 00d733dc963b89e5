"""Airflow's four processes on 127.0.0.1 and the settings they share.

`airflow standalone` is not used: its log server listens on every interface, and it leaves workers running when it ends.
Airflow's settings are in the environment of its processes; nothing is read from ~/airflow.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from infra.stack.processes import Service, StackError
from infra.stack.secrets import ROLES, StackSecrets
from ingestion.machine.rights import own_folder

PROJECT = Path(__file__).resolve().parents[2]
SETTINGS = PROJECT / "infra" / "airflow.env"
"""Settings that the production form (docker-compose.yml) uses too."""

PLUGINS = PROJECT / "dags" / "plugins"
"""The page "today"; only the API server loads it."""

NOT_FOR_PAGES = ("CITYLAKE_PSEUDONYM_", "CITYLAKE_CONN_", "CITYLAKE_SMTP_", "CITYLAKE_WEBHOOK_")
"""What the API server is not given of the lake's settings: keys of pseudonyms, connections of departments, mail."""

PROCESSES = {
    "api-server": [],
    "scheduler": ["--skip-serve-logs"],
    "triggerer": ["--skip-serve-logs"],
    "dag-processor": [],
}


@dataclass(frozen=True)
class Airflow:
    """One Airflow: state below `root`, page at 127.0.0.1:`port`, metadata at `database` (SQLAlchemy address).

    `lake` are the CITYLAKE_* variables tasks run with; `parallelism` is how many tasks run at once.
    """

    root: Path
    port: int
    database: str
    secrets: StackSecrets
    lake: Mapping[str, str]
    parallelism: int = 4

    @property
    def url(self) -> str:
        """Address of Airflow's page."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """Environment variables for Airflow processes that run the lake's code: a few of the system's,
        Airflow's, the lake's."""
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TZ", "TMPDIR")}
        airflow = {f"AIRFLOW__{name}": value for name, value in self._settings().items()}
        shared = {name: value for name, value in dotenv_values(SETTINGS).items() if value is not None}
        return {
            **kept,
            "PATH": f"{Path(sys.executable).parent}:{kept.get('PATH', os.defpath)}",
            "HOME": kept.get("HOME", str(self.root)),
            "AIRFLOW_HOME": str(self.root),
            "PYTHONUNBUFFERED": "1",
            "SCARF_ANALYTICS": "false",
            "DO_NOT_TRACK": "1",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "NO_PROXY": "127.0.0.1,localhost",
            **shared,
            **airflow,
            **self.lake,
        }

    def services(self) -> list[Service]:
        """The four processes.

        Scheduler and DAG processor, which run the lake's code, get its settings and secrets. The API server, which
        shows the page "today", gets what that needs to read the lake and to record what a person decides; the triggerer
        gets nothing.
        """
        environment = self.environment()
        # The scheduler alone forks tasks: it reads infra/stack/preload/airflow_local_settings.py when it starts.
        environments = {
            "scheduler": {
                **environment,
                "PYTHONPATH": str(Path(__file__).with_name("preload")),
                # It alone ends runs, and writes their notes then.
                "AIRFLOW__CORE__PLUGINS_FOLDER": str(Path(__file__).with_name("plugins")),
            },
            "dag-processor": environment,
            "api-server": {**_for_pages(environment), "AIRFLOW__CORE__PLUGINS_FOLDER": str(PLUGINS)},
        }
        without = {name: value for name, value in environment.items() if name not in self.lake}
        return [
            Service(f"airflow-{name}", [_program(), name, *options], environments.get(name, without))
            for name, options in PROCESSES.items()
        ]

    def prepare(self, log: Path) -> None:
        """Write the file of account passwords and migrate the database. Raises StackError."""
        own_folder(self.root)
        passwords = {account: self.secrets.accounts[account].get_secret_value() for account in ROLES}
        path = self._passwords
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(json.dumps(passwords), encoding="utf-8")
        self.run("db", "migrate", log=log)

    def run(self, *arguments: str, log: Path) -> None:
        """Run one `airflow` command to its end. Raises StackError."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.run(  # noqa: S603 - airflow's own command
                [_program(), *arguments],
                env=self.environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                check=False,
            )
        if process.returncode:
            raise StackError(f"`airflow {' '.join(arguments)}` failed", next_step=f"see {log}")

    def call(self, *arguments: str) -> int:
        """Run one `airflow` command on this terminal; its exit code."""
        command = [_program(), *arguments]
        return subprocess.run(command, env=self.environment(), check=False).returncode  # noqa: S603 - as in `run`

    @property
    def _passwords(self) -> Path:
        return self.root / "passwords.json"

    def _settings(self) -> dict[str, str]:
        return {
            "CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "CORE__PARALLELISM": str(self.parallelism),
            "CORE__FERNET_KEY": self.secrets.fernet_key.get_secret_value(),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in ROLES.items()),
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords),
            "DATABASE__SQL_ALCHEMY_CONN": self.database,
            "DATABASE__SQL_ALCHEMY_CONN_ASYNC": self.database.replace("+psycopg2:", "+asyncpg:"),
            "API__HOST": "127.0.0.1",
            "API__PORT": str(self.port),
            "API__WORKERS": "1",
            "API__BASE_URL": self.url,
            "API__SECRET_KEY": self.secrets.session_key.get_secret_value(),
            "API_AUTH__JWT_SECRET": self.secrets.jwt_secret.get_secret_value(),
            "LOGGING__BASE_LOG_FOLDER": str(self.root / "logs"),
        }


def _for_pages(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(NOT_FOR_PAGES)}


def _program() -> str:
    return str(Path(sys.executable).parent / "airflow")
