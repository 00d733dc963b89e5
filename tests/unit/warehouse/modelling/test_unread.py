"""A feed that ends in bronze is named, to who writes contracts and to who operates the lake."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.contract.load import load_contracts
from tests.support import office
from warehouse.cli import main
from warehouse.modelling.unread import unread_feeds

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
