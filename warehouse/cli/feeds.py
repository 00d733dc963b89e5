"""`citylake feed new`: the files of a new feed from one a department sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from warehouse.cli.output import write
from warehouse.cli.session import Session

app = typer.Typer(help="Feeds: start a new one.", no_args_is_help=True)


@app.callback()
def feed() -> None:
    """Feeds: start a new one."""


@app.command("new")
def new_command(
    context: typer.Context,
    sample: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file as the department sends it.")],
    department: Annotated[str, typer.Option("--department", help="Short name of the department.")],
    feed: Annotated[str, typer.Option("--feed", help="Short name of the feed.")],
    title: Annotated[str | None, typer.Option("--title", help="中文名称.")] = None,
    about: Annotated[str | None, typer.Option("--about", help="What a record is, in English.")] = None,
    product: Annotated[
        str | None, typer.Option("--product", help="Data product it belongs to; default the department.")
    ] = None,
) -> None:
    """Write the files of a new feed: contract, staging, fact, simulated department. Overwrites nothing."""
    from ingestion.authoring.known import Known
    from ingestion.contract.load import load_contracts
    from ingestion.settings import PROJECT_ROOT
    from warehouse.modelling.files import write_generated
    from warehouse.modelling.new_feed import neighbour, new_feed, organisation, write_files

    session: Session = context.obj
    contracts, project = session.settings.contracts, session.settings.dbt_project
    known = Known(
        title=title,
        description=about,
        product=product or department,
        organisation=organisation(project, department),
        neighbour=neighbour(session.contracts, department),
    )
    simulator = PROJECT_ROOT / "infra" / "simulator" / "feeds"
    files = new_feed(
        sample, department=department, feed=feed, known=known, contracts=contracts, project=project,
        simulator=simulator if contracts == PROJECT_ROOT / "ingestion" / "contracts" else None,
    )  # fmt: skip
    write_files(files)
    for path in [*files, *write_generated(load_contracts(contracts), project)]:
        write(f"wrote {path}")
    name, contract = f"{department}.{feed}", next(iter(files))
    for number, step in enumerate(
        _steps(name, contract, sample, project / "models" / "marts" / (product or department)), 1
    ):
        write(f"{number}. {step}")


def _steps(name: str, contract: Path, sample: Path, marts: Path) -> list[str]:
    """What a person does next, in order."""
    return [
        f"{contract}: answer every `decide:` and remove the mark, then set `status: active`",
        "citylake contracts check",
        f"citylake contracts try {name} {sample}",
        "make generate",
        f"say what is plausible in the simulated feed, then: python -m pytest tests/feeds -k {name}",
        f"answer a question with the fact: {marts}/mart_<name>.sql and mart_<name>.yml, then: make generate",
    ]
