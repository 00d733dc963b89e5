"""Killed processes and processes at once: told once, at worst twice, never not at all."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.incidents.conftest import FEED, Make
from tests.support.notice_servers import Hook
from warehouse.incidents.book import Book
from warehouse.incidents.sweep import sweep

CHILD = Path(__file__).parents[2] / "support" / "incident_child.py"


def child(home: Path, hook: Hook, verb: str, *options: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(CHILD), str(home), hook.url, verb, *map(str, options)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("verb", ["sweep", "report"])
def test_processes_at_once_tell_once(tmp_path: Path, make: Make, hook: Hook, verb: str) -> None:
    hook.answers = [(204, 0.3)]
    running = [child(tmp_path, hook, verb, "--wait", tmp_path / "go") for _ in range(3)]
    (tmp_path / "go").touch()
    for process in running:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert len(hook.posts) == 1
    (incident,) = Book(make()).active()
    assert incident.occurrences == (1 if verb == "sweep" else 3)
    sweep(make(webhook_url=hook.url))
    assert [kind for _, kind in hook.events].count(incident.kind) == 1


@pytest.mark.parametrize(("step", "posts"), [("incident_opened", 1), ("notice_sent", 2)])
def test_killed_at_a_step_is_told_by_the_next_sweep(
    tmp_path: Path, make: Make, hook: Hook, step: str, posts: int
) -> None:
    process = child(tmp_path, hook, "sweep", "--die", step)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors
    made = make(webhook_url=hook.url)
    for _ in range(3):
        sweep(made)
    assert len(hook.posts) == posts
    assert len({headers["Idempotency-Key"] for headers, _ in hook.posts}) == 1
    events = [info.key.rsplit("/", 1)[1] for info in made.store.list("incidents/history/")]
    assert events == ["000001-opened.json", "000002-told.json"]
    assert [incident.subject for incident in Book(made).active()] == [FEED]
