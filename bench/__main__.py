"""`make bench`: every comparison, one after the other."""

from __future__ import annotations

import subprocess
import sys

SCRIPTS = (
    ("conform", "--rows", "5000000", "--dlt", ".venv-dlt/bin/python"),
    ("conform", "--rows", "20000000", "--times", "3"),
    ("one_more_day",),
    ("build",),
    ("ndjson", "--rows", "1000000"),
    ("ndjson", "--rows", "12000000", "--times", "1"),
    ("fhir",),
    ("hl7_messages",),
    ("xml_records",),
    ("release",),
    ("compaction",),
    ("nothing_new",),
    ("demo",),
    ("small_files",),
    ("load",),
    ("locks",),
    ("exchange",),
    ("credit_history",),
    ("credit_history", "--products", "health_record", "health_reference"),
    ("today",),
    ("small_cells",),
    ("store",),
    ("airflow",),
)


def main() -> int:
    """Run each in a process of its own; the number that failed."""
    failed = 0
    for script in SCRIPTS:
        name, *options = script
        sys.stdout.write(f"\n## {' '.join(script)}\n\n")
        sys.stdout.flush()
        failed += subprocess.run([sys.executable, "-m", f"bench.{name}", *options], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
