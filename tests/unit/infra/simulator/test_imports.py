"""The city is the outside world: it imports nothing of the lake."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import infra.simulator

ALLOWED = {
    "infra",
    "numpy",
    "psycopg2",
    "pyarrow",
    "duckdb",
    "typer",
    "stdnum",
    "starlette",
    "uvicorn",
    "asyncssh",
    "cryptography",
}


def test_imports_are_the_outside_worlds() -> None:
    modules = sorted(Path(infra.simulator.__file__).parent.rglob("*.py"))
    assert len(modules) > 15
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                top = name.split(".")[0]
                assert top in ALLOWED or top in sys.stdlib_module_names, f"{module}: {name}"
                assert top != "infra" or name.startswith("infra.simulator"), f"{module}: {name}"
