"""`--budget MINUTES`: a run over it fails, one within it does not, and without the option nothing is measured."""

from __future__ import annotations

import pytest

PLUGIN = ("-p", "tests.support.budget", "-p", "no:cacheprovider")
SLOW = "import time\ndef test_one(): time.sleep(0.4)\ndef test_two(): pass\n"


@pytest.mark.parametrize(("minutes", "code", "workers"), [("0.005", 1, "0"), ("5", 0, "0"), ("0.005", 1, "2")])
def test_a_run_over_its_budget_fails(pytester: pytest.Pytester, minutes: str, code: int, workers: str) -> None:
    """Under pytest-xdist too: there the workers are no runs of their own."""
    pytester.makepyfile(SLOW)
    start = pytester.runpytest_subprocess if workers != "0" else pytester.runpytest_inprocess
    ran = start(*PLUGIN, "-n", workers, "--budget", minutes)
    assert ran.ret == code
    ran.assert_outcomes(passed=2)
    said = [line for line in ran.outlines if "its budget is" in line]
    assert len(said) == 1
    assert f"its budget is {minutes}" in said[0]
    assert ("FAILED, too slow" in said[0]) is bool(code)


def test_the_setup_of_fixtures_counts(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest, time\n@pytest.fixture\ndef lake(): time.sleep(0.4)\ndef test_one(lake): pass\n")
    assert pytester.runpytest_inprocess(*PLUGIN, "--budget", "0.005").ret == 1


def test_a_failed_run_stays_failed_and_an_empty_one_empty(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_one(): assert False\n")
    assert pytester.runpytest_inprocess(*PLUGIN, "--budget", "5").ret == pytest.ExitCode.TESTS_FAILED
    ran = pytester.runpytest_inprocess(*PLUGIN, "--budget", "0.0001", "-k", "nothing")
    assert ran.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_without_a_budget_nothing_is_said(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SLOW)
    ran = pytester.runpytest_inprocess(*PLUGIN)
    assert ran.ret == 0
    assert not [line for line in ran.outlines if "minutes" in line]


@pytest.mark.parametrize("minutes", ["0", "-1", "ten"])
def test_a_budget_is_a_number_of_minutes(pytester: pytest.Pytester, minutes: str) -> None:
    ran = pytester.runpytest_inprocess(*PLUGIN, "--budget", minutes)
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["*--budget*"])
