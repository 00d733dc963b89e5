"""`make demo` without download time: seconds of a first call and of a second one, objects before and after.

usage: python -m bench.demo [--days 5]

The second call has nothing to do: it must add no object to the store.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer


def _objects(home: Path) -> int:
    return sum(1 for path in (home / "lake").rglob("*") if path.is_file())


def _timed(home: Path, days: int) -> tuple[float, int]:
    started = time.perf_counter()
    command = [sys.executable, "-m", "infra.demo", "--home", str(home), "--days", str(days), "--once"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started, _objects(home)


def main(days: Annotated[int, typer.Option(min=1, help="Days of the city.")] = 5) -> None:
    """Print one line a call."""
    with tempfile.TemporaryDirectory(prefix="citylake-bench-") as folder:
        typer.echo("| call | seconds | objects in the store |\n|---|---|---|")
        for name in ("first", "second"):
            seconds, objects = _timed(Path(folder), days)
            typer.echo(f"| {name} | {seconds:.1f} | {objects} |")


if __name__ == "__main__":
    typer.run(main)
