"""What departments hand over of the past: the same records as day by day, in few files, cleaned."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from infra.simulator.city import City
from infra.simulator.feeds import FEEDS
from infra.simulator.history import FOLDER, HandedOver, hand_over
from infra.simulator.model import LOCAL, Slot
from infra.simulator.truth import truth
from tests.unit.infra.simulator.conftest import read

DAYS = 3


def handed_over(out: Path) -> dict[str, HandedOver]:
    return {one.feed: one for one in hand_over(City(days=3), DAYS, out)}


def test_months_hold_what_the_days_files_would(tmp_path: Path) -> None:
    city, handed = City(days=3, plan=()), handed_over(tmp_path)
    for feed in (feed for feed in FEEDS if feed.history == "bulk" and feed.bulk is None):
        found = handed[feed.id]
        assert [path.stem[-7:] for path in found.files] == ["2026-02", "2026-03"]
        lines = [line for path in found.files for line in path.read_bytes().splitlines(keepends=True)]
        wanted: list[bytes] = []
        for day_no in range(1 - DAYS, 1):
            for hour in range(24) if feed.every == "hour" else (0,):
                start = city.midnight(day_no).replace(hour=hour)
                wanted += feed.deliver(city, Slot(start, 1, start + feed.arrives)).content.splitlines(keepends=True)
        headers = {wanted[0]} if feed.filename.endswith(".csv") else set()
        assert [line for line in lines if line not in headers] == [line for line in wanted if line not in headers]
        assert sum(line in headers for line in lines) == (2 if headers else 0)
        assert found.rows == len(lines) - 2 * len(headers)


def test_a_month_in_one_workbook_holds_the_rows_of_the_days(tmp_path: Path) -> None:
    city, handed = City(days=3, plan=()), handed_over(tmp_path)
    feeds = [feed for feed in FEEDS if feed.bulk is not None and feed.filename.endswith(".xlsx")]
    assert feeds
    for feed in feeds:
        found = handed[feed.id]
        assert [path.stem[-7:] for path in found.files] == ["2026-02", "2026-03"]
        starts = [city.midnight(day_no) for day_no in range(1 - DAYS, 1)]
        files = [feed.deliver(city, Slot(start, 1, start + feed.arrives)) for start in starts]
        # A layout may lack columns, so that the number of the decision stands for the row.
        wanted = [number(row) for file in files for row in read(file.path, file.content)[feed.name]]
        assert [
            number(row)
            for path in found.files
            for row in read(f"x/{feed.name}/{path.name}", path.read_bytes())[feed.name]
        ] == wanted
        assert found.rows == len(wanted)


def test_a_month_of_records_that_change_holds_each_once_in_its_last_state(tmp_path: Path) -> None:
    """As of the hand-over: what was an interim state on a day has its end, unless that is still to come."""
    city, handed = City(days=3, plan=()), handed_over(tmp_path)
    feeds = [feed for feed in FEEDS if feed.bulk is not None and not feed.filename.endswith(".xlsx")]
    assert len(feeds) > 1
    for feed in feeds:
        last: dict[tuple[str, str], Any] = {}
        for day_no in range(1 - DAYS, 1):
            start = city.midnight(day_no)
            delivery = feed.deliver(city, Slot(start, 1, start + feed.arrives))
            for table, rows in read(delivery.path, delivery.content).items():
                last |= {(table, key(row)): row for row in rows}
        found: dict[tuple[str, str], Any] = {}
        count = 0
        for path in handed[feed.id].files:
            for table, rows in read(f"x/{feed.name}/{path.name}", path.read_bytes()).items():
                count += len(rows)
                found |= {(table, key(row)): row for row in rows}
        assert handed[feed.id].rows == count
        assert found.keys() <= last.keys()
        # What began before the history is not in it, though its end was sent in its days.
        assert len(last.keys() - found.keys()) < 0.02 * len(last)
        assert {name: state(found[name]) for name in found} == {name: state(last[name]) for name in found}


def key(row: dict[str, Any]) -> str:
    """The id of a resource, or the number of a report."""
    return str(row["id"] if "id" in row else row["OBR"][2])


def state(row: dict[str, Any]) -> Any:
    """The state of a resource or a report: its status and the end of its period."""
    return (row.get("status"), row.get("period")) if "id" in row else row["OBR"][24]


def number(row: dict[str, Any]) -> str:
    """The number of the decision that a row is about, its cell the one with 〔."""
    (found,) = (cell for cell in row.values() if cell and "〔" in cell)
    return str(found)


def test_registers_come_file_by_file_and_the_rest_not_at_all(tmp_path: Path) -> None:
    found = handed_over(tmp_path)
    assert set(found) == {feed.id for feed in FEEDS if feed.history != "none"}
    for feed in (feed for feed in FEEDS if feed.history == "files"):
        assert len(found[feed.id].files) == DAYS


def test_they_lie_apart_from_deliveries_and_a_rerun_writes_the_same_bytes(tmp_path: Path) -> None:
    first = {path: path.read_bytes() for one in handed_over(tmp_path).values() for path in one.files}
    assert all(path.is_relative_to(tmp_path / "drop" / FOLDER) for path in first)
    again = handed_over(tmp_path)
    assert {path: path.read_bytes() for one in again.values() for path in one.files} == first
    assert {(one.first, one.last) for one in again.values()} == {(date(2026, 2, 27), date(2026, 3, 1))}
    handed = City().midnight(1)
    assert {path.stat().st_mtime for feed in FEEDS if feed.history == "bulk" for path in again[feed.id].files} == {
        handed.astimezone(LOCAL).timestamp()
    }


def test_the_run_itself_is_as_without_a_history(tmp_path: Path) -> None:
    before = truth(City(days=3))
    hand_over(City(days=3), 5, tmp_path)
    assert truth(City(days=3)) == before
