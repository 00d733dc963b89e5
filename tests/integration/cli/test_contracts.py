"""`citylake contracts` on files: a draft from a sample, and a wrong contract."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ingestion.settings import Settings
from tests.support import office
from warehouse.cli import main


def test_a_draft_is_marked_and_never_overwrites(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = tmp_path / "air_20260302.csv"
    sample.write_text("station,hour,pm25\nA1,1,35\nA1,2,36\nA2,1,40\n", encoding="utf-8")
    out = tmp_path / "lab" / "air.yaml"
    words = ["contracts", "init", str(sample), "--department", "lab", "--feed", "air", "--out", str(out)]
    assert main(words) == 0
    draft = out.read_text(encoding="utf-8")
    assert "guess:" in draft
    assert "pm25" in draft
    assert main(words) == 1
    assert "it was not changed" in capsys.readouterr().err
    assert out.read_text(encoding="utf-8") == draft


def test_check_names_the_wrong_key_and_exits_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "contracts"
    shutil.copytree(office.CONTRACTS, folder)
    path = folder / "office" / "call.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("delivery: events", "delivry: events"), encoding="utf-8")
    monkeypatch.setenv("CITYLAKE_CONTRACTS", str(folder))
    assert main(["contracts", "check"]) == 1
    output = capsys.readouterr().out
    assert "call.yaml" in output
    assert "delivry" in output
    monkeypatch.delenv("CITYLAKE_CONTRACTS")
    assert main(["contracts", "check"]) == 0
    assert "0 problems" in capsys.readouterr().out


@pytest.fixture
def drafted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh draft `lab.air` beside the fixture project's contracts, in a home of its own; its sample."""
    folder = tmp_path / "contracts"
    shutil.copytree(office.CONTRACTS, folder)
    sample = tmp_path / "air_20260302.csv"
    sample.write_text("station,hour,pm25\nA1,1,35\nA1,2,36\nA2,1,40\n", encoding="utf-8")
    out = folder / "lab" / "air.yaml"
    assert main(["contracts", "init", str(sample), "--department", "lab", "--feed", "air", "--out", str(out)]) == 0
    monkeypatch.setenv("CITYLAKE_CONTRACTS", str(folder))
    monkeypatch.setenv("CITYLAKE_HOME", str(tmp_path / "home"))
    return sample


def test_check_lists_what_a_draft_leaves_open(drafted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["contracts", "check"]) == 1
    lines = capsys.readouterr().out.splitlines()
    output = [line for line in lines if "air.yaml:" in line]
    assert all(re.search(r"air\.yaml:\d+: ", line) for line in output)
    assert any("status: `draft`" in line for line in output)
    assert any("left to decide: the licence" in line for line in output)
    assert not any("air.yaml:1:" in line for line in output), "the first line explains the marks"
    assert lines[-1] == f"4 contracts checked, {len(output)} problems"


def test_a_draft_is_tried_and_not_ingested(drafted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contracts", "try", "lab.air", str(drafted)]) == 0
    assert "nothing was stored" in capsys.readouterr().out
    assert main(["ingest", "lab.air", str(drafted), "--interval", "2026-03-02"]) == 1
    output = capsys.readouterr().err
    assert "lab.air: `draft`" in output
    assert "citylake contracts check" in output


def test_a_wrong_file_stops_its_own_feed_alone(drafted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = Settings().contracts / "office" / "call.yaml"
    wrong.write_text("nonsense: [", encoding="utf-8")
    assert main(["contracts", "try", "lab.air", str(drafted)]) == 0
    assert main(["ingest", office.READING, "--day", "2026-03-02"]) == 0
    capsys.readouterr()
    assert main(["ingest", office.CALL, "--day", "2026-03-02"]) == 1
    assert "call.yaml" in capsys.readouterr().err
    assert main(["reconform"]) == 1
    assert "call.yaml" in capsys.readouterr().err
    assert main(["contracts", "list"]) == 0
    assert f"{office.CALL}: its contract file is wrong" in capsys.readouterr().out


def test_a_rule_that_cannot_run_is_listed_and_is_no_defect_when_tried(
    drafted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Settings().contracts / "lab" / "air.yaml"
    text = path.read_text(encoding="utf-8")
    rule = "{id: r, expression: 'pm_25 > avg(pm_25)', description: d}"
    path.write_text(
        text.replace(
            "      catalogue:", f"      tables:\n        air:\n          rules:\n            - {rule}\n      catalogue:"
        ),
        encoding="utf-8",
    )
    assert main(["contracts", "check"]) == 1
    assert "rules[0].expression: `avg` looks at other rows" in capsys.readouterr().out
    assert main(["contracts", "try", "lab.air", str(drafted)]) == 1
    output = capsys.readouterr().err
    assert "looks at other rows" in output
    assert "unexpected error" not in output
