"""Commands that run a day, and its steps build, gate and publish one by one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.cli.arguments import AsJson, By, Day, account, local_day
from warehouse.cli.output import progress, results, write, write_json
from warehouse.cli.session import Session

if TYPE_CHECKING:
    from warehouse.build.report import BuildReport
    from warehouse.verdict import Verdict

BLOCKED = 3
AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="Local day freshness is judged for.", show_default="today"),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("run")(run_command)
    app.command("build")(build_command)
    app.command("gate")(gate_command)
    app.command("publish")(publish_command)


def run_command(context: typer.Context, day: Day = None, by: By = None, as_json: AsJson = False) -> None:
    """Take a day from files to a release. Ingest, then one build, gate and publish; exit 0, 3 (some blocked) or 1."""
    from warehouse.cli.render import show_run
    from warehouse.run import run

    session: Session = context.obj
    with progress("open the lake") as say:
        report = run(
            session.lake,
            local_day(day, session.settings),
            approver=account(by),
            triggered_by=(account(by),),
            progress=say,
        )
    if as_json:
        write_json({**vars(report), "exit_code": report.exit_code})
    else:
        show_run(report, session.lake, results())
    raise typer.Exit(report.exit_code)


def build_command(
    context: typer.Context,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Rebuild every table from all files.")] = False,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Build and test what changed. Runs the dbt project into the private build file."""
    from warehouse.build.runner import build
    from warehouse.cli.render import show_build
    from warehouse.release.pointer import released_inputs

    session: Session = context.obj
    lake = session.lake
    with progress("build") as say:
        report = build(
            lake,
            local_day(as_of, session.settings),
            full_refresh=full_refresh,
            released=released_inputs(lake),
            progress=say,
        )
    if as_json:
        write_json(report)
    else:
        show_build(report, results())
    if any(model.status == "error" for model in report.models):
        raise typer.Exit(1)


def gate_command(
    context: typer.Context,
    explain: Annotated[
        str | None,
        typer.Option("--explain", metavar="PRODUCT", help="Everything considered, as recorded while a build runs."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge every product of the last build. Exit 3 when one is blocked."""
    from warehouse.cli.render import show_verdicts

    session: Session = context.obj
    verdicts = _verdicts(session) if explain is None else _explained(session, explain, as_json=as_json)
    if explain is None and not as_json:
        show_verdicts(verdicts, results())
    elif as_json:
        write_json(verdicts)
    if any(v.decision != "passed" for v in verdicts):
        raise typer.Exit(BLOCKED)


def _explained(session: Session, product: str, *, as_json: bool) -> list[Verdict]:
    """Write why the product passed or is blocked, unless JSON is asked for; its verdict."""
    from warehouse.build.report import last_report
    from warehouse.gate.explain import explain, verdicts_to_explain
    from warehouse.status.refresh import rewrite

    explained = verdicts_to_explain(session.lake, last_report(session.settings))
    rewrite(session.lake)
    text = explain(explained, product)
    if not as_json:
        write(text)
    return [verdict for verdict in explained.verdicts if verdict.product == product]


def publish_command(context: typer.Context, by: By = None, as_json: AsJson = False) -> None:
    """Release what passed. Judges the last build first; a blocked product keeps its last good tables."""
    from warehouse.cli.render import show_releases
    from warehouse.publish.leave import leaving_anyway
    from warehouse.publish.run import publish
    from warehouse.status.refresh import rewrite

    session: Session = context.obj
    with progress("gate and publish"), leaving_anyway(session.lake):
        verdicts = _verdicts(session)
        published = publish(session.lake, _last(session), verdicts, approver=account(by), triggered_by=(account(by),))
        rewrite(session.lake)
    if as_json:
        write_json(published)
    else:
        show_releases(published, results())
    if any(v.decision != "passed" for v in verdicts):
        raise typer.Exit(BLOCKED)


def _verdicts(session: Session) -> list[Verdict]:
    from warehouse.status.refresh import judge

    return judge(session.lake, _last(session))


def _last(session: Session) -> BuildReport:
    from ingestion.errors import ConfigurationError
    from warehouse.build.report import last_report

    report = last_report(session.settings)
    if report is None:
        raise ConfigurationError("nothing was built yet", left="nothing was done", next_step="citylake run")
    return report
