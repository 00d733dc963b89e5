"""`make compose-secrets`: random secrets for docker-compose.yml, written once.

`.env.compose` holds the values of the compose file's `${…}`. `.env.city` holds the tasks' settings and connections:
here those of the simulated city, which a city replaces by its own. Both are private (0600) and not tracked by Git.
Neither is ever replaced, because PostgreSQL and MinIO keep the passwords they were first started with; secrets that a
newer version needs are added to `.env.compose`.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.web_contracts import CONNECTIONS

PROJECT = Path(__file__).resolve().parents[2]
STACK, CITY = ".env.compose", ".env.city"

_STACK_HEAD = """\
# Secrets of docker-compose.yml, made by `make compose-secrets`. Private; keep a copy where backups of passwords go.
# Use: docker compose --env-file .env.compose up --detach
# May be added: AIRFLOW_PORT, PAGES_PORT, MINIO_PORT, AIRFLOW_PARALLELISM, CITYLAKE_BUCKET, SIMULATOR_DAY, …_IMAGE.
"""
_CITY_HEAD = """\
# Settings and connections of the tasks: settings CITYLAKE_* (.env.example lists them) and connections of departments.
# Made for the simulated city (--profile simulator). For your own: remove all of it, then name your contracts and
# your departments' connections (docs/runbooks/source-unreachable.md shows their forms).
CITYLAKE_CONTRACTS=/opt/citylake/web-contracts
CITYLAKE_CITY_TIME=/srv/city/time.txt
CITYLAKE_SCHEDULE_UNTIL=2026-03-06
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
        "SIMULATOR_TOKEN": token,
        "SIMULATOR_CONTROL": secrets.token_urlsafe(24),
    }
    reached = {
        f"CITYLAKE_CONN_{name.upper()}": f"http://simulator:8090/{name}?auth=bearer&token={token}"
        for name in CONNECTIONS
    }
    return {STACK: _STACK_HEAD + _lines(made), CITY: _CITY_HEAD + _lines(reached)}


def add_missing(folder: Path) -> list[str]:
    """Add secrets that the stack's file lacks; their names. Empty where there is no such file or it has all."""
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
    return [line.split("=", 1)[0] for line in missing]


def write(folder: Path) -> list[Path]:
    """Write both files. Raises FileExistsError, naming it, where one is there; nothing is written then."""
    for name in (STACK, CITY):
        if (folder / name).exists():
            raise FileExistsError(f"{folder / name} is there already and is never replaced; nothing was written")
    written = []
    for name, text in texts().items():
        path = folder / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        written.append(path)
    return written


def main(arguments: Sequence[str]) -> int:
    """Write into the folder given, default the repository; exit code 1 where a file is there already."""
    folder = Path(arguments[0]) if arguments else PROJECT
    added = add_missing(folder)
    if added:
        sys.stdout.write(f"compose-secrets: added {', '.join(added)} to {STACK}\n")
        return 0
    try:
        written = write(folder)
    except FileExistsError as error:
        sys.stderr.write(f"compose-secrets: {error}\n  next:  move it away, if no volume needs it any more\n")
        return 1
    sys.stdout.write(f"compose-secrets: wrote {' and '.join(path.name for path in written)}\n")
    sys.stdout.write(f"  next:  docker compose --env-file {STACK} up --detach\n")
    return 0


def _lines(values: dict[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
