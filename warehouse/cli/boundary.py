"""Turn every exception of a command into a message and an exit code; nothing else catches all exceptions.

A CitylakeError and a full or unwritable disk are shown as their message. Any other exception is a defect: it is written
to a crash log below the lake's home and shown in one line. With `--debug` it is raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from typer import Typer

from warehouse.cli.session import Session

FAILED = 1
INTERRUPTED = 130


def run_command(arguments: Sequence[str] | None = None, application: Typer | None = None) -> int:
    """Run the application, by default the lake's own commands; its exit code."""
    from warehouse.cli.app import app

    session = Session()
    try:
        (application or app)(args=arguments, obj=session, prog_name="citylake")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else FAILED
    except KeyboardInterrupt:
        _show("interrupted; what was committed stays, the next run goes on from it")
        return INTERRUPTED
    except Exception as error:
        if session.debug:
            raise
        _show(describe(error, session))
        return FAILED
    return 0


def describe(error: Exception, session: Session) -> str:
    """The message of a CitylakeError or of a disk error; for any other exception one line that names the crash log."""
    from pydantic import ValidationError

    from ingestion.errors import CitylakeError
    from ingestion.machine.disk import as_disk_error

    if isinstance(error, CitylakeError):
        return str(error)
    if isinstance(error, ValidationError) and error.title == "Settings":
        wrong = "; ".join(f"CITYLAKE_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        return f"settings cannot be used: {wrong}\n  next:  see .env.example"
    refused = as_disk_error(error, "the command")
    if refused is not None:
        return str(refused)
    log = _crash_log(error, session)
    where = f"\n  next:  send {log} to the maintainers, or repeat with `citylake --debug`" if log else ""
    return f"unexpected error: {type(error).__name__}; this is a defect, not your input{where}"


def _crash_log(error: Exception, session: Session) -> Path | None:
    from ingestion.isolation import write_crash_log

    try:
        settings = session.settings
    except ValueError:  # settings that cannot be read name no home
        return None
    return write_crash_log(error, settings)


def _show(message: str) -> None:
    from warehouse.cli.output import problems

    problems().print(message, style="red", markup=False, highlight=False, soft_wrap=True)
