"""A publication killed at any write leaves a whole release current, and running it again repairs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from ingestion.sql import literal
from tests.support.small_city import SmallCity
from warehouse import sql
from warehouse.build.report import BuildReport
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.release import ledger, pointer
from warehouse.release.collect import collect, orphans
from warehouse.release.editions import of_lake
from warehouse.release.layout import EDITIONS
from warehouse.verdict import Verdict

pytestmark = pytest.mark.faults

REPO = Path(__file__).resolve().parents[3]
WRITES = 13
"""Two fact files, then per edition: warehouse, open.sql, (open: record,) manifest, pointer, ledger."""


FOOD, WEATHER = "restricted/food", "restricted/weather"
RESTRICTED_WRITES = 23
"""Per edition: (restricted: one fact file,) warehouse, open.sql, (open: record,) manifest, pointer, ledger."""


def prepared(home: Path, restricted: set[str] | None = None) -> tuple[SmallCity, BuildReport, list[Verdict]]:
    """One release, one more day built and judged, report and verdicts on disk for the child."""
    city = SmallCity(home, restricted=restricted or set())
    report = city.build()
    publish(city.lake, report, gate(city.lake, report), approver=None)
    city.add_day("2026-03-05")
    report = city.build()
    verdicts = gate(city.lake, report)
    report.save(city.lake.settings.state_root / "report.json")
    text = json.dumps([v.model_dump(mode="json") for v in verdicts])
    (city.lake.settings.state_root / "verdicts.json").write_text(text, encoding="utf-8")
    return city, report, verdicts


def killed(city: SmallCity, write: int) -> int:
    script = REPO / "tests" / "support" / "killed_publish.py"
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    command = [sys.executable, str(script), str(city.home), str(write)]
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode


def days(city: SmallCity, edition: str) -> int:
    table = "pub_weather" if edition == "open" else "fct_weather"
    with sql.connect(city.lake, edition) as connection:
        counted = sql.query(connection, f"select count(distinct observed_date) as n from {table}")
    return int(counted["n"][0].as_py())


@pytest.mark.parametrize("write", range(1, WRITES + 1))
def test_killed_before_each_write(tmp_path: Path, write: int) -> None:
    city, report, verdicts = prepared(tmp_path / "lake-home")
    before = {edition: pointer.pointer(city.lake.store, edition) for edition in EDITIONS}
    assert killed(city, write) == -signal.SIGKILL
    for edition in EDITIONS:
        moved = pointer.pointer(city.lake.store, edition) != before[edition]
        assert days(city, edition) == (4 if moved else 3)
    publish(city.lake, report, verdicts, approver=None)
    for edition in EDITIONS:
        assert days(city, edition) == 4
        lines = ledger.verify_ledger(city.lake, edition)
        assert [line.event for line in lines] == ["published", "published"]
        collect(city.lake, edition)
        assert orphans(city.lake, edition) == []
        assert days(city, edition) == 4


def test_the_last_write_is_the_thirteenth(tmp_path: Path) -> None:
    city, _, _ = prepared(tmp_path / "lake-home")
    assert killed(city, WRITES + 1) == 0
    assert {edition: days(city, edition) for edition in EDITIONS} == {"internal": 4, "open": 4}


def restricted_days(city: SmallCity, edition: str) -> int:
    """Days that readers of an edition see; in each of them a file of the release or a fact file says so."""
    manifest = pointer.current(city.lake, edition)
    assert manifest is not None
    with closing(duckdb.connect()) as connection:
        url = city.lake.store.url(manifest.warehouse.key)
        connection.execute(f"attach {literal(url)} as released (read_only)")
        table, column = {
            FOOD: ("fct_inspection", "inspected_date"),
            WEATHER: ("fct_weather", "observed_date"),
            "internal": ("pub_weather", "observed_date"),
            "open": ("pub_weather", "observed_date"),
        }[edition]
        (counted,) = connection.execute(f"select count(distinct {column}) from released.main.{table}").fetchall()
    return int(counted[0])


@pytest.mark.parametrize("write", [*range(1, RESTRICTED_WRITES + 1, 3), RESTRICTED_WRITES])
def test_killed_with_restricted_editions(tmp_path: Path, write: int) -> None:
    """Each pointer moves by itself: what readers of one edition see is a whole release, old or new."""
    city, report, verdicts = prepared(tmp_path / "lake-home", {"fct_weather", "fct_inspection"})
    every = of_lake(city.lake.store)
    assert every == ["internal", "open", FOOD, WEATHER]
    before = {edition: pointer.pointer(city.lake.store, edition) for edition in every}
    assert killed(city, write) == -signal.SIGKILL
    moved = [edition for edition in every if pointer.pointer(city.lake.store, edition) != before[edition]]
    assert moved == every[: len(moved)]
    for edition in every:
        assert restricted_days(city, edition) == (4 if edition in moved else 3)
    publish(city.lake, report, verdicts, approver=None)
    for edition in every:
        assert restricted_days(city, edition) == 4
        assert [line.event for line in ledger.verify_ledger(city.lake, edition)] == ["published", "published"]
        collect(city.lake, edition)
        assert orphans(city.lake, edition) == []
        assert restricted_days(city, edition) == 4


def test_the_last_write_with_restricted_editions(tmp_path: Path) -> None:
    city, _, _ = prepared(tmp_path / "lake-home", {"fct_weather", "fct_inspection"})
    assert killed(city, RESTRICTED_WRITES + 1) == 0
    assert {edition: restricted_days(city, edition) for edition in of_lake(city.lake.store)} == {
        "internal": 4, "open": 4, FOOD: 4, WEATHER: 4,
    }  # fmt: skip
