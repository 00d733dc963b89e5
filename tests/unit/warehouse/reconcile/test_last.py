"""The result of the last reconciliation is kept for people to look at, with everything that is off."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingestion import keys
from tests.support.lakes import lake as small_lake
from warehouse.reconcile import last as kept
from warehouse.reconcile.run import Reconciliation
from warehouse.reconcile.steps import compare

NOW = datetime(2026, 3, 5, 4, tzinfo=UTC)


def test_the_newest_result_is_kept_with_counts_by_step(tmp_path: Path) -> None:
    lake = small_lake(tmp_path, clock=lambda: NOW)
    assert kept.last(lake) is None
    rows = [compare("raw", 1, 1), compare("raw", 2, 1, feed="office.readings", reason="lost"), compare("bronze", 3, 3)]
    kept.keep(lake, Reconciliation(rows=rows[:1]), deep=False)
    assert kept.keep(lake, Reconciliation(rows=rows), deep=True) == kept.last(lake)
    last = kept.last(lake)
    assert last is not None
    assert [(step.step, step.compared, step.off) for step in last.steps] == [("raw", 2, 1), ("bronze", 1, 0)]
    assert (last.at, last.deep, last.off, last.left_out, last.ok) == (NOW, True, [rows[1]], 0, False)


def test_of_very_many_the_rest_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "LONGEST", 2)
    rows = [compare("raw", number, 0) for number in range(1, 6)]
    last = kept.keep(small_lake(tmp_path), Reconciliation(rows=rows), deep=False)
    assert (last.off, last.left_out) == (rows[:2], 3)


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    lake = small_lake(tmp_path)
    kept.keep(lake, Reconciliation(rows=[]), deep=False)
    assert keys.RECONCILIATION in keys.PRIVATE
    assert (lake.settings.lake_root / keys.RECONCILIATION).stat().st_mode & 0o077 == 0
