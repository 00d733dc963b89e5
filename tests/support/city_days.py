"""Whole days of the simulated city on any store: one folder of deliveries, any number of lakes that take them in."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from warehouse.release import pointer
from warehouse.release.layout import EDITIONS

FIRST = date(2026, 3, 2)
KEY = "5a" * 32


def deliver(city: Path, days: int, first: date = FIRST) -> list[date]:
    """The departments' files of so many days, below `city`; the days."""
    made = [first + timedelta(days=offset) for offset in range(days)]
    for day in made:
        command = [sys.executable, "-m", "infra.simulator", "deliver", "--out", str(city), "--day", str(day)]
        subprocess.run(command, check=True, capture_output=True)
    return made


def opened(settings: Settings, city: Path) -> Lake:
    """The lake of the settings on the shared deliveries; pseudonym key and clock are fixed: equal input, equal rows."""
    given = settings.model_copy(update={"drop": city / "drop", "pseudonym_key": SecretStr(KEY)})
    return replace(open_lake(given), clock=lambda: datetime(2026, 3, 20, 4, tzinfo=UTC))


def released_content(lake: Lake) -> dict[str, tuple[int, str, tuple[tuple[str, int, str], ...]]]:
    """Per edition and table: rows, hash of the rows, and both per day of a fact."""
    found = {}
    for edition in EDITIONS:
        manifest = pointer.current(lake, edition)
        for name, entry in manifest.tables.items() if manifest else ():
            days = tuple((file.day, file.rows, file.content) for file in entry.files)
            found[f"{edition}.{name}"] = (entry.rows, entry.content, days)
    return found
