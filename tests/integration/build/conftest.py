"""Lakes for builds, made by tests.integration.build.small_lake."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from ingestion.contract.load import load_contracts
from ingestion.settings import Settings
from tests.integration.build.small_lake import BUILT_AS_OF, SmallLake, fill
from warehouse.build.report import BuildReport


def make_lake(folder: Path) -> SmallLake:
    """An empty lake with the shipped contracts."""
    home = folder / "home"
    return SmallLake(folder / "lake", home, load_contracts(Settings(home=home).contracts))


@pytest.fixture
def small_lake(tmp_path: Path) -> SmallLake:
    """An empty lake of one test."""
    return make_lake(tmp_path)


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallLake, BuildReport]:
    """Two days of every feed, built once for all tests; only `built` hands it out."""
    lake = make_lake(tmp_path_factory.mktemp("built"))
    lake.timetable(date(2026, 3, 2), stops=5)
    for day in (2, 3):
        fill(lake, date(2026, 3, day))
    return lake, lake.build(BUILT_AS_OF)


@pytest.fixture
def built(built_once: tuple[SmallLake, BuildReport], tmp_path: Path) -> tuple[SmallLake, BuildReport]:
    """A copy of that lake with its first report."""
    lake, report = built_once
    shutil.copytree(lake.home, tmp_path / "home")
    return replace(lake, home=tmp_path / "home", puts=list(lake.puts), said=[]), report
