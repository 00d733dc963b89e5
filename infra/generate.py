"""`make generate`: rewrite every file that is made from something else; `--check` only compares.

Owns the list of generated files. Each is made by the module that owns its content.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parents[1]


def generated() -> dict[Path, str]:
    """Path to the text it must have: docs/cli.md and the dbt sources of the shipped contracts."""
    from infra.cli import application
    from ingestion.contract.load import load_contracts
    from warehouse.build.generate import source_files
    from warehouse.cli.reference import reference

    sources = source_files(load_contracts(ROOT / "ingestion" / "contracts"), ROOT / "dbt_project")
    return {ROOT / "docs" / "cli.md": reference(application()), **sources}


def stale(files: dict[Path, str]) -> list[Path]:
    """Those whose text on disk differs or that are missing, and source files no contract asks for."""
    present = set((ROOT / "dbt_project" / "models" / "staging").glob("*/_*__sources.yml"))
    differing = [path for path, text in files.items() if not path.is_file() or path.read_text("utf-8") != text]
    return sorted({*differing, *(present - files.keys())})


def command(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 when a file is stale.")] = False,
) -> None:
    """Rewrite generated files."""
    files = generated()
    old = stale(files)
    for path in old:
        if check:
            typer.echo(f"stale, run `make generate`: {path.relative_to(ROOT)}")
        elif path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], encoding="utf-8")
            typer.echo(f"wrote {path.relative_to(ROOT)}")
        else:
            path.unlink()
            typer.echo(f"removed {path.relative_to(ROOT)}")
    if not old:
        typer.echo("generated files are up to date")
    elif check:
        raise typer.Exit(1)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command)
    app()
