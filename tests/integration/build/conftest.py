"""Lakes for builds, made by tests.integration.build.small_lake."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from tests.integration.build.small_lake import BUILT_AS_OF, SmallLake, open_lake
from warehouse.build.report import BuildReport


@pytest.fixture
def small_lake(tmp_path: Path) -> SmallLake:
    """An empty lake of one test."""
    return SmallLake(open_lake(tmp_path / "home"))


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallLake, BuildReport]:
    """Two days of every feed, built once for all tests; only `built` hands it out."""
    made = SmallLake(open_lake(tmp_path_factory.mktemp("built")))
    for day in (2, 3):
        made.fill(date(2026, 3, day))
    return made, made.build(BUILT_AS_OF)


@pytest.fixture
def built(built_once: tuple[SmallLake, BuildReport], tmp_path: Path) -> tuple[SmallLake, BuildReport]:
    """A copy of that lake with its first report."""
    made, report = built_once
    shutil.copytree(made.home, tmp_path / "home")
    return SmallLake(open_lake(tmp_path / "home")), report
