"""What the simulated departments share through, beside the stack: web servers, and an exchange database.

Owns that both are there and that the lake's settings have their connections; `infra.simulator` fills them.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import date
from pathlib import Path

import psycopg2

from infra.simulator.city import City
from infra.simulator.exchange import write_day
from infra.stack.ports import listens
from infra.stack.processes import Service, StackError
from infra.stack.stack import Stack

NAME = "departments"
EXCHANGE_CONNECTION = "gsj_exchange"


def serve_departments(stack: Stack, city: Path) -> None:
    """Start the servers beside the stack and save their addresses in the lake's settings. Raises StackError.

    The exchange database's address is saved with them: tasks take it with the settings that Airflow is started with.
    """
    ready = city / "departments.json"
    port = stack.reserve().departments
    command = [sys.executable, "-m", "infra.simulator", "serve", "--out", str(city), "--port", str(port)]
    # With the same `ready` file the server uses its token again, so that saved connections stay right.
    service = Service(NAME, [*command, "--ready", str(ready)], {"PATH": os.defpath, "PYTHONUNBUFFERED": "1"})
    stack.start(service, lambda: ready.is_file() and listens(port))
    stack.settings.connect(json.loads(ready.read_text(encoding="utf-8"))["environment"])
    stack.settings.connect({f"CITYLAKE_CONN_{EXCHANGE_CONNECTION.upper()}": stack.postgres.exchange["reader"]})


def share_day(stack: Stack, city: City, day: date) -> None:
    """Have the exchange database as it stands on a day, once the stack is up. Raises StackError."""
    try:
        stack.postgres.ensure_exchange()
        write_day(stack.postgres.exchange["writer"], city, day)
    except psycopg2.Error as error:
        raise StackError(
            f"the exchange database cannot be written: {str(error).strip().splitlines()[0]}",
            next_step=f"look at {stack.log('postgres')}, then call `make demo` again",
        ) from error
