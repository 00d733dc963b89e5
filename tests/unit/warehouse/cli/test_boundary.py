"""Errors as a person reads them: messages, exit codes, crash logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.errors import StoreError
from warehouse.cli import main
from warehouse.cli.boundary import describe
from warehouse.cli.session import Session


def test_an_error_raised_on_purpose_is_its_message(tmp_path: Path) -> None:
    error = StoreError("the disk is full", feed="office.reading", left="nothing was stored", next_step="free space")
    assert describe(error, Session(home=tmp_path)) == str(error)
    assert not list(tmp_path.rglob("*.log"))


def test_a_defect_is_one_line_and_a_private_crash_log(tmp_path: Path) -> None:
    try:
        raise KeyError("13800138000")
    except KeyError as error:
        message = describe(error, Session(home=tmp_path))
    (log,) = tmp_path.rglob("*-KeyError.log")
    assert str(log) in message
    assert "13800138000" not in message
    assert "Traceback" in log.read_text(encoding="utf-8")
    assert log.stat().st_mode & 0o077 == 0


def test_a_home_that_cannot_be_written_still_gives_the_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    assert "ValueError" in describe(ValueError("x"), Session(home=file))


def test_unknown_feed_exits_1_without_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = next(iter(Session(home=tmp_path).contracts))
    assert main(["--home", str(tmp_path), "ingest", known[:-1], "--day", "2026-03-02"]) == 1
    output = capsys.readouterr().err
    assert known in output
    assert "citylake contracts list" in output
    assert "Traceback" not in output


def test_debug_lets_the_error_through(tmp_path: Path) -> None:
    from ingestion.errors import ConfigurationError

    with pytest.raises(ConfigurationError):
        main(["--home", str(tmp_path), "--debug", "ingest", "nobody.nothing"])


def test_wrong_usage_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rollback"]) == 2
    assert "--to" in capsys.readouterr().err


def test_a_wrong_setting_names_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CITYLAKE_THREADS", "0")
    assert main(["--home", str(tmp_path), "contracts", "list"]) == 1
    assert "CITYLAKE_THREADS" in capsys.readouterr().err
