"""`citylake status`: what needs a person comes first, fits 80 columns, and makes no lake where there is none."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.cli import main
from ingestion.errors import ConfigurationError
from tests.unit.warehouse.status.conftest import Days, begin
from warehouse.cli.status import show_status
from warehouse.incidents.report import report
from warehouse.release import moves


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    """A city with a blocked product, an edition on hold and an unreachable feed; tests only read it."""
    made = begin(tmp_path_factory.mktemp("city"))
    made.run()
    made.run("fct_weather")
    moves.withdraw(made.lake, "open", reason="wrong town names", by="li.si")
    report(made.lake, "source_unreachable", "office.visit", "the server did not answer")
    return made


def shown(days: Days, capsys: pytest.CaptureFixture[str], **said: Any) -> str:
    session: Any = SimpleNamespace(settings=days.lake.settings, lake=days.lake)
    show_status(session, **({"department": None, "state": None, "as_json": False} | said))
    return capsys.readouterr().out


def test_what_needs_a_person_comes_first(days: Days, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(days, capsys)
    assert text.startswith("2026-03-06 11:00 in the city (Asia/Shanghai)\n")
    cells = [line.split()[:2] for line in text.splitlines() if line.startswith(" ") and not line.startswith("  ")]
    named = [cell for cell in cells if len(cell) == 2 and cell[1] != "feed"]
    assert named[:2] == [["unreachable", "office.visit"], ["late", "office.reading"]]
    assert [cell for cell in named if cell[1] in ("weather", "food")] == [["blocked", "weather"], ["passed", "food"]]
    assert "  office.visit unreachable since 03-06 11:00, 1 missing: the server did not answer\n" in text
    assert "  weather blocked since 03-06 11:00\n    key key_fct_weather: failed, 3 failing\n" in text
    assert "  open on hold since 03-06 11:00: wrong town names\n" in text
    tables = [line for line in text.splitlines() if not line.startswith("  ")]
    assert max(map(len, tables)) <= 80


def test_only_a_department_or_a_state(days: Days, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(shown(days, capsys, state="blocked", as_json=True))
    assert ([line["product"] for line in found["products"]], found["feeds"]) == (["weather"], [])
    found = json.loads(shown(days, capsys, state="unreachable", as_json=True))
    assert ([line["feed"] for line in found["feeds"]], found["products"]) == (["office.visit"], [])
    assert found["at"].startswith("2026-03-06T11:00:00+08:00")
    found = json.loads(shown(days, capsys, department="office", as_json=True))
    assert (len(found["feeds"]), [line["product"] for line in found["products"]]) == (3, ["food", "places", "weather"])
    for wrong in ({"department": "nobody"}, {"state": "lat"}):
        with pytest.raises(ConfigurationError, match="known are"):
            shown(days, capsys, **wrong)


def test_no_lake_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "nothing"
    assert main(["--home", str(home), "status"]) == 1
    assert f"there is no lake at {home}" in capsys.readouterr().err.replace("\n", "")
    assert not home.exists()


def test_the_processes_have_an_option_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(tmp_path / "home"), "status", "--processes"]) == 1
    assert capsys.readouterr().out == "not running; start it with `citylake up`\n"
