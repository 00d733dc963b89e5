"""Modules and functions that documents and docstrings name are there: a moved one takes its mentions along."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from _tree import ROOT, python, shown, tracked, tree

PACKAGES = ("ingestion", "warehouse", "dags", "infra")
NAMED = re.compile(rf"(?<![\w./@-])((?:{'|'.join(PACKAGES)})(?:\.(?!duckdb\b)[A-Za-z_]\w*)+)(?![\w/]|\.\w)")


@cache
def _names(path: Path) -> frozenset[str]:
    """What a module or class body defines, dotted (`Store.url`), and what it imports."""

    def below(body: list[ast.stmt], prefix: str) -> set[str]:
        found: set[str] = set()
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(prefix + node.name)
                found |= below(node.body, f"{prefix}{node.name}.") if isinstance(node, ast.ClassDef) else set()
            elif isinstance(node, ast.AnnAssign | ast.Assign):
                targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
                found |= {prefix + target.id for target in targets if isinstance(target, ast.Name)}
            elif isinstance(node, ast.Import | ast.ImportFrom):
                found |= {prefix + (alias.asname or alias.name).split(".")[0] for alias in node.names}
        return found

    return frozenset(below(tree(path).body, ""))


def _is_there(name: str) -> bool:
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        folder = ROOT.joinpath(*parts[:end])
        rest = ".".join(parts[end:])
        if (module := folder.with_suffix(".py")).is_file():
            return not rest or rest in _names(module)
        if folder.is_dir():
            return not rest or rest in _names(folder / "__init__.py")
    return False


def _texts() -> list[tuple[str, str]]:
    documents = [
        (shown(path), path.read_text(encoding="utf-8"))
        for path in tracked("*.md", "docs/*.md", "docs/**/*.md", "Makefile", "infra/*.sh")
        if path.name != "CHANGELOG.md"
    ]
    sources = [(shown(path), path.read_text(encoding="utf-8")) for package in PACKAGES for path in python(package)]
    return documents + sources


def test_named_modules_and_functions_exist() -> None:
    texts = _texts()
    named = [(where, name) for where, text in texts for name in NAMED.findall(text)]
    assert len(named) > 1000
    assert not sorted({f"{where}: {name}" for where, name in named if not _is_there(name)})


def test_a_name_that_is_gone_is_found() -> None:
    assert NAMED.findall("see `ingestion.sql.literal`, (warehouse.gone), not www.infra.example or dags/factory.") == [
        "ingestion.sql.literal",
        "warehouse.gone",
    ]
    assert _is_there("ingestion.sql.literal")
    assert _is_there("ingestion.store.base.Store.url")
    assert not _is_there("warehouse.gone")
    assert not _is_there("ingestion.sql.gone")
