"""docs/cli.md: every command with its arguments and options, made from the commands themselves."""

from __future__ import annotations

from typing import Any

import typer
import typer.main

HEAD = """# Commands

Made by `make generate` from the commands themselves. Options before the command's name: `--home FOLDER` (all local
state; default `CITYLAKE_HOME`, else `.citylake`) and `--debug` (tracebacks).

Exit codes: 0 done, 1 an error was shown, 2 wrong usage, 3 some product is blocked (the others were published).
Results go to standard output, progress and problems to standard error.
"""


def reference(app: typer.Typer) -> str:
    """The whole page of an application, Markdown."""
    root: Any = typer.main.get_command(app)
    parts = [_section(f"citylake {name}", command) for name, command in sorted(leaves(root).items())]
    return "\n".join([HEAD, *parts])


def leaves(group: Any, prefix: str = "") -> dict[str, Any]:
    """Every runnable command by its full name, groups opened."""
    commands: dict[str, Any] = {}
    for name, command in group.commands.items():
        full = f"{prefix}{name}"
        is_group = hasattr(command, "commands")
        if not is_group or command.invoke_without_command:
            commands[full] = command
        if is_group:
            commands |= leaves(command, f"{full} ")
    return commands


def _section(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    usage = " ".join([name, *(_placeholder(p) for p in arguments), *(["[options]"] if options else [])])
    lines = [f"## {name}", "", f"`{usage}`", "", str(command.help).strip(), ""]
    rows = [(f"`{_placeholder(p)}`", p.help) for p in arguments] + [(_names(p), p.help) for p in options]
    if rows:
        lines += ["| | |", "|---|---|", *(f"| {what} | {_cell(help_)} |" for what, help_ in rows), ""]
    return "\n".join(lines)


def _placeholder(parameter: Any) -> str:
    name = (parameter.metavar or parameter.name).strip("[]").upper()
    return name if parameter.required else f"[{name}]"


def _names(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in parameter.opts)
    return names if parameter.is_flag else f"{names} {(parameter.metavar or parameter.name).upper()}"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("\n", " ")
