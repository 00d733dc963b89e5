"""Killed at any write of an ingest or a publication on S3: the pointer moved last, the next run repairs.

The same steps as for the folder store (tests/integration/test_ingest_faults.py, tests/integration/release).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.delivery.ingest import ingest_file
from ingestion.settings import Settings
from ingestion.upkeep.collect import collect as collect_ingestion
from tests.integration.store.conftest import bucket_of
from tests.support.lakes import contract, counted, day, drop, lake, rows
from tests.support.s3_servers import REPO, S3Server
from tests.support.small_city import SmallCity
from warehouse import sql
from warehouse.gate.decide import gate
from warehouse.publish.run import publish
from warehouse.release import ledger, pointer
from warehouse.release.collect import collect, orphans
from warehouse.release.layout import EDITIONS

pytestmark = pytest.mark.faults

WRITES = 13
"""Two fact files, then per edition: warehouse, open.sql, (open: record,) manifest, pointer, ledger."""
STEPS = ("landed_payload", "landed_manifest", "conformed", "stored_bronze", "stored_quarantine", "committed", "fold")


def on_s3(server: S3Server, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process and its children find the store in their environment."""
    settings = bucket_of(server, home)
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if name == "store" or (name.startswith("s3_") and value is not None):
            text = value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
            monkeypatch.setenv(f"CITYLAKE_{name.upper()}", text)


def ended(script: str, *arguments: object) -> int:
    command = [sys.executable, str(REPO / "tests" / "support" / script), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=120).returncode


def days(city: SmallCity, edition: str) -> int:
    table = "pub_weather" if edition == "open" else "fct_weather"
    with sql.connect(city.lake, edition) as connection:
        counted = sql.query(connection, f"select count(distinct observed_date) as n from {table}")
    return int(counted["n"][0].as_py())


@pytest.mark.parametrize("write", range(1, WRITES + 2))
def test_a_publication_killed_before_each_write(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    on_s3(server, tmp_path / "home", monkeypatch)
    city = SmallCity(tmp_path / "home")
    report = city.build()
    publish(city.lake, report, gate(city.lake, report), approver=None)
    city.add_day("2026-03-05")
    report = city.build()
    verdicts = gate(city.lake, report)
    report.save(city.lake.settings.state_root / "report.json")
    text = json.dumps([v.model_dump(mode="json") for v in verdicts])
    (city.lake.settings.state_root / "verdicts.json").write_text(text, encoding="utf-8")
    before = {edition: pointer.pointer(city.lake.store, edition) for edition in EDITIONS}
    assert ended("killed_publish.py", city.home, write) == (-signal.SIGKILL if write <= WRITES else 0)
    for edition in EDITIONS:
        moved = pointer.pointer(city.lake.store, edition) != before[edition]
        assert days(city, edition) == (4 if moved else 3)
    publish(city.lake, report, verdicts, approver=None)
    for edition in EDITIONS:
        assert [line.event for line in ledger.verify_ledger(city.lake, edition)] == ["published", "published"]
        collect(city.lake, edition)
        assert orphans(city.lake, edition) == []
        assert days(city, edition) == 4


@pytest.mark.parametrize("step", STEPS)
def test_an_ingest_killed_at_a_step(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    on_s3(server, tmp_path / "home", monkeypatch)
    made = lake(tmp_path / "home")
    path = drop(made, "readings.csv", rows("abc") + "d,2026-03-02,bad\n")
    assert ended("child.py", tmp_path / "home", path, "--die", step) == -signal.SIGKILL
    was_committed = step in ("committed", "fold")
    assert counted(made) == (dict.fromkeys("abc", 1) if was_committed else {})
    again = ingest_file(made, contract(), path, day(0))
    assert again.outcome == ("duplicate" if was_committed else "accepted")
    assert counted(made) == dict.fromkeys("abc", 1)
    assert len(list(made.store.list("receipts/"))) == 1
    later = replace(made, clock=lambda: datetime.now(UTC) + timedelta(minutes=1))
    assert collect_ingestion(later, grace=timedelta(0)).unfinished == []
    assert counted(made) == dict.fromkeys("abc", 1)
    assert len(list(made.store.list("bronze/"))) == len(list(made.store.list("quarantine/"))) == 1
