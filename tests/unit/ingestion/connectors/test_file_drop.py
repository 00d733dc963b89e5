"""What the file drop finds, and what it refuses to open."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.connectors.file_drop import FileDropConnector
from ingestion.errors import SourceError
from tests.support.lakes import START, contract, day

NOW = datetime(2026, 3, 9, tzinfo=UTC)


def files(root: Path, *names: str) -> None:
    for name in names:
        path = root / "office" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", encoding="utf-8")


def found(root: Path, **said: object) -> list[str]:
    return [one.filename for one in FileDropConnector(root).fetch(contract(**said), day(0), NOW)]


def test_finished_files_of_the_interval_in_name_order(tmp_path: Path) -> None:
    files(tmp_path, "readings_20260302_r2.csv", "readings_20260302.csv", "readings_20260303.csv")
    files(tmp_path, "readings_20260302.csv.part", "readings_20260302.tmp", ".readings_20260302.csv")
    (tmp_path / "office" / "readings_20260302_d.csv").mkdir()
    assert found(tmp_path) == ["readings_20260302.csv", "readings_20260302_r2.csv"]


def test_no_folder_is_no_file(tmp_path: Path) -> None:
    assert found(tmp_path / "missing") == []


@pytest.mark.parametrize("modified", [datetime(2400, 1, 1, tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC)])
def test_a_departments_clock_is_believed_within_reason(tmp_path: Path, modified: datetime) -> None:
    files(tmp_path, "readings_20260302.csv")
    seconds = modified.timestamp()
    os.utime(tmp_path / "office" / "readings_20260302.csv", (seconds, seconds))
    (one,) = FileDropConnector(tmp_path).fetch(contract(content_as_of="modified"), day(0), NOW)
    assert one.content_as_of == (NOW if modified > NOW else datetime(1970, 1, 1, tzinfo=UTC))


def test_the_pattern_is_local_time(tmp_path: Path) -> None:
    files(tmp_path, "readings_20260302_08.csv")
    calendar = {"every": "day", "timezone": "Asia/Shanghai", "start": "2026-01-01"}
    assert found(tmp_path, calendar=calendar, source={"path": "office/readings_{interval:%Y%m%d_%H}.csv"}) == [
        "readings_20260302_08.csv"
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/{interval:%Y}",
        "../{interval:%Y}",
        "a/../../{interval:%Y}",
        "**/{interval:%Y}",
        "a.csv",
        "{interval:%Y}{interval:%m}",
        "a\\{interval:%Y}",
    ],
)
def test_patterns_that_leave_the_folder_are_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(SourceError, match="below the drop folder"):
        found(tmp_path, source={"path": path})


def test_links_that_leave_the_folder_are_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("secret", encoding="utf-8")
    root = tmp_path / "drop"
    files(root, "other.csv")
    (root / "office" / "readings_20260302.csv").symlink_to(outside)
    with pytest.raises(SourceError, match="link that leaves"):
        found(root)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("modified", START + timedelta(hours=5)), ("interval_end", START + timedelta(days=1)), ("fetched", NOW)],
)
def test_content_as_of(tmp_path: Path, rule: str, expected: datetime) -> None:
    files(tmp_path, "readings_20260302.csv")
    moment = (START + timedelta(hours=5)).timestamp()
    os.utime(tmp_path / "office" / "readings_20260302.csv", (moment, moment))
    (one,) = FileDropConnector(tmp_path).fetch(contract(content_as_of=rule), day(0), NOW)
    assert one.content_as_of == expected
    assert one.source == "file_drop:office/readings_20260302.csv"
