"""What is planted in one file of a health feed: nothing in what is handed over of the past, which was cleaned."""

from __future__ import annotations

from collections.abc import Sequence

from infra.simulator.city import City
from infra.simulator.dirt import spoil
from infra.simulator.model import Slot
from infra.simulator.planted import Planted, of_file
from infra.simulator.rows import CLEAN, Rows, Texts


def spoiled(
    city: City, feed: str, dirt: Sequence[Planted], slot: Slot, rows: Rows, *, table: str = "",
    story: Texts | None = None, scale: int | None = None,
) -> Rows:  # fmt: skip
    """`rows` with the dirt planted in this file; it falls on rows without a story. A file sent again has the dirt of
    the first."""
    day_no, hour = city.day_no(slot.start), slot.start.hour
    if day_no < 1:
        return rows
    revision = 1 if slot.note == "redelivery" else slot.revision
    plan = of_file(city.plan_of(feed, tuple(dirt)), city.plan_day(day_no), hour, revision, table)
    reach = rows.fate == CLEAN if story is None else story == ""
    rng = city.rng(feed, day_no, hour, revision, table, "dirt")
    day = slot.start.date().isoformat()
    return spoil(rows, plan, rng, scale=city.scale if scale is None else scale, day=day, reach=reach)
