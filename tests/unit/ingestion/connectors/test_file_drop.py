"""What the file drop finds, and what it refuses to open."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.connectors.file_drop import FileDropConnector
from ingestion.delivery.ingest import ingest_file, ingest_interval
from ingestion.errors import SourceError
from ingestion.isolation import SomeUnreadable
from ingestion.receipts.manifests import read_manifest
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


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "link to itself": (lambda path: path.symlink_to(path.name), "is a link that leads back to itself"),
    "link to nothing": (lambda path: path.symlink_to("nowhere.csv"), "is a link that leads nowhere"),
    "link out": (lambda path: path.symlink_to("../../outside.csv"), "is a link that leaves the drop folder"),
    "link to a device": (lambda path: path.symlink_to("/dev/zero"), "is a link that leaves the drop folder"),
    "pipe": (os.mkfifo, "cannot be read: it is a named pipe, not a file"),
    "link to a pipe": (lambda path: (os.mkfifo(path.parent / "p"), path.symlink_to("p"))[1], "it is a named pipe"),
    "socket": (_socket, "cannot be read: it is a socket, not a file"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_file_is_named_and_stops_no_file(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also before and after it in name order; a pipe is not waited for."""
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    root = Path("drop")
    Path("outside.csv").write_text("secret", encoding="utf-8")
    files(root, "readings_20260302_1.csv", "readings_20260302_3.csv")
    plant, reported = BAD[what]
    plant(root / "office" / "readings_20260302_2.csv")
    with pytest.raises(SomeUnreadable, match=f"'office/readings_20260302_2.csv' {reported}|{reported}") as bad:
        found(root)
    assert [one.filename for one in bad.value.found] == ["readings_20260302_1.csv", "readings_20260302_3.csv"]
    assert "'office/readings_20260302_2.csv'" in bad.value.message


def test_links_within_the_folder_and_hard_links_are_files(tmp_path: Path) -> None:
    files(tmp_path, "sent/a.csv", "sent/b.csv")
    office = tmp_path / "office"
    (office / "readings_20260302_1.csv").symlink_to("sent/a.csv")
    (office / "readings_20260302_2.csv").hardlink_to(office / "sent" / "b.csv")
    assert found(tmp_path) == ["readings_20260302_1.csv", "readings_20260302_2.csv"]


def test_names_that_differ_by_case_or_hold_a_line_break_are_names(tmp_path: Path) -> None:
    files(tmp_path, "readings_20260302_a.csv", "readings_20260302_A.csv", "readings_20260302_\n.csv")
    assert found(tmp_path) == ["readings_20260302_\n.csv", "readings_20260302_A.csv", "readings_20260302_a.csv"]


@pytest.mark.parametrize(
    ("plant", "reported"),
    [
        (lambda folder: folder.symlink_to(folder.name), "'b' is a link that leads back to itself"),
        (lambda folder: folder.symlink_to("nowhere"), "'b' is a link that leads nowhere"),
        (lambda folder: folder.symlink_to("../elsewhere"), "'b' is a link that leaves the drop folder"),
    ],
)
def test_a_bad_folder_stops_no_other(tmp_path: Path, plant: Callable[[Path], None], reported: str) -> None:
    """Nothing outside is listed, so nothing of it is told either."""
    root = tmp_path / "drop"
    for folder in (root / "a", root / "c", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
        (folder / "r_20260302.csv").write_text("x", encoding="utf-8")
    plant(root / "b")
    (root / "README").write_text("no folder", encoding="utf-8")
    with pytest.raises(SomeUnreadable) as bad:
        found(root, source={"path": "*/r_{interval:%Y%m%d}.csv"})
    assert [one.source for one in bad.value.found] == ["file_drop:a/r_20260302.csv", "file_drop:c/r_20260302.csv"]
    assert bad.value.message == reported


def test_a_folder_that_cannot_be_listed_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(tmp_path, "a/r_20260302.csv", "b/r_20260302.csv")
    listed = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "a":  # the account of the tests may be root, who lists everything
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(SomeUnreadable, match="'office/a' cannot be read: Permission denied") as bad:
        found(tmp_path, source={"path": "office/*/r_{interval:%Y%m%d}*.csv"})
    assert [one.source for one in bad.value.found] == ["file_drop:office/b/r_20260302.csv"]


def test_a_folder_where_one_file_is_expected_is_named(tmp_path: Path) -> None:
    """Where a wildcard fits, it may be anybody's; under the very name of the delivery it is in its place."""
    (tmp_path / "office" / "r_20260302.csv").mkdir(parents=True)
    with pytest.raises(SourceError, match=r"'office/r_20260302\.csv' cannot be read: it is a folder, not a file"):
        found(tmp_path, source={"path": "office/r_{interval:%Y%m%d}.csv"})
    assert found(tmp_path, source={"path": "office/r_{interval:%Y%m%d}*"}) == []


def test_a_drop_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "drop").write_text("x", encoding="utf-8")
    with pytest.raises(SourceError, match="'the drop folder' cannot be read: Not a directory"):
        found(tmp_path / "drop", source={"path": "*_{interval:%Y%m%d}.csv"})


def test_what_becomes_a_pipe_after_the_look_is_not_waited_for(tmp_path: Path) -> None:
    made = lake(tmp_path)
    pipe = tmp_path / "readings.csv"
    os.mkfifo(pipe)
    with pytest.raises(SourceError, match=r"'readings\.csv' cannot be read: it is a named pipe, not a file"):
        ingest_file(made, contract(), pipe, day(0))


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
    assert read_manifest(made.store, contract(), day(0), delivery.batch).source == f"file_drop:office/{shown}"
    by_hand = ingest_file(made, contract(), folder / os.fsdecode(name), day(1))
    assert (by_hand.outcome, by_hand.filename) == ("accepted", shown)
