"""Commands of the local stack: up, down, status, connections, Airflow's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.cli.arguments import AsJson
from warehouse.cli.output import results, show_grid, write, write_json
from warehouse.cli.session import Session

if TYPE_CHECKING:
    from infra.stack.stack import Stack

NOT_RUNNING = 1


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("up")(up_command)
    app.command("down")(down_command)
    app.command("status")(status_command)
    app.command("connections")(connections_command)
    app.command("airflow", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(airflow_command)


def up_command(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", help="First of five ports; the next free row is taken.")] = 4420,
) -> None:
    """Start Airflow, its database and the pages. All on 127.0.0.1; what runs already stays."""
    stack = _stack(context, port)
    stack.up()
    _show(stack)


def down_command(context: typer.Context) -> None:
    """End what `citylake up` started. State stays; the next `up` goes on from it."""
    ended = _stack(context).down()
    write(f"ended: {', '.join(ended)}" if ended else "nothing was running")


def status_command(
    context: typer.Context,
    department: Annotated[str | None, typer.Option("--department", help="Only its feeds and their products.")] = None,
    state: Annotated[
        str | None, typer.Option("--state", help="Only feeds in this state, such as late; or blocked.")
    ] = None,
    processes: Annotated[bool, typer.Option("--processes", help="The local stack instead: processes, health.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is late, blocked and why. Feeds, products and editions, in city time; changes nothing.

    With --processes it shows Airflow's processes, health and addresses; exit 1 when they are not healthy.
    """
    if processes:
        _show_processes(_stack(context), as_json=as_json)
        return
    from warehouse.cli.status import show_status

    show_status(context.obj, department=department, state=state, as_json=as_json)


def _show_processes(stack: Stack, *, as_json: bool) -> None:
    running = stack.running()
    health = stack.api().health() if running else {}
    bad = sorted(name for name, status in health.items() if status == "unhealthy")
    if as_json:
        where = {"airflow": stack.airflow.url, "pages": stack.pages_url} if running else {}
        write_json({"running": {n: r.pid for n, r in running.items()}, "health": health, "addresses": where})
    elif running:
        _show(stack)
        for name in bad:
            write(f"unhealthy: {name}; see {stack.root / 'logs'}")
    else:
        write("not running; start it with `citylake up`")
    if bad or not health:
        raise typer.Exit(NOT_RUNNING)


def connections_command(context: typer.Context, as_json: AsJson = False) -> None:
    """List the connections that feeds need. What is in force for each, never its content; exit 1 when one is missing.

    Airflow's own come first, then the variable CITYLAKE_CONN_<NAME> of this environment. Airflow is asked when it runs.
    """
    from infra.stack.connections import needed
    from ingestion.contract.load import read_feeds

    stack = _stack(context)
    contracts = read_feeds(stack.settings.contracts).active.values()
    found = needed(contracts, stack.settings, _in_airflow(stack))
    if as_json:
        write_json(found)
    elif found:
        words = {"airflow": "Airflow", "missing": "MISSING", "unknown": "no variable; Airflow does not run"}
        rows = [(one.name, one.kind.en, ", ".join(one.feeds), words.get(one.in_force, one.variable)) for one in found]
        show_grid(results(), "connections of feeds", ("connection", "kind", "feeds", "in force"), rows)
        write("set one in Airflow (Admin, Connections) or as CITYLAKE_CONN_<NAME>: docs/runbooks/source-unreachable.md")
    else:
        write("no active feed needs a connection")
    if any(one.in_force == "missing" for one in found):
        raise typer.Exit(NOT_RUNNING)


def airflow_command(context: typer.Context) -> None:
    """Run a command of Airflow's own on the stack. For instance `citylake airflow backfill create --help`."""
    airflow = _stack(context).airflow
    raise typer.Exit(airflow.call(*context.args))


def _in_airflow(stack: Stack) -> set[str] | None:
    """The ids of Airflow's own connections; None where it does not run."""
    if "airflow-api-server" not in stack.running():
        return None
    return {str(one["connection_id"]) for one in stack.api().get("/connections", limit=1000)["connections"]}


def _stack(context: typer.Context, port: int = 4420) -> Stack:
    from infra.stack.stack import Stack

    session: Session = context.obj
    return Stack(session.settings, say=write, base=port)


def _show(stack: Stack) -> None:
    rows = [(name, str(service.pid), stack.log(name)) for name, service in stack.running().items()]
    show_grid(results(), "running on 127.0.0.1", ("service", "process", "log"), rows)
    write(f"Airflow  {stack.airflow.url}   accounts and passwords: {stack.secrets_path}")
    write(f"today    {stack.today_url}/")
    write(f"pages    {stack.pages_url}")
