"""`make generate`: rewrite every file that is made from something else; `--check` only compares.

Owns the list of generated files. Each is made by the module that owns its content.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parents[1]


def generated() -> dict[Path, str]:
    """Path to the text it must have: docs/cli.md, and in the dbt project what contracts, declarations, checks give."""
    from infra.cli import application
    from ingestion.contract.load import load_contracts
    from warehouse.cli.reference import reference
    from warehouse.modelling.files import generated_files
    from warehouse.modelling.identifier_macros import identifier_files

    project = ROOT / "dbt_project"
    models = generated_files(load_contracts(ROOT / "ingestion" / "contracts"), project)
    return {ROOT / "docs" / "cli.md": reference(application()), **models, **identifier_files(project)}


def stale(files: dict[Path, str], project: Path = ROOT / "dbt_project") -> list[Path]:
    """Those whose text on disk differs or that are missing, and generated dbt files that nothing asks for any more."""
    from warehouse.modelling.files import generated_paths
    from warehouse.modelling.identifier_macros import identifier_paths

    present = generated_paths(project) | identifier_paths(project)
    differing = [path for path, text in files.items() if not path.is_file() or path.read_text("utf-8") != text]
    return sorted({*differing, *(present - files.keys())})


def command(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 when a file is stale.")] = False,
) -> None:
    """Rewrite generated files."""
    from ingestion.errors import CitylakeError

    try:
        files = generated()
    except CitylakeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
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
