"""Secrets of the stack are made once; a file of an earlier version keeps its own and gets what it lacks."""

from __future__ import annotations

import json
from pathlib import Path

from infra.stack.secrets import ROLES, stack_secrets


def test_an_account_that_an_earlier_version_lacks_is_added(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    first = stack_secrets(path)
    assert set(first.accounts) == set(ROLES)
    stored = json.loads(path.read_text(encoding="utf-8"))
    del stored["accounts"]["steward"]
    path.write_text(json.dumps(stored), encoding="utf-8")
    later = stack_secrets(path)
    assert set(later.accounts) == set(ROLES)
    kept = ROLES.keys() - {"steward"}
    assert {name: later.accounts[name] for name in kept} == {name: first.accounts[name] for name in kept}
    assert stack_secrets(path) == later
