"""Taking expired records out, killed at any write: whole releases, and the next call does the rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.notices import FIRST, built, notice_city, public, published, set_date, shown
from tests.support.small_city import SmallCity
from warehouse.gate.decide import gate
from warehouse.publish.leave import unpublish
from warehouse.publish.run import publish
from warehouse.reconcile.run import reconcile
from warehouse.release import ledger
from warehouse.release.collect import collect, orphans

pytestmark = pytest.mark.faults

REPO = Path(__file__).resolve().parents[3]
NOTICES = {"one": FIRST + timedelta(days=1), "two": FIRST + timedelta(days=2), "never": None}
WRITES = 12
"""Of `unpublish`: file, open.sql, record, manifest, pointer, ledger; of each of two older releases ledger, sentence,
file."""
PUBLISH_WRITES = 12
"""Of `publish`, which has nothing new for the internal edition: the same."""


def prepared(home: Path) -> SmallCity:
    """Two releases that hold a record whose day has come, and a build in which its product is blocked."""
    city = notice_city(home, dict(NOTICES))
    published(city, built(city))
    city.notices = {**NOTICES, "new": None}
    published(city, built(city))
    report = built(city, blocked=True)
    publish(city.lake, report, gate(city.lake, report), approver=None)
    report.save(city.lake.settings.state_root / "report.json")
    set_date(city.lake, FIRST + timedelta(days=1))
    text = json.dumps([verdict.model_dump(mode="json") for verdict in gate(city.lake, report)])
    (city.lake.settings.state_root / "verdicts.json").write_text(text, encoding="utf-8")
    return city


def killed(city: SmallCity, write: int, what: str) -> int:
    script = REPO / "tests" / "support" / "killed_publish.py"
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    command = [sys.executable, str(script), str(city.home), str(write), what]
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode


def holding(city: SmallCity) -> list[str]:
    return [key for key, rows in public(city.lake).items() if "one" in rows]


@pytest.mark.parametrize("what", ["unpublish", "publish"])
@pytest.mark.parametrize("write", range(1, WRITES + 1))
def test_killed_before_each_write(tmp_path: Path, write: int, what: str) -> None:
    city = prepared(tmp_path / "lake-home")
    assert killed(city, write, what) == -signal.SIGKILL
    assert set(shown(city.lake)) in ({"one", "two", "never", "new"}, {"two", "never", "new"})
    unpublish(city.lake)
    assert set(shown(city.lake)) == {"two", "never", "new"}
    assert holding(city) == []
    lines = ledger.verify_ledger(city.lake, "open")
    assert [line.event for line in lines] == ["published"] * 3 + ["withdrawn"] * 2
    assert len({line.release for line in lines if line.event == "withdrawn"}) == 2
    assert not [row for row in reconcile(city.lake).off if row.step == "release"]
    collect(city.lake, "open")
    assert orphans(city.lake, "open") == []
    assert set(shown(city.lake)) == {"two", "never", "new"}


@pytest.mark.parametrize(("what", "writes"), [("unpublish", WRITES), ("publish", PUBLISH_WRITES)])
def test_these_are_all_writes(tmp_path: Path, what: str, writes: int) -> None:
    city = prepared(tmp_path / "lake-home")
    assert killed(city, writes + 1, what) == 0
    assert set(shown(city.lake)) == {"two", "never", "new"}
    assert holding(city) == []
