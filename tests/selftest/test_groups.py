"""The tests of a file run on one worker, in their order; on several stores they are a group for each."""

from __future__ import annotations

import pytest

from tests.support.groups import group_of

PLUGIN = ("-p", "tests.support.groups", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadgroup", "-v")

TESTS = """
import os, pathlib, pytest, time

@pytest.fixture(scope="module")
def lake():
    with pathlib.Path("made").open("a") as made: made.write("lake ")

@pytest.mark.parametrize("n", range(6))
def test_story(lake, n): time.sleep(0.05)

@pytest.mark.parametrize("kind", ["rclone", "minio"])
def test_kills(kind): time.sleep(1)
"""


@pytest.mark.parametrize(
    ("test", "group"),
    [
        ("tests/x/test_days.py::test_one", "tests/x/test_days.py"),
        ("tests/x/test_days.py::test_one[a-2]", "tests/x/test_days.py"),
        ("tests/x/test_kills.py::test_kills[minio]", "tests/x/test_kills.py[minio]"),
        ("tests/x/test_faults.py::test_get[rclone-503-[x]]", "tests/x/test_faults.py[rclone]"),
        ("tests/x/test_faults.py::test_get[503-local]", "tests/x/test_faults.py[local]"),
    ],
)
def test_a_group_is_a_file_or_a_file_on_one_store(test: str, group: str) -> None:
    assert group_of(test) == group


def test_workers_share_the_groups_and_never_one_group(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_city=TESTS)
    ran = pytester.runpytest_subprocess(*PLUGIN)
    ran.assert_outcomes(passed=8)
    assert (pytester.path / "made").read_text() == "lake "
    passed = [(line[1:4], line.split("::")[1]) for line in ran.outlines if " PASSED " in line]
    story = [(worker, test) for worker, test in passed if "story" in test]
    assert [test.strip() for _, test in story] == [f"test_story[{n}]" for n in range(6)]
    assert len({worker for worker, _ in story}) == 1
    assert len({worker for worker, _ in passed}) == 2
