"""信用修复: applications to end the publicity of a penalty early, and their answers, as CSV in UTF-8."""

from __future__ import annotations

from datetime import timedelta

from infra.simulator.city import City
from infra.simulator.dirt import spoil
from infra.simulator.feed import Feed
from infra.simulator.model import Slot, TableTruth
from infra.simulator.planted import Planted, of_file
from infra.simulator.repairs import COLUMNS, repairs
from infra.simulator.writers import csv_bytes

_ID = "fgj.credit_repair"
_DIRT = (
    Planted(_ID, 1, "cell", 1, "answer_has_date", {"result": "准予", "decided_date": ""}),
    Planted(_ID, 2, "duplicate", 1),
    Planted(_ID, 3, "cell", 1, "decided_not_future", {"decided_date": "2099-01-01", "result": "不予"}),
    Planted(_ID, 4, "cell", 1, "result.allowed", {"result": "同意", "decided_date": "{day}"}),
    Planted(
        _ID,
        5,
        "cell",
        1,
        "decided_after_applied",
        {"applied_date": "{day}", "decided_date": "2026-01-05", "result": "不予"},
    ),
)


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    day_no = city.day_no(slot.start)
    rows = repairs(city, day_no)
    plan = of_file(city.plan_of(_ID, _DIRT), city.plan_day(day_no), 0, slot.revision)
    rng, reach = city.rng(_ID, day_no, "dirt"), rows.cells["_story"] == "applied"
    spoil(rows, plan, rng, scale=city.scale, day=slot.start.date().isoformat(), reach=reach)
    return csv_bytes(rows, COLUMNS), {"credit_repair": rows.truth()}


FEED = Feed(
    department="fgj",
    name="credit_repair",
    every="day",
    filename="credit_repair_{start:%Y%m%d}{suffix}.csv",
    arrives=timedelta(hours=20, minutes=45),
    render=_render,
    dirt=_DIRT,
)
