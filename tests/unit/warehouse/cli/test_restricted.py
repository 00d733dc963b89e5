"""Restricted editions as a person meets them on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ingestion.machine.accounts import process_account
from tests.support.small_city import SmallCity
from warehouse.cli import main
from warehouse.gate.decide import gate
from warehouse.publish.run import publish

FOOD = ["--edition", "restricted/food"]


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    city = SmallCity(tmp_path / "lake-home", restricted={"fct_inspection"})
    report = city.build()
    publish(city.lake, report, gate(city.lake, report), approver="test")
    return ["--home", str(city.home)]


def test_one_is_opened_for_a_purpose_that_is_listed(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER", "somebody.else")
    count = [*options, "sql", "-c", "select count(*) as n from fct_inspection", "--json"]
    assert main([*count, *FOOD]) == 1
    refused = capsys.readouterr()
    assert "say what for" in refused.err
    assert '--purpose "…"' in refused.err
    assert refused.out == ""
    assert main([*count, *FOOD, "--purpose", "contacts of case 12"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"n": 9}]
    copy = tmp_path / "copy.duckdb"
    assert main([*options, "export", str(copy), *FOOD, "--purpose", "handed to the court"]) == 0
    assert copy.stat().st_mode & 0o777 == 0o600
    assert main([*options, "trace", "fct_inspection", *FOOD, "--purpose", "who sent it"]) == 0
    capsys.readouterr()
    assert main([*options, "access", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(one["asked"]["reason"], one["asked"]["details"]["command"], one["ended"]["event"]) for one in listed] == [
        ("who sent it", "trace", "done"),
        ("handed to the court", "export", "done"),
        ("contacts of case 12", "sql", "done"),
    ]
    assert {one["asked"]["actor"]["account"] for one in listed} == {process_account()}
    assert main([*options, "access", *FOOD, "--limit", "1"]) == 0
    out = capsys.readouterr().out
    assert "1 openings" in out
    assert "who sent it" in out


def test_openings_of_an_edition_that_is_not_there_are_refused(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped name would else read as: nobody opened it."""
    assert main([*options, "access", "--edition", "restricted/fod"]) == 1
    refused = capsys.readouterr()
    assert "there is no edition 'restricted/fod'" in refused.err
    assert "restricted/food" in refused.err
    assert refused.out == ""


def test_openings_of_an_edition_that_is_gone_are_listed(
    options: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([*options, "sql", "-c", "select 1", *FOOD, "--purpose", "case 12"]) == 0
    for folder in ("published", "ledger"):
        shutil.rmtree(tmp_path / "lake-home" / "lake" / folder / "restricted" / "food", ignore_errors=True)
    capsys.readouterr()
    assert main([*options, "access", *FOOD]) == 0
    assert "case 12" in capsys.readouterr().out


def test_a_purpose_is_for_restricted_editions_alone(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*options, "sql", "-c", "select 1", "--purpose", "x"]) == 2
    assert "leave --purpose out" in capsys.readouterr().err
    assert main([*options, "sql", "-c", "select 1", "--edition", "restricted/none", "--purpose", "x"]) == 1
    assert "there is no edition 'restricted/none'" in capsys.readouterr().err


def test_releases_and_status_name_it_and_a_person_may_withdraw_it(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*options, "releases", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["internal", "open", "restricted/food"]
    assert main([*options, "withdraw", *FOOD, "--reason", "a name in it"]) == 0
    capsys.readouterr()
    assert main([*options, "sql", "-c", "select 1", *FOOD, "--purpose", "x"]) == 1
    assert "edition restricted/food was withdrawn" in capsys.readouterr().err
    assert main([*options, "releases", *FOOD]) == 0
    assert "on hold since" in capsys.readouterr().out
    assert main([*options, "resume", *FOOD, "--reason", "taken out"]) == 0
