"""`make compose-secrets`: random secrets for docker-compose.yml, written once.

`.env.compose` holds the values of the compose file's `${…}`. `.env.lake` holds the lake's own settings that are no
secret, for tasks and the page "today", `.env.city` the connections and mail that tasks alone get: here those of the
simulated city, which a city replaces by its own. All are private (0600) and not tracked by Git. None is ever replaced,
because PostgreSQL and MinIO keep the passwords they were first started with; secrets that a newer version needs are
added to `.env.compose`, and a missing `.env.lake` is made from the settings in `.env.city`.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.simulator.serve import Served
from infra.stack.airflow import NOT_FOR_PAGES
from infra.web_contracts import CONNECTIONS, DEPARTMENTS

PROJECT = Path(__file__).resolve().parents[2]
STACK, LAKE, CITY = ".env.compose", ".env.lake", ".env.city"
SIMULATOR, SIMULATOR_SFTP_PORT = "http://simulator:8090", 8022

_STACK_HEAD = """\
# Secrets of docker-compose.yml, made by `make compose-secrets`. Private; keep a copy where backups of passwords go.
# Use: docker compose --env-file .env.compose up --detach
# May be added: AIRFLOW_PORT, PAGES_PORT, MINIO_PORT, AIRFLOW_PARALLELISM, CITYLAKE_BUCKET, SIMULATOR_DAY, …_IMAGE.
"""
_LAKE_HEAD = """\
# The lake's own settings CITYLAKE_* that are no secret (.env.example lists them): tasks and the page "today" get them.
# CITYLAKE_STEWARDS names the accounts that see the text of refused rows: {"account": ["department"]}.
"""
_SIMULATED = """\
# Made for the simulated city (--profile simulator); remove it for your own, then name your contracts.
CITYLAKE_CONTRACTS=/opt/citylake/web-contracts
CITYLAKE_CITY_TIME=/srv/city/time.txt
CITYLAKE_SCHEDULE_UNTIL=2026-03-06
CITYLAKE_PAGE_URL=http://127.0.0.1:8080/today
"""
_CITY_HEAD = """\
# What tasks alone get: connections of departments, mail with its password, webhook (.env.example lists the settings).
# Made for the simulated city (--profile simulator). For your own: remove all of it, then name your departments'
# connections (docs/runbooks/source-unreachable.md shows their forms).
"""


def texts() -> dict[str, str]:
    """File name to content, with new secrets."""
    token = secrets.token_urlsafe(24)
    made = {
        "POSTGRES_PASSWORD": secrets.token_urlsafe(24),
        "POSTGRES_ADMIN_PASSWORD": secrets.token_urlsafe(24),
        "POSTGRES_LOCKS_PASSWORD": secrets.token_urlsafe(24),
        "MINIO_ROOT_USER": f"citylake{secrets.token_hex(4)}",
        "MINIO_ROOT_PASSWORD": secrets.token_urlsafe(30),
        "AIRFLOW_FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW_JWT_SECRET": secrets.token_urlsafe(48),
        "AIRFLOW_SESSION_KEY": secrets.token_urlsafe(32),
        "AIRFLOW_ADMIN_PASSWORD": secrets.token_urlsafe(15),
        "AIRFLOW_OPERATOR_PASSWORD": secrets.token_urlsafe(15),
        "AIRFLOW_VIEWER_PASSWORD": secrets.token_urlsafe(15),
        "AIRFLOW_STEWARD_PASSWORD": secrets.token_urlsafe(15),
        "SIMULATOR_TOKEN": token,
        "SIMULATOR_CONTROL": secrets.token_urlsafe(24),
    }
    served = Served(SIMULATOR, token, made["SIMULATOR_CONTROL"], SIMULATOR_SFTP_PORT).environment()
    reached = {name: served[name] for name in (f"CITYLAKE_CONN_{one.upper()}" for one in CONNECTIONS)}
    return {
        STACK: _STACK_HEAD + _lines(made),
        LAKE: _LAKE_HEAD + _SIMULATED + _lines({"CITYLAKE_STEWARDS": json.dumps({"steward": DEPARTMENTS})}),
        CITY: _CITY_HEAD + _lines(reached),
    }


def add_missing(folder: Path) -> list[str]:
    """Add secrets that the stack's file lacks, and the file of settings; their names.

    Empty where there is no such file of secrets or nothing is missing.
    """
    path = folder / STACK
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    present = {line.split("=", 1)[0] for line in text.splitlines()}
    made = [line for line in texts()[STACK].splitlines() if "=" in line and not line.startswith("#")]
    missing = [line for line in made if line.split("=", 1)[0] not in present]
    if missing:
        path.chmod(0o600)
        path.write_text("\n".join([text.rstrip("\n"), *missing, ""]), encoding="utf-8")
    added = [f"{line.split('=', 1)[0]} to {STACK}" for line in missing]
    if not (folder / LAKE).exists():
        _write_private(folder / LAKE, _LAKE_HEAD + "".join(f"{line}\n" for line in _own_settings(folder / CITY)))
        added.append(f"{LAKE}, from the settings in {CITY}")
    return added


def _own_settings(city: Path) -> list[str]:
    """The lines of an earlier version's file that the page needs too."""
    lines = city.read_text(encoding="utf-8").splitlines() if city.is_file() else []
    return [line for line in lines if line.startswith("CITYLAKE_") and not line.startswith(NOT_FOR_PAGES)]


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def write(folder: Path) -> list[Path]:
    """Write the files. Raises FileExistsError, naming it, where one is there; nothing is written then."""
    for name in (STACK, LAKE, CITY):
        if (folder / name).exists():
            raise FileExistsError(f"{folder / name} is there already and is never replaced; nothing was written")
    written = []
    for name, text in texts().items():
        _write_private(folder / name, text)
        written.append(folder / name)
    return written


def main(arguments: Sequence[str]) -> int:
    """Write into the folder given, default the repository; exit code 1 where a file is there already."""
    folder = Path(arguments[0]) if arguments else PROJECT
    added = add_missing(folder)
    if added:
        sys.stdout.write(f"compose-secrets: added {'; '.join(added)}\n")
        return 0
    try:
        written = write(folder)
    except FileExistsError as error:
        sys.stderr.write(f"compose-secrets: {error}\n  next:  move it away, if no volume needs it any more\n")
        return 1
    sys.stdout.write(f"compose-secrets: wrote {', '.join(path.name for path in written)}\n")
    sys.stdout.write(f"  next:  docker compose --env-file {STACK} up --detach\n")
    return 0


def _lines(values: dict[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
