"""What departments hand over of the past, before the first day of the run. All SYNTHETIC.

Departments keep years in few files: the records of a month lie in one file, headed once, that is named like no
delivery of theirs. A feed whose file is a state (`history="files"`) hands over every one of its files. All was cleaned
for the hand-over: nothing is planted in it, no correction and no late file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from infra.simulator.city import City
from infra.simulator.deliver import write_whole
from infra.simulator.feed import Feed
from infra.simulator.feeds import FEEDS
from infra.simulator.model import Delivery, Slot

FOLDER = "history"
"""Below the drop folder; in it a folder a department, in that one a feed."""


@dataclass(frozen=True)
class HandedOver:
    """Files of one feed: their paths, the first and the last local day they are of, and their rows."""

    feed: str
    files: tuple[Path, ...]
    first: date
    last: date
    rows: int


def hand_over(city: City, days: int, out: Path, *, feeds: Sequence[Feed] = FEEDS) -> list[HandedOver]:
    """Write the `days` before the city's start below `out/drop/history/`; a rerun writes the same bytes."""
    cleaned = City(city.seed, city.start, city.days, city.scale, plan=(), history=days)
    return [_of_feed(cleaned, feed, days, out) for feed in feeds if feed.history != "none"]


def _of_feed(city: City, feed: Feed, days: int, out: Path) -> HandedOver:
    folder = out / "drop" / FOLDER / feed.department / feed.name
    in_bulk = _joined_by_month if feed.bulk is None else _made_by_month
    rows, files = 0, []
    for name, content, modified, count in (_each_file if feed.history == "files" else in_bulk)(city, feed, days):
        write_whole(folder / name, content, modified.timestamp())
        files.append(folder / name)
        rows += count
    return HandedOver(feed.id, tuple(files), city.date_of(1 - days), city.date_of(0), rows)


Written = tuple[str, bytes, datetime, int]
"""Name, content, time and rows of one file."""


def _each_file(city: City, feed: Feed, days: int) -> Iterator[Written]:
    for slot in _slots(city, feed, days):
        delivery = feed.deliver(city, slot)
        yield delivery.filename, delivery.content, delivery.arrives_at, _rows(delivery)


def _joined_by_month(city: City, feed: Feed, days: int) -> Iterator[Written]:
    for name, slots in _by_month(city, feed, days).items():
        deliveries = [feed.deliver(city, slot) for slot in slots]
        content = _joined([one.content for one in deliveries], headed=name.endswith(".csv"))
        yield name, content, city.midnight(1), sum(_rows(one) for one in deliveries)


def _made_by_month(city: City, feed: Feed, days: int) -> Iterator[Written]:
    for name, slots in _by_month(city, feed, days).items():
        if feed.bulk is not None:
            content, rows = feed.bulk(city, slots)
            yield name, content, city.midnight(1), rows


def _by_month(city: City, feed: Feed, days: int) -> dict[str, list[Slot]]:
    found: dict[str, list[Slot]] = defaultdict(list)
    for slot in _slots(city, feed, days):
        found[f"{feed.name}_{slot.start:%Y-%m}{Path(feed.filename).suffix}"].append(slot)
    return found


def _rows(delivery: Delivery) -> int:
    return sum(table.rows for table in delivery.tables.values())


def _slots(city: City, feed: Feed, days: int) -> Iterator[Slot]:
    for day_no in range(1 - days, 1):
        midnight: datetime = city.midnight(day_no)
        for hour in range(24) if feed.every == "hour" else (0,):
            start = midnight + timedelta(hours=hour)
            yield Slot(start, 1, start + feed.arrives)


def _joined(contents: Sequence[bytes], *, headed: bool) -> bytes:
    """The files' lines in one; of headed ones the first line comes once."""
    if not headed:
        return b"".join(contents)
    header = contents[0].partition(b"\n")
    return header[0] + header[1] + b"".join(content.partition(b"\n")[2] for content in contents)
