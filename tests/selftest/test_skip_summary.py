"""What was skipped is said once at the end, by reason, with the number of tests."""

from __future__ import annotations

import pytest

PLUGIN = ("-p", "tests.support.skip_summary", "-p", "no:cacheprovider")


@pytest.mark.parametrize("workers", ["0", "2"])
def test_reasons_are_told_once_with_their_number(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makepyfile(
        """
        import pytest
        from tests.support import needs

        @pytest.fixture(scope="session")
        def data(): needs.skip_without("the public files in ../shared/data")

        @pytest.mark.parametrize("n", range(7))
        def test_a(data, n): pass

        def test_b(): needs.skip_without("a browser: Debian's package chromium")

        @pytest.mark.skip(reason="told in other words")
        def test_c(): pass

        def test_d(): pass
        """
    )
    start = pytester.runpytest_subprocess if workers != "0" else pytester.runpytest_inprocess
    ran = start(*PLUGIN, "-n", workers)
    assert ran.ret == 0
    ran.assert_outcomes(skipped=9, passed=1)
    assert [line for line in ran.outlines if line.startswith("skipped: ")] == [
        "skipped: 7 tests need the public files in ../shared/data",
        "skipped: 1 test needs a browser: Debian's package chromium",
        "skipped: 1 test: told in other words",
    ]


def test_a_whole_module_that_was_skipped_is_counted(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\npytest.skip('needs a mountain', allow_module_level=True)\n")
    ran = pytester.runpytest_inprocess(*PLUGIN)
    assert "skipped: 1 test needs a mountain" in ran.outlines


def test_where_all_ran_nothing_is_said(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_one(): pass\n")
    ran = pytester.runpytest_inprocess(*PLUGIN)
    assert ran.ret == 0
    ran.stdout.no_fnmatch_line("*skipped*")
