"""A process of its own that sweeps or reports, and may kill itself at a step.

Usage: incident_child.py HOME URL (sweep|report) [--die STEP] [--wait FILE]
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ingestion.settings import Settings
from tests.support.lakes import contract, lake
from warehouse.incidents.report import report
from warehouse.incidents.sweep import sweep

FEED = "office.readings"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("url")
    parser.add_argument("verb", choices=["sweep", "report"])
    parser.add_argument("--die")
    parser.add_argument("--wait", type=Path)
    args = parser.parse_args()

    def step(name: str) -> None:
        if name == args.die:
            os.kill(os.getpid(), signal.SIGKILL)

    now = datetime(2026, 3, 3, 12, tzinfo=UTC)
    made = lake(args.home, contracts={FEED: contract()}, clock=lambda: now, on_step=step)
    made = replace(made, settings=Settings(home=args.home, webhook_url=args.url, notice_attempts=1))
    while args.wait and not args.wait.exists():
        time.sleep(0.005)
    if args.verb == "sweep":
        sweep(made)
    else:
        report(made, "task_failed", FEED, "exit 1")
    return 0


if __name__ == "__main__":
    sys.exit(main())
