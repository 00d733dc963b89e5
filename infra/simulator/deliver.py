"""Write the files that arrive on a day into the drop folder, as departments would."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from infra.simulator.city import City
from infra.simulator.feeds import FEEDS
from infra.simulator.model import Delivery
from infra.simulator.schedule import arriving


def arrivals(city: City, day_no: int) -> Iterator[Delivery]:
    """Every delivery that arrives on a day of the run, feed by feed, each in order of arrival."""
    for feed in FEEDS:
        for slot in arriving(city, feed, day_no):
            yield feed.deliver(city, slot)


def deliver(city: City, day_no: int, out: Path) -> list[Delivery]:
    """Write a day's arrivals below `out/drop/` with their arrival as mtime; a rerun writes the same bytes."""
    delivered = list(arrivals(city, day_no))
    for delivery in delivered:
        _write(out / "drop" / delivery.path, delivery)
    return delivered


def write_whole(path: Path, content: bytes, modified: float | None = None, *, mode: int = 0o644) -> None:
    """Write under a temporary name, then rename, so that a reader sees the complete file or none; `modified`
    sets its mtime."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    partial.touch(mode)
    partial.write_bytes(content)
    if modified is not None:
        os.utime(partial, (modified, modified))
    partial.replace(path)


def _write(path: Path, delivery: Delivery) -> None:
    write_whole(path, delivery.content, delivery.arrives_at.timestamp())
