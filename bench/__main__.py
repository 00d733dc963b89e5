"""`make bench`: every comparison, one after the other."""

from __future__ import annotations

import subprocess
import sys

SCRIPTS = ("conform", "one_more_day", "release", "nothing_new", "demo")


def main() -> int:
    """Run each in a process of its own; the number that failed."""
    failed = 0
    for script in SCRIPTS:
        sys.stdout.write(f"\n## {script}\n\n")
        sys.stdout.flush()
        failed += subprocess.run([sys.executable, "-m", f"bench.{script}"], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
