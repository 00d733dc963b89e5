"""Lakes for builds, made by tests.integration.build.small_lake."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ingestion.contract.load import load_contracts
from ingestion.settings import Settings
from tests.integration.build.small_lake import SmallLake, fill


@pytest.fixture
def small_lake(tmp_path: Path) -> SmallLake:
    """An empty lake with the shipped contracts."""
    settings = Settings(home=tmp_path / "home")
    return SmallLake(tmp_path / "lake", tmp_path / "home", load_contracts(settings.contracts))


@pytest.fixture
def filled(small_lake: SmallLake) -> SmallLake:
    """Two days of every feed."""
    small_lake.timetable(date(2026, 3, 2), stops=5)
    for day in (2, 3):
        fill(small_lake, date(2026, 3, day))
    return small_lake
