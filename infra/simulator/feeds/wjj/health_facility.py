"""医疗卫生机构: the register of facilities, whole every morning, CSV in UTF-8."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from infra.simulator.city import City
from infra.simulator.feed import Feed
from infra.simulator.health.places import FACILITIES
from infra.simulator.health.planned import spoiled
from infra.simulator.model import Slot, TableTruth
from infra.simulator.planted import Planted
from infra.simulator.rows import Rows, Texts, texts
from infra.simulator.towns import TOWNS
from infra.simulator.writers import csv_bytes

_ID = "wjj.health_facility"
COLUMNS = (
    "facility_code", "name", "level", "kind", "is_public", "health_system", "town_code", "opened_date", "closed_date",
    "address", "phone",
)  # fmt: skip
RENAMED, RENAMED_ON = "C442000B12", 3
"""A centre that has another name from a day of the run on."""
_DIRT = (Planted(_ID, 1, "duplicate", 1), Planted(_ID, 4, "duplicate", 1))
"""Repeats only: a refused row would look like a facility that is gone."""


def _column(values: list[str]) -> Texts:
    return np.array(values, dtype=object)


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    day_no, numbers = city.day_no(slot.start), np.arange(len(FACILITIES))
    renamed = RENAMED if day_no >= RENAMED_ON else ""
    names = [one.name.replace("社区", "第一社区") if one.code == renamed else one.name for one in FACILITIES]
    town = [TOWNS[one.town] for one in FACILITIES]
    cells = {
        "facility_code": _column([one.code for one in FACILITIES]),
        "name": _column(names),
        "level": _column([one.level for one in FACILITIES]),
        "kind": _column([one.kind for one in FACILITIES]),
        "is_public": _column([one.is_public for one in FACILITIES]),
        "health_system": _column([one.system for one in FACILITIES]),
        "town_code": _column([one.code for one in town]),
        "opened_date": _column([one.opened for one in FACILITIES]),
        "closed_date": np.full(len(FACILITIES), "", object),
        "address": _column([f"中山市{one.name}健康路" for one in town]) + texts(numbers + 1, "%d") + "号",
        "phone": "0760-8800" + texts(numbers + 1000, "%04d"),
    }
    rows = Rows(cells)
    # The facilities stay as many, whatever the scale, and so does what is planted among them.
    spoiled(city, _ID, _DIRT, slot, rows, scale=1)
    return csv_bytes(rows, COLUMNS), {"health_facility": rows.truth()}


FEED = Feed(
    department="wjj",
    name="health_facility",
    every="day",
    filename="health_facility_{start:%Y%m%d}{suffix}.csv",
    arrives=timedelta(hours=6, minutes=20),
    render=_render,
    history="files",
    dirt=_DIRT,
)
