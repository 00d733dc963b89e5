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
    handed_over = city.midnight(1).timestamp()
    rows = 0
    written: dict[Path, None] = {}
    by_month: dict[str, list[Delivery]] = defaultdict(list)
    for delivery in _deliveries(city, feed, days):
        rows += sum(table.rows for table in delivery.tables.values())
        if feed.history == "files":
            path = folder / delivery.filename
            write_whole(path, delivery.content, delivery.arrives_at.timestamp())
            written[path] = None
        else:
            suffix = Path(delivery.filename).suffix
            by_month[f"{feed.name}_{delivery.start:%Y-%m}{suffix}"].append(delivery)
    for name, deliveries in by_month.items():
        write_whole(folder / name, _month(city, feed, deliveries), handed_over)
        written[folder / name] = None
    return HandedOver(feed.id, tuple(written), city.date_of(1 - days), city.date_of(0), rows)


def _deliveries(city: City, feed: Feed, days: int) -> Iterator[Delivery]:
    for day_no in range(1 - days, 1):
        midnight: datetime = city.midnight(day_no)
        for hour in range(24) if feed.every == "hour" else (0,):
            start = midnight + timedelta(hours=hour)
            yield feed.deliver(city, Slot(start, 1, start + feed.arrives))


def _month(city: City, feed: Feed, deliveries: Sequence[Delivery]) -> bytes:
    if feed.bulk is not None:
        return feed.bulk(city, [Slot(one.start, 1, one.arrives_at) for one in deliveries])
    return _joined([one.content for one in deliveries], headed=feed.filename.endswith(".csv"))


def _joined(contents: Sequence[bytes], *, headed: bool) -> bytes:
    """The files' lines in one; of headed ones the first line comes once."""
    if not headed:
        return b"".join(contents)
    header = contents[0].partition(b"\n")
    return header[0] + header[1] + b"".join(content.partition(b"\n")[2] for content in contents)
