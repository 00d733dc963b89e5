"""dbt in a process that ends at once, as Airflow's forked tasks do: nothing of the system is left to be cleaned up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROJECT = "name: tiny\nconfig-version: 2\nversion: 1.0.0\nprofile: tiny\nflags: {send_anonymous_usage_stats: false}\n"
_PROFILE = "tiny: {{target: t, outputs: {{t: {{type: duckdb, path: '{path}', threads: 1}}}}}}\n"
_TASK = """
import os, sys
from pathlib import Path
import dbt.adapters.duckdb.impl, dbt.cli.main
from warehouse.build.dbt_runner import Dbt, DbtFolders, freeing_dbt

def build(root):
    dbt = Dbt(DbtFolders(root / "project", root, root / "target", root / "logs"), print)
    dbt.parse()
    assert [one.status for one in dbt.run(["one"], full_refresh=True)] == ["success"]

child = os.fork()
if not child:
    with freeing_dbt():
        build(Path(sys.argv[1]))
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_task_that_ran_dbt_leaves_no_semaphores(tmp_path: Path) -> None:
    (tmp_path / "project" / "models").mkdir(parents=True)
    (tmp_path / "project" / "dbt_project.yml").write_text(_PROJECT)
    (tmp_path / "project" / "models" / "one.sql").write_text("select 1 as one")
    (tmp_path / "profiles.yml").write_text(_PROFILE.format(path=tmp_path / "b.duckdb"))
    done = subprocess.run(
        [sys.executable, "-W", "default::UserWarning", "-c", _TASK, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "resource_tracker" not in done.stderr
