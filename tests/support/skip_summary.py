"""pytest plugin: what was skipped and why, once at the end, with the number of tests for each reason."""

from __future__ import annotations

from collections import Counter

import pytest

PREFIX = "Skipped: "


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Under pytest-xdist the reports of all workers are here, so this is said once."""
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if not reasons:
        return
    terminalreporter.section("skipped", yellow=True)
    for reason, tests in sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0])):
        terminalreporter.write_line(f"skipped: {_sentence(tests, reason)}")


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The text the skip was made with; a skip's `longrepr` is file, line and `Skipped: text`."""
    assert isinstance(report.longrepr, tuple)
    return report.longrepr[2].removeprefix(PREFIX)


def _sentence(tests: int, reason: str) -> str:
    """`143 tests need …` where the reason begins with `needs` (see tests.support.needs)."""
    counted = f"{tests} test{'' if tests == 1 else 's'}"
    what = reason.removeprefix("needs ")
    if what == reason:
        return f"{counted}: {reason}"
    return f"{counted} {'needs' if tests == 1 else 'need'} {what}"
