"""`citylake --help` loads no engine: what is slow to import waits until a command needs it."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("airflow", "dbt", "duckdb", "numpy", "pyarrow", "pydantic", "rich", "yaml")


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from warehouse.cli import main\n"
        "code = main(['--help'])\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit(f'loaded {loaded}' if loaded else code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Take a day from files to a release." in done.stdout
