"""The two commands, as a shell would call them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.simulator.cli import app
from infra.simulator.feeds import FEEDS
from ingestion.city_time import city_time
from ingestion.settings import Settings

runner = CliRunner()


def test_one_day(tmp_path: Path) -> None:
    result = runner.invoke(app, ["deliver", "--out", str(tmp_path), "--day", "2026-03-04"])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert len(lines) == len(FEEDS)
    assert "1 correction, 1 late" in lines[0]
    assert len(list((tmp_path / "drop/qxj/wx_station_hourly").iterdir())) == 26


def test_the_citys_time_is_what_a_lake_reads(tmp_path: Path) -> None:
    clock = tmp_path / "clock" / "time.txt"
    options = ["--out", str(tmp_path), "--day", "2026-03-02", "--clock", str(clock)]
    assert runner.invoke(app, ["deliver", *options]).exit_code == 0
    assert city_time(Settings(home=tmp_path, city_time=clock)).isoformat() == "2026-03-02T23:00:00+08:00"


def test_all_days_equal_the_library(tmp_path: Path, out: Path, contents: Callable[[Path], dict[str, bytes]]) -> None:
    assert runner.invoke(app, ["deliver", "--out", str(tmp_path), "--all"]).exit_code == 0
    assert runner.invoke(app, ["truth", "--out", str(tmp_path)]).exit_code == 0
    assert contents(tmp_path) == contents(out)


def test_options_reach_the_truth(tmp_path: Path) -> None:
    options = ["--seed", "7", "--start", "2027-01-04", "--days", "2", "--scale", "2"]
    assert runner.invoke(app, ["truth", "--out", str(tmp_path), *options]).exit_code == 0
    message = json.loads((tmp_path / "truth/truth.json").read_text())
    assert (message["seed"], message["start"], message["days"], message["scale"]) == (7, "2027-01-04", 2, 2)
    assert message["synthetic"] is True


@pytest.mark.parametrize("arguments", [["--day", "2026-03-09"], [], ["--all", "--day", "2026-03-02"]])
def test_a_day_outside_the_run_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    result = runner.invoke(app, ["deliver", "--out", str(tmp_path), *arguments])
    assert result.exit_code == 2
    assert not (tmp_path / "drop").exists()
