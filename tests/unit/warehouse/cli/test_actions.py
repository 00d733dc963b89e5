"""`citylake approve` and `citylake actions` as a person types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.small_city import SmallCity
from warehouse.actions import approval
from warehouse.cli import main
from warehouse.gate.decide import gate
from warehouse.publish.run import publish


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A lake with something that waits, triggered by one person."""
    monkeypatch.setenv("CITYLAKE_OPEN_APPROVAL", "true")
    city = SmallCity(tmp_path / "lake-home")
    report = city.build()
    publish(city.lake, report, gate(city.lake, report), approver="test", triggered_by=("li.si",))
    found = approval.pending(city.lake)
    assert found is not None
    return str(city.home)


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_what_waits_is_shown_refused_and_found_among_the_actions(home: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--home", home]
    candidate = shown(capsys, *options, "approve")["id"]
    assert main([*options, "approve"]) == 0
    out = capsys.readouterr().out
    assert "pub_weather" in out
    assert "triggered by li.si, who may not approve it" in out
    assert f"citylake approve --candidate {candidate}" in out
    decide = [*options, "approve", "--candidate", candidate]
    assert main(decide) == 2
    assert main([*decide, "--reason", "x", "--edition", "internal"]) == 2
    capsys.readouterr()
    assert main([*decide, "--reason", "looked at", "--by", "li.si"]) == 1
    assert "may not approve it" in capsys.readouterr().err
    assert main([*decide, "--reason", "provisional", "--by", "wang.wu", "--refuse"]) == 0
    capsys.readouterr()
    assert main([*options, "approve"]) == 0
    assert capsys.readouterr().out == "nothing waits for approval\n"
    actions = shown(capsys, *options, "actions")
    assert [(one["verb"], one["event"], one["actor"]["account"]) for one in actions] == [
        ("refuse", "done", "wang.wu"), ("refuse", "asked", "wang.wu"),
        ("approve", "failed", "li.si"), ("approve", "asked", "li.si"),
    ]  # fmt: skip
    assert main([*options, "actions"]) == 0
    assert "provisional" in capsys.readouterr().out
