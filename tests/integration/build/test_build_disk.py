"""A full disk while building: one message, receipts untouched, and the next build goes on by itself."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.build.small_lake import BUILT_AS_OF, SmallLake, open_lake
from tests.support.small_disk import mounted
from warehouse.build.errors import BuildFailed

pytestmark = pytest.mark.faults


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "4m") as folder:
        yield folder


def test_a_full_disk_is_told_once_and_the_next_build_goes_on(
    small_disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cramped = SmallLake(open_lake(small_disk / "home"))
    cramped.fill(BUILT_AS_OF)
    with pytest.raises(BuildFailed) as failure:
        cramped.build(BUILT_AS_OF)
    assert "next:" in str(failure.value)
    assert "Traceback" not in capfd.readouterr().err
    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    report = cramped.build(BUILT_AS_OF)
    assert {model.status for model in report.models} == {"passed"}
