"""The command reference names every command and every option."""

from __future__ import annotations

import typer.main

from infra.cli import application
from warehouse.cli.reference import leaves, reference


def test_every_command_and_option_is_in_the_reference() -> None:
    text = reference(application())
    commands = leaves(typer.main.get_command(application()))
    assert len(commands) > 15
    for name, command in commands.items():
        section = text.split(f"## citylake {name}\n", 1)[1].split("\n## ", 1)[0]
        assert command.help.strip() in section
        for option in (o for p in command.params if p.param_type_name == "option" for o in p.opts):
            assert option in ("--help", "-h") or f"`{option}`" in section, (name, option)


def test_every_option_says_what_it_does() -> None:
    for name, command in leaves(typer.main.get_command(application())).items():
        assert all(p.help for p in command.params), name
