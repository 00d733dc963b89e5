"""`make demo` as a program: one day to a release, and a second call that has nothing to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def _demo(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infra.demo", "--home", str(home), "--once", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def _objects(home: Path) -> set[str]:
    return {path.as_posix() for path in (home / "lake").rglob("*") if path.is_file()}


@pytest.mark.slow
def test_one_day_reaches_a_release_and_is_not_done_twice(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = _demo(home, "--days", "1")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Every value is synthetic." in first.stdout
    assert "rules broken by refused rows" in first.stdout
    assert "published" in first.stdout
    before = _objects(home)
    second = _demo(home, "--days", "1")
    assert second.returncode == 0, second.stdout + second.stderr
    assert "done before" in second.stdout
    assert "current internal release: 2" in second.stdout
    assert _objects(home) == before

    program = "import sys; from warehouse.cli import main; sys.exit(main(sys.argv[1:]))"
    query = "select count(*) as rows from fct_weather_hourly"
    asked = subprocess.run(
        [sys.executable, "-c", program, "--home", str(home), "sql", "--json", "-c", query],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    assert '"rows"' in asked.stdout
    assert "SYNTHETIC" in asked.stderr
