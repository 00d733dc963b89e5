"""守信激励和失信惩戒名单: all lists as of a day, whole, as CSV in GB18030."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from infra.simulator.city import City
from infra.simulator.credit_lists import LISTS
from infra.simulator.dirt import spoil
from infra.simulator.feed import Feed
from infra.simulator.model import Slot, TableTruth
from infra.simulator.planted import Planted, of_file
from infra.simulator.rows import Rows
from infra.simulator.writers import csv_bytes

_ID = "fgj.credit_list"
COLUMNS = (
    "名单代码",
    "名单名称",
    "名单类别",
    "统一社会信用代码",
    "名称",
    "列入日期",
    "列入依据",
    "认定机关",
    "认定机关代码",
    "名单日期",
)
_DIRT = (
    Planted(_ID, 1, "duplicate", 2),
    Planted(_ID, 4, "duplicate", 1),
)
"""Repeats only: a refused row would look like an organisation taken off, so the contract takes whole lists only."""


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    day_no = city.day_no(slot.start)
    lists = city.lists
    held = lists.on(day_no)
    entity, number = lists.entity[held], lists.number[held]
    base = city.organisations.base.cells
    day = slot.start.date().isoformat()
    said = [(one.code, one.name, one.kind, one.basis, one.authority.name, one.authority.code) for one in LISTS]
    code, name, kind, basis, authority, authority_code = np.array(said, dtype=object)[number].T
    listed = lists.listed[held].astype(str).astype(object)
    date = np.full(len(held), day, dtype=object)
    cells = (code, name, kind, base["uscc"][entity], base["entity_name"][entity], listed, basis, authority)
    rows = Rows(dict(zip(COLUMNS, (*cells, authority_code, date), strict=True)), event_day=date.copy())
    plan = of_file(city.plan_of(_ID, _DIRT), city.plan_day(day_no), 0, slot.revision)
    spoil(rows, plan, city.rng(_ID, day_no, "dirt"), scale=city.scale, day=day)
    return csv_bytes(rows, COLUMNS, encoding="gb18030"), {"credit_list": rows.truth()}


FEED = Feed(
    department="fgj",
    name="credit_list",
    every="day",
    filename="credit_list_{start:%Y%m%d}{suffix}.csv",
    arrives=timedelta(hours=20),
    render=_render,
    dirt=_DIRT,
)
