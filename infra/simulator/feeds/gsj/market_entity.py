"""市场主体登记: what changed in the register on a day, as Parquet of text columns; on the first day the whole of it.

The same rows are in the exchange database (`infra.simulator.exchange`), but for the planted dirt: that falls on
entities which nobody else names.
"""

from __future__ import annotations

from datetime import timedelta

from infra.simulator.city import City
from infra.simulator.dirt import spoil
from infra.simulator.feed import Feed
from infra.simulator.market_register import changed, quiet
from infra.simulator.model import Slot, TableTruth
from infra.simulator.planted import Planted, of_file
from infra.simulator.writers import parquet_bytes

_ID = "gsj.market_entity"
_DIRT = (
    Planted(_ID, 1, "cell", 1, "approved_date.type", {"hzrq": "2026-02-30"}),
    Planted(_ID, 1, "cell", 1, "status.allowed", {"djzt": "开业"}),
    Planted(_ID, 1, "check", 1, "legal_rep_id_check_digit", {"frzjhm": ""}, "flag"),
    Planted(_ID, 1, "duplicate", 2),
    Planted(_ID, 2, "cell", 1, "approved_after_registered", {"clrq": "2026-03-01", "hzrq": "2026-02-01"}),
    Planted(_ID, 2, "cell", 1, "identified", {"tyshxydm": "", "zch": ""}),
    Planted(_ID, 3, "cell", 1, "town_code.pattern", {"zjdm": "4420"}),
    Planted(_ID, 3, "conflict", 1, cells={"qymc": "名称与前一条不同（模拟）"}),
    Planted(_ID, 4, "cell", 1, "capital_wan.range", {"zczb": "-10.0000"}),
    Planted(_ID, 4, "cell", 1, "merged_into_another", {"djzt": "合并", "cjztdm": ""}, "flag"),
    Planted(_ID, 5, "cell", 1, "entity_name.required", {"qymc": ""}),
    Planted(
        _ID,
        5,
        "cell",
        1,
        "code_holds_organisation_code",
        {"tyshxydm": "91442000MA4W000110", "zzjgdm": "733700100"},
        "flag",
    ),
)


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    day_no = city.day_no(slot.start)
    rows = changed(city, day_no)
    plan = of_file(city.plan_of(_ID, _DIRT), city.plan_day(day_no), 0, slot.revision)
    rng, reach = city.rng(_ID, day_no, "dirt"), quiet(city, day_no, rows)
    spoil(rows, plan, rng, scale=city.scale, day=slot.start.date().isoformat(), reach=reach)
    return parquet_bytes(rows), {"market_entity": rows.truth()}


FEED = Feed(
    department="gsj",
    name="market_entity",
    every="day",
    filename="market_entity_{start:%Y%m%d}{suffix}.parquet",
    arrives=timedelta(hours=23, minutes=40),
    render=_render,
    history="files",
    dirt=_DIRT,
)
