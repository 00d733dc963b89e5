"""A publication killed at any write leaves a whole release current, and running it again repairs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.small_city import SmallCity
from warehouse import sql
from warehouse.build.report import BuildReport
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.release import ledger, pointer
from warehouse.release.collect import collect, orphans
from warehouse.release.layout import EDITIONS
from warehouse.verdict import Verdict

pytestmark = pytest.mark.faults

REPO = Path(__file__).resolve().parents[3]
WRITES = 13
"""Two fact files, then per edition: warehouse, open.sql, (open: record,) manifest, pointer, ledger."""


def prepared(home: Path) -> tuple[SmallCity, BuildReport, list[Verdict]]:
    """One release, one more day built and judged, report and verdicts on disk for the child."""
    city = SmallCity(home)
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
