"""`make demo` as a program: a day through Airflow to a release, left running, ended by Ctrl-C; and again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from infra.simulator.planted import UNRESOLVED
from ingestion.lake import open_lake
from ingestion.settings import Settings
from tests.support.dbt_files import DbtFiles
from warehouse.status.read import read_status

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1500)]

ROOT = Path(__file__).resolve().parents[3]
FACTS = [name for name in DbtFiles(ROOT / "dbt_project").models if name.startswith("fct_")]
START_SECONDS = 900


def _command(home: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "infra.demo", "--home", str(home), "--days", "1", *options]


def _objects(home: Path) -> set[str]:
    return {path.as_posix() for path in (home / "lake").rglob("*") if path.is_file()}


def test_a_day_reaches_a_release_stays_up_until_ctrl_c_and_is_not_done_twice(tmp_path: Path) -> None:
    home, message = tmp_path / "home", tmp_path / "told.txt"
    with message.open("wb") as output:
        demo = subprocess.Popen(
            _command(home), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            deadline = time.monotonic() + START_SECONDS
            while "Ctrl-C ends all of it." not in message.read_text(encoding="utf-8"):
                assert demo.poll() is None, message.read_text(encoding="utf-8")
                assert time.monotonic() < deadline, message.read_text(encoding="utf-8")
                time.sleep(0.5)
            stack = json.loads((home / "stack" / "stack.json").read_text(encoding="utf-8"))
            pages = httpx.get(f"http://127.0.0.1:{stack['ports']['pages']}/")
            assert "市级数据湖" in pages.text
            assert "every value is synthetic" in pages.text
            health = httpx.get(f"http://127.0.0.1:{stack['ports']['airflow']}/api/v2/monitor/health").json()
            assert health["scheduler"]["status"] == "healthy"
            _listens_on_loopback_only(stack)
            demo.send_signal(signal.SIGINT)
            assert demo.wait(timeout=120) == 130
        finally:
            demo.terminate()
            demo.wait(timeout=120)
    said = message.read_text(encoding="utf-8")
    for part in (
        "Every value is synthetic.",
        "rules broken by refused rows",
        "current internal release: 2",
        "dbt docs",
        "/today/",
        "steward: ",
    ):
        assert part in said
    _leaves_something_to_do(home, said)
    assert not [one for one in stack["running"] if psutil.pid_exists(one["pid"])]

    before = _objects(home)
    second = subprocess.run(_command(home, "--once"), cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "done before" in second.stdout
    assert _objects(home) == before

    program = "import sys; from warehouse.cli import main; sys.exit(main(sys.argv[1:]))"
    query = f"select count(*) as rows from {next(iter(FACTS))}"
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


def _leaves_something_to_do(home: Path, said: str) -> None:
    """A feed that is late and one whose correction waits, as planted, are on the page and in what was printed."""
    planted = {"absent": "late", "lost": "held"}
    expected = {entry.feed: planted[entry.kind] for entry in UNRESOLVED if entry.kind in planted}
    status = read_status(open_lake(Settings.at(home)))
    assert {line.feed: line.state for line in status.feeds if line.state not in ("good", "never")} == expected
    for feed, state in expected.items():
        assert any(line.split()[:2] == [state, feed] for line in said.splitlines()), (state, feed)


def _listens_on_loopback_only(stack: dict[str, list[dict[str, int]]]) -> None:
    addresses = set()
    for one in stack["running"]:
        process = psutil.Process(one["pid"])
        for member in [process, *process.children(recursive=True)]:
            found = member.net_connections(kind="tcp")
            addresses |= {connection.laddr.ip for connection in found if connection.status == psutil.CONN_LISTEN}
    assert addresses == {"127.0.0.1"}
