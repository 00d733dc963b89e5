"""A feed that ends in bronze is named, to who writes contracts and to who operates the lake."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from ingestion.contract.load import load_contracts
from tests.support import office
from warehouse.build.report import BuildReport, ModelBuilt
from warehouse.cli import main
from warehouse.cli.render import show_unread
from warehouse.modelling.unread import unread_feeds, unread_in

STAGING = "select * from {{ source('office', 'call') }}"


def test_every_feed_of_the_fixture_is_read() -> None:
    assert unread_feeds(load_contracts(office.CONTRACTS), office.DBT_PROJECT) == []


def test_staging_alone_reads_nothing_out_of_bronze(tmp_path: Path) -> None:
    contracts = load_contracts(office.CONTRACTS)
    models = tmp_path / "models"
    models.mkdir()
    assert unread_feeds(contracts, tmp_path) == sorted(office.FEEDS)
    (models / "stg_office__calls.sql").write_text(STAGING)
    assert unread_feeds(contracts, tmp_path) == sorted(office.FEEDS)
    (models / "int_call.sql").write_text("select * from {{ ref('stg_office__calls') }}")
    assert unread_feeds(contracts, tmp_path) == ["office.reading", "office.register"]


def test_the_check_of_contracts_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.setenv("CITYLAKE_CONTRACTS", str(office.CONTRACTS))
    monkeypatch.setenv("CITYLAKE_DBT_PROJECT", str(tmp_path))
    assert main(["contracts", "check"]) == 0
    assert f"in bronze only, no model publishes it: {', '.join(sorted(office.FEEDS))}" in capsys.readouterr().out
    monkeypatch.setenv("CITYLAKE_DBT_PROJECT", str(office.DBT_PROJECT))
    assert main(["contracts", "check"]) == 0
    assert "in bronze only" not in capsys.readouterr().out


def test_a_build_says_which_feeds_nothing_is_released_of() -> None:
    models = [
        ModelBuilt.model_construct(name="stg_a", public=False, feeds=["lab.a"]),
        ModelBuilt.model_construct(name="fct_b", public=True, feeds=["lab.b"]),
    ]
    inputs: dict[str, list[str]] = {"lab.a": ["key"], "lab.b": ["key"], "lab.c": ["key"]}
    report = BuildReport.model_construct(models=models, inputs=inputs)
    assert unread_in(report) == ["lab.a", "lab.c"]
    shown = io.StringIO()
    show_unread(report, Console(file=shown, width=200))
    assert shown.getvalue().startswith("in bronze only, no model publishes it: lab.a, lab.c; ")
    shown = io.StringIO()
    show_unread(report.model_copy(update={"inputs": {"lab.b": ["key"]}}), Console(file=shown))
    assert shown.getvalue() == ""
