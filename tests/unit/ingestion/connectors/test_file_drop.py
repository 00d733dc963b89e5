"""What the file drop finds, and what it refuses to open."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.connectors.file_drop import FileDropConnector
from ingestion.errors import SourceError
from ingestion.ingest import ingest_file, ingest_interval
from ingestion.landing.land import read_manifest
from tests.support.lakes import START, contract, day, lake, rows

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


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("readings_20260302_检查.csv".encode("gb18030"), "readings_20260302_检查.csv"),
        (b"readings_20260302_\xff.csv", "readings_20260302_\\xff.csv"),
    ],
)
def test_a_name_that_is_not_utf8_is_taken_in_and_told(tmp_path: Path, name: bytes, shown: str) -> None:
    """What Windows machines pack or upload is often named in GBK."""
    made = lake(tmp_path)
    folder = made.settings.drop_root / "office"
    folder.mkdir(parents=True)
    (folder / os.fsdecode(name)).write_text(rows("ab"), encoding="utf-8")
    (delivery,) = ingest_interval(made, contract(), day(0))
    assert (delivery.outcome, delivery.filename) == ("accepted", shown)
    assert read_manifest(made, contract(), day(0), delivery.batch).source == f"file_drop:office/{shown}"
    by_hand = ingest_file(made, contract(), folder / os.fsdecode(name), day(1))
    assert (by_hand.outcome, by_hand.filename) == ("accepted", shown)
