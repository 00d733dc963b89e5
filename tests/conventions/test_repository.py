"""House rules for what is tracked beside Python."""

from __future__ import annotations

import re

from _tree import ROOT, shown, tracked

REGISTRIES = re.compile(r"--(extra-)?index-url|--find-links|pypi\.org|pythonhosted|registry\.npmjs|proxy\.golang")
LOCKS = ("requirements.lock", *(f"infra/requirements/{n}" for n in ("dlt.lock", "uv.txt")))


def test_locks_are_hashed_and_name_no_registry() -> None:
    for name in LOCKS:
        text = (ROOT / name).read_text(encoding="utf-8")
        pins = re.findall(r"^[A-Za-z0-9][\w.\-\[\]]*==", text, re.MULTILINE)
        assert pins
        assert text.count("--hash=sha256:") >= len(pins)
        assert not REGISTRIES.search(text)


def test_no_tracked_file_names_a_registry() -> None:
    """The Makefile may pass --find-links on a command line: it names a folder, not a host."""
    hosts = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|proxy\.golang|registry\.yarnpkg")
    found = [
        shown(path)
        for path in tracked()
        if path.suffix not in (".png",) and shown(path) != "tests/conventions/test_repository.py"
        if hosts.search(path.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert not found


def test_no_tracked_file_carries_a_path_of_one_machine() -> None:
    local = re.compile(r"(?<![\w.])/(work|root|home/\w+)/")
    found = [
        f"{shown(path)}:{number}"
        for path in tracked("*.py", "*.sql", "*.yml", "*.yaml", "*.md", "*.sh", "Makefile", "*.toml")
        if shown(path) != "tests/conventions/test_repository.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if local.search(line)
    ]
    assert not found


def test_readme_commands_are_make_targets() -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for name in ("README.md", "README.zh-CN.md", "CONTRIBUTING.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        used = set(re.findall(r"`?make ([a-z][\w-]*)", text)) - {"sure", "it", "them", "a", "the"}
        assert used, name
        assert used <= targets, (name, used - targets)


def test_changelog_entries_are_one_line() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    body = [line for line in lines if line and not line.startswith("#")]
    assert body
    assert all(line.startswith("- ") for line in body)


def test_adrs_are_numbered_once() -> None:
    numbers = [path.name[:4] for path in tracked("docs/adr/*.md")]
    assert numbers
    assert len(numbers) == len(set(numbers))
    assert all(number.isdigit() for number in numbers)


def test_nothing_is_left_unfinished() -> None:
    words = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|raise NotImplemented" + r"Error)\b")
    found = [
        f"{shown(path)}:{number}"
        for path in tracked("*.py", "*.sql", "*.sh")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if words.search(line)
    ]
    assert not found
