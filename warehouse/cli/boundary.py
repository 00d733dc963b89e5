"""Where an error becomes what a person reads: the one place that catches everything.

An error raised on purpose is shown as its message. Any other one is a defect: it is written to a
crash log below the lake's home and shown in one line. `--debug` lets both through.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
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
    """The message of an error raised on purpose, or one line that names the crash log."""
    from pydantic import ValidationError

    from ingestion.errors import CitylakeError

    if isinstance(error, CitylakeError):
        return str(error)
    if isinstance(error, ValidationError) and error.title == "Settings":
        wrong = "; ".join(f"CITYLAKE_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        return f"settings cannot be used: {wrong}\n  next:  see .env.example"
    log = _write_crash_log(error, session)
    where = f"\n  next:  send {log} to the maintainers, or repeat with `citylake --debug`" if log else ""
    return f"unexpected error: {type(error).__name__}; this is a defect, not your input{where}"


def _write_crash_log(error: Exception, session: Session) -> Path | None:
    """The traceback as a private file; None where not even that can be written.

    Values of variables are left out, since they may hold personal data.
    """
    from ingestion.rights import own_folder

    try:
        folder = own_folder(own_folder(session.settings.state_root) / "crashes")
        path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{type(error).__name__}.log"
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        path.chmod(0o600)
    except (OSError, ValueError):
        return None
    return path


def _show(message: str) -> None:
    from warehouse.cli.output import problems

    problems().print(message, style="red", markup=False, highlight=False, soft_wrap=True)
