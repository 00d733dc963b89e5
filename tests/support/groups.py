"""pytest plugin: which tests one worker runs together, for `pytest -n 2 --dist loadgroup`.

The tests of a file are one group: what the file shares (a running Airflow, a lake) is made once, and tests that tell a
story stay in their order. Tests of one file on several stores are a group for each store, told from the test's id.

pytest-xdist 3.8 tells groups by a suffix it puts on a test's id, which pytest 9.2 no longer takes: its own mode
`loadgroup` runs every test where there is room, and its mode `loadfile` cannot split a file.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling

STORES = frozenset({"local", "rclone", "minio"})


def group_of(test_id: str) -> str:
    """`tests/…/test_kills.py[minio]` of `tests/…/test_kills.py::test_x[minio-3]`; the file where no store is named."""
    file, _, test = test_id.partition("::")
    parameters = test.partition("[")[2].removesuffix("]").split("-")
    store = next((part for part in parameters if part in STORES), None)
    return file if store is None else f"{file}[{store}]"


class Groups(LoadGroupScheduling):
    """pytest-xdist's scheduler of groups with this project's groups."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups | None:
    """None leaves the other modes to pytest-xdist."""
    return Groups(config, log) if config.getoption("dist") == "loadgroup" else None
