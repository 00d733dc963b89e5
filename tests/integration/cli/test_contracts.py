"""`citylake contracts` on files: a draft from a sample, and a wrong contract."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ingestion.settings import Settings
from warehouse.cli import main


def test_a_draft_is_marked_and_never_overwrites(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = tmp_path / "air_20260302.csv"
    sample.write_text("station,hour,pm25\nA1,1,35\nA1,2,36\nA2,1,40\n", encoding="utf-8")
    out = tmp_path / "hbj" / "air.yaml"
    words = ["contracts", "init", str(sample), "--department", "hbj", "--feed", "air", "--out", str(out)]
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
    shutil.copytree(Settings().contracts, folder)
    path = folder / "syj" / "complaint.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("delivery: events", "delivry: events"), encoding="utf-8")
    monkeypatch.setenv("CITYLAKE_CONTRACTS", str(folder))
    assert main(["contracts", "check"]) == 1
    told = capsys.readouterr().out
    assert "complaint.yaml" in told
    assert "delivry" in told
    monkeypatch.delenv("CITYLAKE_CONTRACTS")
    assert main(["contracts", "check"]) == 0
    assert "0 problems" in capsys.readouterr().out
