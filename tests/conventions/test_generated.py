"""What is made from something else is up to date, and what is listed is complete."""

from __future__ import annotations

import re

from _tree import ROOT

from infra.generate import generated, stale
from ingestion.settings import Settings


def test_generated_files_are_up_to_date() -> None:
    files = stale(generated())
    assert not files, f"run `make generate`: {[path.name for path in files]}"


def test_env_example_names_every_setting_and_no_other() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^#?CITYLAKE_([A-Z0-9_]+)=", text, re.MULTILINE))
    settings = {name.upper() for name in Settings.model_fields}
    assert named == settings


def test_every_lint_rule_left_out_says_why() -> None:
    """A line of pyproject.toml that names a ruff code carries a comment; the selection itself does not."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    codes = [line for line in text.splitlines() if re.match(r'\s+"[A-Z]+\d*",', line)]
    assert codes
    assert not [line for line in codes if "#" not in line]


def test_every_target_of_the_makefile_is_in_its_help() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    declared = re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    for target in declared:
        assert re.search(rf"^{target}:.*## \S", text, re.MULTILINE), target
    assert {"help", "demo", "test", "check", "bench", "generate"} <= set(declared)
