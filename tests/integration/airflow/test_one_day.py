"""One day of the city through a real Airflow: the rows are those of `citylake run`."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

from ingestion.lake import open_lake
from ingestion.settings import Settings
from tests.integration.airflow.conftest import Running
from tests.support.lake_rows import committed, rows
from warehouse.reconcile.run import reconcile
from warehouse.run import run

FIRST = date(2026, 3, 2)


def test_a_day_through_airflow_equals_the_same_day_without_it(running: Running, tmp_path: Path) -> None:
    running.days.run(FIRST)
    assert set(running.days.done[str(FIRST)].values()) == {"passed"}
    secrets = running.lake.settings.pseudonym_keys_path
    (tmp_path / "secrets").mkdir(mode=0o700)
    shutil.copy2(secrets, tmp_path / "secrets" / secrets.name)
    beside = open_lake(Settings(home=tmp_path, drop=running.lake.settings.drop_root))
    run(beside, FIRST)
    assert committed(running.lake) == committed(beside)
    assert rows(running.lake) == rows(beside)
    assert not reconcile(running.lake, deep=True).off
    assert running.stack.api().get("/importErrors")["import_errors"] == []
