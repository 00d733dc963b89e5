"""pytest plugin: `--budget MINUTES` fails a run that takes longer, even where every test passed.

Only the make targets give a budget, so a run of one file has none. Time is wall time from the start of pytest to its
end, collection and the setup of fixtures included. Under pytest-xdist the process that started the others decides.
"""

from __future__ import annotations

import argparse
import time

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("tiers").addoption(
        "--budget", type=_minutes, metavar="MINUTES", help="fail the run if it takes longer than so many minutes"
    )


def pytest_configure(config: pytest.Config) -> None:
    minutes = config.getoption("--budget")
    if minutes is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Budget(minutes), "budget-of-this-run")


class Budget:
    """Compares the time a session took with what it may take."""

    def __init__(self, minutes: float) -> None:
        self.minutes, self.started, self.spent = minutes, time.monotonic(), 0.0

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.spent = (time.monotonic() - self.started) / 60
        if self.spent > self.minutes and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        over = self.spent > self.minutes
        said = f"this run took {self.spent:.1f} minutes; its budget is {self.minutes:g}"
        if over:
            said += ": FAILED, too slow. Make the slowest tests faster, or mark those about faults `faults`"
        terminalreporter.section("budget", red=over, green=not over)
        terminalreporter.write_line(said)


def _minutes(text: str) -> float:
    minutes = float(text)
    if minutes <= 0:
        raise argparse.ArgumentTypeError(f"{text} is no number of minutes")
    return minutes
