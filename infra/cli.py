"""The command `citylake`: the lake's own commands together with those of the local stack.

Both meet here, since `warehouse` imports nothing of `infra`.
"""

from __future__ import annotations

from collections.abc import Sequence

import typer


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is that of warehouse.cli.main."""
    from warehouse.cli.boundary import run_command

    return run_command(arguments, application())


def application() -> typer.Typer:
    """The application with every command."""
    from infra.stack import cli as stack
    from warehouse.cli.app import app

    registered = {command.name for command in app.registered_commands}
    if "up" not in registered:
        stack.register(app)
    return app
