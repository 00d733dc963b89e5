"""A feed by declaration: columns with generators, rhythm, file pattern, rows, and dirt whose counts are known.

    FEED = declared("office", "air", every="hour", filename="air_{start:%Y%m%d%H}{suffix}.csv", arrives=…, rows=8,
                    columns={"code": fixed(…), "PM25": number(3, 90)}, dirt=[repeated(1, 2)])

Names of files ending in `.csv` make delimited text, in `.ndjson` JSON objects. A feed that tells a story gives a
`render` of its own to `Feed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import time, timedelta
from functools import partial
from typing import Literal

import numpy as np

from infra.simulator.city import City
from infra.simulator.columns import Draw, Generator
from infra.simulator.dirt import spoil
from infra.simulator.feed import Feed
from infra.simulator.model import Slot, TableTruth
from infra.simulator.planted import Planted, of_file
from infra.simulator.rows import Rows, Texts
from infra.simulator.writers import csv_bytes, is_number, json_texts, ndjson_bytes

Cells = Mapping[str, str]


def refused(day: int, count: int, rule: str, cells: Cells, *, hour: int = 0) -> Planted:
    """`count` rows of a file whose cells break one rule: a missing value, a range, a format, an unknown code."""
    return Planted("", day, "cell", count, rule, cells, hour=hour)


def accepted(day: int, count: int, rule: str, cells: Cells, *, hour: int = 0) -> Planted:
    """`count` rows with cells that mean something else than they say, such as a code for a missing value."""
    return Planted("", day, "cell", count, rule, cells, "accept", hour=hour)


def repeated(day: int, count: int, *, hour: int = 0) -> Planted:
    """`count` rows sent twice."""
    return Planted("", day, "duplicate", count, hour=hour)


def conflicting(day: int, count: int, cells: Cells, *, hour: int = 0) -> Planted:
    """`count` keys sent again with other `cells`."""
    return Planted("", day, "conflict", count, cells=cells, hour=hour)


def late(day: int, arrives_day: int, arrives: time, *, hour: int = 0) -> Planted:
    """A file that comes late."""
    return Planted("", day, "late", hour=hour, arrives_day=arrives_day, arrives=arrives)


def corrected(day: int, arrives_day: int, arrives: time, *, hour: int = 0) -> Planted:
    """A file sent again with other values."""
    return Planted("", day, "correction", hour=hour, revision=2, arrives_day=arrives_day, arrives=arrives)


def declared(
    department: str,
    name: str,
    *,
    every: Literal["hour", "day"],
    filename: str,
    arrives: timedelta,
    rows: int,
    columns: Mapping[str, Generator],
    dirt: Sequence[Planted] = (),
) -> Feed:
    """The feed: `rows` rows a file and unit of scale, each an event of the interval's local day."""
    feed = f"{department}.{name}"
    plan = tuple(replace(entry, feed=feed) for entry in dirt)

    def render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
        revision = 1 if slot.note == "redelivery" else slot.revision
        made = _rows(city, feed, slot, revision, rows * city.scale, columns)
        day = slot.start.date().isoformat()
        entries = of_file(city.plan_of(feed, plan), city.plan_day(city.day_no(slot.start)), slot.start.hour, revision)
        rng = city.rng(feed, slot.start.isoformat(), revision, "dirt")
        spoil(made, entries, rng, scale=city.scale, day=day)
        content = _json(made, columns) if filename.endswith(".ndjson") else csv_bytes(made, list(columns))
        return content, {name: made.truth()}

    return Feed(department, name, every, filename, arrives, render, dirt=plan)


def _rows(city: City, feed: str, slot: Slot, revision: int, count: int, columns: Mapping[str, Generator]) -> Rows:
    rng = partial(city.rng, feed, slot.start.isoformat(), revision)
    cells: dict[str, Texts] = {}
    for column, generator in columns.items():
        cells[column] = generator.make(Draw(rng("column", column), rng, count, slot.start, cells))
    return Rows(cells, event_day=np.full(count, slot.start.date().isoformat(), dtype=object))


def _json(rows: Rows, columns: Mapping[str, Generator]) -> bytes:
    """Cells as JSON literals: numbers as they are, what dirt left empty is null, all else a string."""
    for column, generator in columns.items():
        values = rows.cells[column]
        literal = np.where(is_number(values) & (not generator.quoted), values, json_texts(values))
        rows.cells[column] = np.where(values == "", "null", literal).astype(object)
    return ndjson_bytes(rows, {column: column for column in columns})
