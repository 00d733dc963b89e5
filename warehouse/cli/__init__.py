"""The command line `citylake`. `main` is the entry point; each module below holds one group of commands.

Commands decide nothing: they open the lake, call one function of `ingestion` or `warehouse`, and
show what it gave. Imports happen inside commands, so that `citylake --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0 done, 1 an error was shown, 2 wrong usage, 3 some product is blocked."""
    from warehouse.cli.boundary import run_command

    return run_command(arguments)
