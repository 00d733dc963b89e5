"""The command line `citylake`. `main` is the entry point; each module below holds one group of commands.

A command opens the lake, calls a function of `ingestion` or `warehouse` and shows its result. Modules are imported
inside commands, so that `citylake --help` is fast.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0 done, 1 an error was shown, 2 wrong usage, 3 some product is blocked."""
    from warehouse.cli.boundary import run_command

    return run_command(arguments)
