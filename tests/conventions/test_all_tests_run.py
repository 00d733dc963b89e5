"""House rules against tests that nobody runs: a skip gives its reason, and no folder of tests is passed over."""

from __future__ import annotations

import ast
from fnmatch import fnmatch

import pytest
from _tree import ROOT, shown, tracked, tree

HELPERS = "tests/support/needs.py"
SKIPS = {"skip", "skipif", "importorskip", "xfail", "SkipTest", "skipIf", "skipUnless"}


def skips(module: ast.Module) -> list[int]:
    """Lines that skip a test with pytest's or unittest's own means."""
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and node.attr in SKIPS and _owner(node) in ("pytest", "unittest"):
            found.append(node.lineno)
        if isinstance(node, ast.ImportFrom) and node.module in ("pytest", "unittest"):
            found += [node.lineno for name in node.names if name.name in SKIPS]
    return found


def _owner(node: ast.expr) -> str:
    """The first name of `pytest.mark.skip`."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def test_only_the_shared_helpers_skip() -> None:
    """There a reason is told once for all tests that need the same, and counted at the end of a run."""
    sources = [path for path in tracked("tests/*.py") if shown(path) != HELPERS]
    found = [f"{shown(path)}:{line}" for path in sources for line in skips(tree(path))]
    assert len(sources) > 200
    assert not found, f"use a helper of {HELPERS}: {found}"


def test_the_shared_helpers_give_a_reason() -> None:
    helpers = next(path for path in tracked("tests/support/*.py") if shown(path) == HELPERS)
    calls = [node for node in ast.walk(tree(helpers)) if isinstance(node, ast.Call)]
    made = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in SKIPS]
    assert len(made) == len(skips(tree(helpers))) > 1
    for call in made:
        reasons = [word.value for word in call.keywords if word.arg == "reason"]
        assert reasons or (call.func.attr == "skip" and call.args), call.lineno


def test_every_way_to_skip_is_noticed() -> None:
    for line in (
        "pytest.skip('x')",
        "@pytest.mark.skip\ndef test_x(): ...",
        "mark = pytest.mark.skipif(True, reason='x')",
        "np = pytest.importorskip('numpy')",
        "from pytest import skip",
        "case = pytest.param(1, marks=pytest.mark.xfail)",
        "raise unittest.SkipTest",
    ):
        assert skips(ast.parse(line)), line
    assert not skips(ast.parse("rule = Rule(skip=0)\nlines.skip(1)\npytest.raises(ValueError)"))


def test_pytest_looks_into_every_folder_of_tests(pytestconfig: pytest.Config) -> None:
    """Its own list of folders to leave out has `build`, which is a package here: see `norecursedirs`."""
    folders = {part for path in tracked("tests/*.py") for part in path.relative_to(ROOT).parts[:-1]}
    left_out = pytestconfig.getini("norecursedirs")
    assert "build" in folders
    assert not [(name, pattern) for name in sorted(folders) for pattern in left_out if fnmatch(name, pattern)]
