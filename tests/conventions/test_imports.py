"""The import graph: no circles, and the layers that `[tool.importlinter]` in pyproject.toml declares."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from _tree import ROOT, python, shown, tree

DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]


def lint(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Import Linter over the packages of a folder."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    return subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, check=False)


def test_imports_keep_to_the_declared_layers_without_circles() -> None:
    found = lint(ROOT)
    assert found.returncode == 0, found.stdout
    assert f"{len(DECLARED['contracts'])} kept, 0 broken" in found.stdout


def test_every_package_is_looked_at() -> None:
    for package in DECLARED["root_packages"]:
        for path in python(package):
            # A folder without __init__ is not seen by the linter; what Airflow loads from a folder is on its own.
            assert (path.parent / "__init__.py").is_file() or path.parent.name in ("preload", "plugins"), path


@pytest.mark.parametrize(
    ("files", "broken"),
    [
        ({"a.py": "from city import b", "b.py": "from city import a"}, True),
        ({"a.py": "def f():\n    from city import b", "b.py": "from city import a"}, True),
        ({"low/a.py": "from city.high import c", "low/b.py": "", "high/c.py": "from city.low import b"}, True),
        ({"low/a.py": "", "high/c.py": "from city.low import a"}, False),
    ],
    ids=["files", "inside a function", "folders", "none"],
)
def test_a_circle_is_found(files: dict[str, str], broken: Any, tmp_path: Path) -> None:
    for name, text in files.items():
        path = tmp_path / "city" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        (path.parent / "__init__.py").touch()
    (tmp_path / "city" / "__init__.py").touch()
    (tmp_path / ".importlinter").write_text(
        "[importlinter]\nroot_package = city\n"
        "[importlinter:contract:circles]\nname = circles\ntype = acyclic_siblings\nancestors = city\n"
    )
    found = lint(tmp_path)
    assert (found.returncode != 0) is broken, found.stdout + found.stderr


@pytest.mark.parametrize("path", python("bench"), ids=shown)
def test_a_bench_finds_what_it_imports_of_the_project(path: Path) -> None:
    # The tests do not run the benches, so that a name which moved would be missed there.
    packages = {*DECLARED["root_packages"], "bench"}
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.ImportFrom) or (node.module or "").split(".")[0] not in packages:
            continue
        module = importlib.import_module(str(node.module))
        for name in node.names:
            is_module = importlib.util.find_spec(f"{node.module}.{name.name}") if hasattr(module, "__path__") else None
            assert hasattr(module, name.name) or is_module, f"{node.module} has no {name.name}"
