"""Only a feed whose contract is active is fetched, stored or conformed; a wrong file costs its own feed alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.connectors.factory import connector_for
from ingestion.contract.load import load_contracts, read_feeds
from ingestion.contract.resolve import STATUSES
from ingestion.delivery.ingest import ingest_file, ingest_interval
from ingestion.delivery.reconform import reconform
from ingestion.errors import ContractError
from ingestion.lake import open_lake
from ingestion.settings import Settings
from tests.support.lakes import contract, day, drop, lake, rows
from warehouse.capture import Captured, Extracted, capture, extract_days

DAY = date(2026, 3, 2)
WAYS: dict[str, Callable[[Any, Any, Path], Any]] = {
    "ingest_interval": lambda made, feed, path: ingest_interval(made, feed, day(0)),
    "ingest_file": lambda made, feed, path: ingest_file(made, feed, path, day(0)),
    "capture": lambda made, feed, path: capture(made, feed, DAY, Captured()),
    "extract_days": lambda made, feed, path: extract_days(made, feed, DAY, DAY, Extracted()),
    "connector": lambda made, feed, path: connector_for(made, feed),
    "reconform": lambda made, feed, path: reconform(made, feed),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [status for status in STATUSES if status != "active"])
def test_no_way_in_for_what_is_not_active(tmp_path: Path, way: str, status: str) -> None:
    made, feed = lake(tmp_path), replace(contract(), status=status)
    path = drop(made, "readings_20260302.csv", rows(["a"]))
    with pytest.raises(ContractError) as caught:
        WAYS[way](made, feed, path)
    assert f"`{status}`" in str(caught.value)
    assert "next:" in str(caught.value)
    assert list(made.store.list("raw/")) == []


@pytest.mark.parametrize(
    "damage",
    [
        b"nonsense: [",
        b"\xff\xfe\x00",
        b"",
        b"- 1\n",
        b"a: " + b"[" * 5000,
        b"x: 1\n" * 400_000,
        b"apiVersion: v3.2.0\nstatus: &a [*a]\n",
    ],
)
def test_a_wrong_file_costs_its_own_feed(tmp_path: Path, damage: bytes) -> None:
    folder = tmp_path / "contracts"
    shutil.copytree(Settings().contracts, folder)
    damaged, *others = load_contracts(folder).values()
    (folder / damaged.department / f"{damaged.feed}.yaml").write_bytes(damage)
    feeds = read_feeds(folder)
    assert set(feeds.broken) == {damaged.name}
    assert feeds.problems
    assert set(feeds.contracts) == {contract.name for contract in others}
    made = open_lake(Settings(home=tmp_path / "home", contracts=folder))
    assert set(made.active) == set(feeds.contracts)
    with pytest.raises(ContractError, match=rf"{damaged.feed}\.yaml"):
        made.contract(damaged.name)
    with pytest.raises(ContractError, match="no contract"):
        made.contract(f"{damaged.department}.other")


def test_a_file_in_another_place_does_not_take_a_feeds_name(tmp_path: Path, base: dict[str, Any]) -> None:
    for name in ("visit", "zzz"):
        path = tmp_path / "office" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        base["id"] = f"office.{name}"
        path.write_text(yaml.safe_dump(base, allow_unicode=True, sort_keys=False), encoding="utf-8")
    feeds = read_feeds(tmp_path)
    assert feeds.contracts["office.visit"].path.name == "visit.yaml"
    assert set(feeds.broken) == {"office.zzz"}
