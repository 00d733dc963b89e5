"""市场主体全量清单: every entity that the register holds, once a week, as Parquet of text columns.

The list of a week is read on the evening of the Monday after it: an entity that is no longer in it was deleted.
"""

from __future__ import annotations

from datetime import timedelta

from infra.simulator.city import City
from infra.simulator.dirt import spoil
from infra.simulator.feed import Feed
from infra.simulator.market_register import quiet, table
from infra.simulator.model import Slot, TableTruth
from infra.simulator.planted import Planted, of_file
from infra.simulator.rows import Rows
from infra.simulator.writers import parquet_bytes

_ID = "gsj.market_entity_register"
COLUMNS = ("ztsfdm", "tyshxydm", "djzt", "gxsj")
_DIRT = (
    Planted(_ID, 1, "check", 3, "uscc_check_digit", {"tyshxydm": ""}, "flag"),
    Planted(_ID, 1, "duplicate", 2),
)


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    day_no = city.day_no(slot.arrives_at)
    whole = table(city, day_no)
    rows = Rows({name: whole.cells[name] for name in COLUMNS})
    plan = of_file(city.plan_of(_ID, _DIRT), city.plan_day(city.day_no(slot.start)), 0, slot.revision)
    rng, reach = city.rng(_ID, day_no, "dirt"), quiet(city, day_no, rows)
    spoil(rows, plan, rng, scale=city.scale, day=slot.start.date().isoformat(), reach=reach)
    return parquet_bytes(rows), {"market_entity_register": rows.truth()}


FEED = Feed(
    department="gsj",
    name="market_entity_register",
    every="week",
    filename="market_entity_register_{start:%G-W%V}{suffix}.parquet",
    arrives=timedelta(days=7, hours=23, minutes=50),
    render=_render,
    history="none",
    dirt=_DIRT,
)
