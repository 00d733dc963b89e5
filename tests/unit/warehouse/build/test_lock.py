"""One writer, and who it is."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ingestion.errors import LakeBusy
from ingestion.locks import FileLocks
from tests.support.lakes import lake
from warehouse.build.lock import build_lock, building

HOLD = """
import sys
from pathlib import Path
from warehouse.build.lock import build_lock
with build_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_named(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LakeBusy) as refused, build_lock(tmp_path):
            pass
        other.communicate("")
    text = str(refused.value)
    assert f"process {other.pid} on {socket.gethostname()} since 20" in text
    assert "CITYLAKE_LOCK_TIMEOUT_SECONDS" in text


def test_the_lock_of_a_dead_process_is_free(tmp_path: Path) -> None:
    code = HOLD.replace('print("held", flush=True)', "import os; os._exit(9)")
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert (tmp_path / "build.lock.holder").is_file()
    with build_lock(tmp_path):
        assert f'"pid": {os.getpid()}' in (tmp_path / "build.lock.holder").read_text(encoding="utf-8")
    assert not (tmp_path / "build.lock.holder").exists()


def test_a_lock_without_a_note_is_still_a_lock(tmp_path: Path) -> None:
    with build_lock(tmp_path):
        (tmp_path / "build.lock.holder").unlink()
        with pytest.raises(LakeBusy, match="not written yet"), build_lock(tmp_path):
            pass


def test_one_build_at_a_time_on_all_hosts_and_of_a_build_file(tmp_path: Path) -> None:
    """Two homes have two build files; the locks of the whole lake are one."""
    one, other = lake(tmp_path / "one"), lake(tmp_path / "other")
    shared = FileLocks(tmp_path / "locks")
    with building(replace(one, locks=shared)):
        with (
            pytest.raises(LakeBusy, match="another host is building or publishing"),
            building(replace(other, locks=shared)),
        ):
            pytest.fail("two build")
        with pytest.raises(LakeBusy, match="another build is running"), building(one):
            pytest.fail("two build")
    with building(replace(other, locks=shared)):
        shared.require_held("build")
