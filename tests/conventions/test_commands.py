"""A command that a message or a page tells a person to run exists."""

from __future__ import annotations

import re

import typer.main
from _tree import ROOT, shown, tracked

from infra.cli import application
from warehouse.cli.reference import leaves

TOLD = re.compile(r"(?:`|next_step=f?\"|\.venv/bin/)citylake ((?:[a-z][a-z-]* ?){1,2})")


def test_every_command_that_is_told_exists() -> None:
    names = set(leaves(typer.main.get_command(application())))
    wrong, found = [], 0
    for path in tracked("*.py", "*.md"):
        if shown(path).startswith(("tests/", "docs/cli.md")):
            continue
        for message in TOLD.findall(path.read_text(encoding="utf-8")):
            found += 1
            words = message.split()
            if words[0] not in names and " ".join(words[:2]) not in names and words != ["contracts"]:
                wrong.append(f"{shown(path)}: citylake {message}")
    assert found > 20
    assert not wrong


def test_readme_commands_are_in_the_reference() -> None:
    reference = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for name in ("README.md", "README.zh-CN.md"):
        for message in re.findall(
            r"^(?:\.venv/bin/)?citylake ([a-z]+)", (ROOT / name).read_text("utf-8"), re.MULTILINE
        ):
            assert f"## citylake {message}" in reference, (name, message)
