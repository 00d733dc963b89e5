"""双公示行政处罚(表格): the penalties of units that send a workbook a day, on some days in the layout of 2016."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from infra.simulator.city import City
from infra.simulator.decisions import reported
from infra.simulator.feed import Feed
from infra.simulator.model import Slot, TableTruth
from infra.simulator.penalties import AMOUNTS, BY_WORKBOOK, LAYOUT_2016, LAYOUT_2018
from infra.simulator.workbook import xlsx_bytes

OLD_LAYOUT = (3, 5)
"""Days of the plan week on which another clerk, with the old form, fills in the workbook."""


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    rows = reported(city, BY_WORKBOOK, slot)
    layout = LAYOUT_2016 if city.plan_day(city.day_no(slot.start)) in OLD_LAYOUT else LAYOUT_2018
    return xlsx_bytes(rows, layout, slot.start, numbers=AMOUNTS), {"admin_penalty_workbook": rows.truth()}


def _bulk(city: City, slots: Sequence[Slot]) -> tuple[bytes, int]:
    """The days of a month in one workbook, and its rows."""
    first, *others = (reported(city, BY_WORKBOOK, slot) for slot in slots)
    for rows in others:
        first.append(rows)
    return xlsx_bytes(first, LAYOUT_2018, slots[0].start, numbers=AMOUNTS), len(first)


FEED = Feed(
    department="fgj",
    name="admin_penalty_workbook",
    every="day",
    filename="admin_penalty_workbook_{start:%Y%m%d}{suffix}.xlsx",
    arrives=timedelta(hours=20, minutes=40),
    render=_render,
    dirt=BY_WORKBOOK.plan,
    bulk=_bulk,
)
