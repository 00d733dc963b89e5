"""House rules for Python sources, each one checked."""

from __future__ import annotations

import ast
import re

from _tree import ROOT, python, shown, tracked, tree

PACKAGES = ("ingestion", "warehouse", "infra", "dags")


def test_no_module_is_a_giant() -> None:
    sources = [path for package in PACKAGES for path in python(package)]
    assert not [shown(path) for path in sources if len(path.read_text(encoding="utf-8").splitlines()) > 400]


def test_modules_and_public_names_have_docstrings() -> None:
    missing = []
    for package in PACKAGES:
        for path in python(package):
            module = tree(path)
            if module.body and not ast.get_docstring(module):
                missing.append(shown(path))
            for node in module.body:
                named = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
                if named and not ast.get_docstring(node):
                    missing.append(f"{shown(path)}:{node.lineno} {node.name}")
    assert not missing


def test_environment_is_read_in_settings_only() -> None:
    """One settings class; dbt's and Arrow's own variables are set, not read, by their runners."""
    readers = re.compile(r"os\.environ\.get|os\.getenv|os\.environ\[[^\]]+\](?!\s*=[^=])")
    found = [
        f"{shown(path)}:{number}"
        for package in ("ingestion", "warehouse", "dags")
        for path in python(package)
        if shown(path) != "ingestion/settings.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if readers.search(line)
    ]
    assert not found


_CLOCKS = re.compile(
    r"datetime\.(now|today|utcnow)\b|\bdate\.today\b|\btime\.(time|time_ns|localtime|gmtime|ctime)\("
    r"|(?<![\w.])(now|today|get_current_time(stamp)?|transaction_timestamp)\(\)"
    r"|\b(current_date|current_time|current_timestamp|localtimestamp)\b",
    re.IGNORECASE,
)


def test_the_time_is_asked_in_one_place() -> None:
    """ingestion.clocks knows what the machine's time is for; everything else asks it.

    `expressions`, `rowwise` and `clock_rule` name SQL's clocks to refuse them.
    """
    refusing = ("ingestion/contract/expressions.py", "ingestion/conform/rowwise.py", "warehouse/build/clock_rule.py")
    own = ("ingestion/clocks.py", *refusing)
    sources = [path for package in PACKAGES for path in python(package)]
    sources += tracked("dbt_project/*.sql", "dbt_project/*.yml", "ingestion/*.yaml")
    assert len(sources) > 300
    found = [
        f"{shown(path)}:{number}"
        for path in sources
        if shown(path) not in own
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _CLOCKS.search(line.replace("clocks.now()", ""))
    ]
    assert not found
    for line in ("x = datetime.now(UTC)", "date.today()", "time.time()", "where at < now()", "current_date - 1"):
        assert _CLOCKS.search(line)


def _raises_bare(node: ast.AST) -> bool:
    if not isinstance(node, ast.Raise) or node.exc is None:
        return False
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return isinstance(raised, ast.Name) and raised.id in ("Exception", "BaseException")


def _calls_print(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def test_no_bare_exception_run_time_assert_or_print() -> None:
    found = [
        f"{shown(path)}:{node.lineno}"
        for package in PACKAGES
        for path in python(package)
        for node in ast.walk(tree(path))
        if _raises_bare(node) or isinstance(node, ast.Assert) or _calls_print(node)
    ]
    assert not found


def test_object_keys_come_from_one_module() -> None:
    """Zone names as string prefixes appear in ingestion.keys (and the release layout) only."""
    allowed = {"ingestion/keys.py", "warehouse/release/layout.py"}
    zone = re.compile(r"""f?["'](raw|bronze|quarantine|receipts|decisions)/""")
    found = [
        f"{shown(path)}:{number}"
        for package in ("ingestion", "warehouse", "dags")
        for path in python(package)
        if shown(path) not in allowed
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if zone.search(line)
    ]
    assert not found


def test_every_lint_exception_carries_its_reason() -> None:
    bare = re.compile(r"#\s*(noqa(?!: ?[A-Z]+\d+(, ?[A-Z]+\d+)*[ -]+\w+)|type: ignore(?!\[[a-z-]+(, ?[a-z-]+)*\]))")
    found = [
        f"{shown(path)}:{number}"
        for path in tracked("ingestion/*.py", "warehouse/*.py", "infra/*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if bare.search(line)
    ]
    assert not found


def test_tests_mirror_sources() -> None:
    """A unit test's folder exists in the sources, and what is named after a module lies where that module does."""
    tests = [path.relative_to(ROOT / "tests/unit") for path in tracked("tests/unit/*.py")]
    assert len(tests) > 100
    assert not sorted({str(path.parent) for path in tests if not (ROOT / path.parent).is_dir()})
    modules = {path.relative_to(ROOT) for package in PACKAGES for path in python(package)}
    lost = []
    for test in (path for path in tests if path.name.startswith("test_")):
        name = test.name.removeprefix("test_")
        homes = {path.parent for path in modules if path.name == name and path.parts[0] == test.parts[0]}
        if homes and test.parent not in homes and not {home / test.name for home in homes} & set(tests):
            lost.append(f"{test}: {name} lies in {', '.join(map(str, sorted(homes)))}")
    assert not lost
