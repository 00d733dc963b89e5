"""The simulated departments' web servers as a service of the stack."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from infra.stack.ports import listens
from infra.stack.processes import Service
from infra.stack.stack import Stack

NAME = "departments"


def serve_departments(stack: Stack, city: Path) -> None:
    """Start the servers beside the stack and save their addresses in the lake's settings. Raises StackError."""
    ready = city / "departments.json"
    port = stack.reserve().departments
    command = [sys.executable, "-m", "infra.simulator", "serve", "--out", str(city), "--port", str(port)]
    # With the same `ready` file the server uses its token again, so that saved connections stay right.
    service = Service(NAME, [*command, "--ready", str(ready)], {"PATH": os.defpath, "PYTHONUNBUFFERED": "1"})
    stack.start(service, lambda: ready.is_file() and listens(port))
    stack.settings.connect(json.loads(ready.read_text(encoding="utf-8"))["environment"])
