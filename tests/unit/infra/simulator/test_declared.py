"""Feeds by declaration: the same bytes for the same arguments, columns drawn apart, and dirt counted as planted."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import time, timedelta
from typing import Any

import pytest

from infra.simulator.city import City
from infra.simulator.columns import (
    Generator,
    choice,
    fixed,
    later,
    mobile,
    moment,
    number,
    plate,
    road,
    serial,
    town,
)
from infra.simulator.declared import accepted, conflicting, corrected, declared, late, refused, repeated
from infra.simulator.feed import Feed
from infra.simulator.schedule import arriving
from infra.simulator.towns import TOWNS
from infra.simulator.words import MARK

COLUMNS: dict[str, Generator] = {
    "no": serial("K%Y%m%d-#"),
    "opened": moment(until_hour=20),
    "closed": later("opened", (5, 30)),
    "kind": choice({"a": 3, "b": 1}),
    "site": fixed(["x", "y", "z"]),
    "level": number(2, 9, digits=1, peak_hour=8),
    "town": town(),
    "town_name": town("name"),
    "lat": town("latitude"),
    "road": road(),
    "plate": plate(),
    "phone": mobile(),
}
DIRT = [
    refused(1, 2, "level.range", {"level": "99"}),
    accepted(1, 1, "level.missing", {"level": "—"}),
    repeated(1, 3),
    conflicting(1, 1, {"kind": "c"}),
    late(2, 3, time(9, 0)),
    corrected(1, 2, time(10, 0)),
]


def feed(columns: Mapping[str, Generator] = COLUMNS, ending: str = "csv", **said: Any) -> Feed:
    return declared(
        "office", "ticket", every="day", filename=f"t_{{start:%Y%m%d}}{{suffix}}.{ending}", arrives=timedelta(hours=21),
        rows=50, columns=columns, **({"dirt": DIRT} | said),
    )  # fmt: skip


def rows(city: City, made: Feed, day: int = 1, place: int = 0) -> list[dict[str, str]]:
    content = made.deliver(city, arriving(city, made, day)[place]).content.decode()
    if made.filename.endswith("ndjson"):
        return [json.loads(line) for line in content.splitlines()]
    return list(csv.DictReader(io.StringIO(content)))


def test_a_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert rows(City(), feed()) == rows(City(), feed())
    assert rows(City(), feed()) != rows(City(seed=1), feed())
    assert rows(City(), feed(), day=3)[0]["no"] == "K20260303-00001", "the late file of the second day comes first"


def test_a_new_column_changes_no_other() -> None:
    clean = rows(City(plan=()), feed())
    more = rows(City(plan=()), feed({"new": number(0, 5), **COLUMNS}))
    assert [{key: row[key] for key in COLUMNS} for row in more] == clean


def test_values_are_of_their_kind() -> None:
    made = rows(City(plan=()), feed())
    towns = {place.code: place for place in TOWNS}
    assert [row["no"] for row in made] == [f"K20260302-{n:05d}" for n in range(1, 51)]
    assert [row["opened"] for row in made] == sorted(row["opened"] for row in made)
    assert all(row["opened"] < row["closed"] for row in made)
    assert {row["opened"][:10] for row in made} == {"2026-03-02"}
    assert {row["kind"] for row in made} == {"a", "b"}
    assert all(2 <= float(row["level"]) <= 9 for row in made)
    assert all(towns[row["town"]].name == row["town_name"] for row in made)
    assert all(abs(towns[row["town"]].latitude - float(row["lat"])) < 0.1 for row in made)
    assert all(row["road"].endswith(MARK) and len(row["plate"]) == 7 and len(row["phone"]) == 11 for row in made)


def test_a_larger_city_has_more_sites_not_the_same_twice() -> None:
    few, columns = City(plan=()), {"site": fixed(["x", "y"])}
    made = declared(
        "office", "site", every="day", filename="s_{start:%d}{suffix}.csv", arrives=timedelta(hours=1), rows=2,
        columns=columns,
    )  # fmt: skip
    assert [row["site"] for row in rows(few, made)] == ["x", "y"]
    assert [row["site"] for row in rows(City(plan=(), scale=2), made)] == ["x", "y", "x-1", "y-1"]
    assert len(rows(City(plan=(), scale=3), feed())) == 150


@pytest.mark.parametrize("ending", ["csv", "ndjson"])
def test_dirt_is_in_the_file_and_in_the_truth(ending: str) -> None:
    made = feed(ending=ending)
    city = City()
    delivery = made.deliver(city, arriving(city, made, 1)[0])
    (truth,) = delivery.tables.values()
    assert (truth.rows, truth.clean, truth.duplicates) == (54, 46 + 1, 3)
    assert truth.refused == {"level.range": 2}
    assert truth.special == {"level.missing": 1}
    assert (truth.conflict_keys, truth.conflict_rows) == (1, 2)
    found = rows(city, made)
    assert sum(str(row["level"]) == "99" for row in found) == 2
    assert len(found) == truth.rows


def test_a_missing_cell_is_null_in_json() -> None:
    made = feed(ending="ndjson", dirt=[refused(1, 1, "kind.required", {"kind": ""})])
    assert sum(row["kind"] is None for row in rows(City(), made)) == 1
    assert all(isinstance(row["level"], float) and isinstance(row["no"], str) for row in rows(City(), made))


def test_files_come_late_and_again() -> None:
    city, made = City(), feed()
    first, second, third = ([slot.note for slot in arriving(city, made, day)] for day in (1, 2, 3))
    assert (first, second, third) == ([""], ["correction"], ["late", ""])
    original, again = rows(city, made), rows(city, made, day=2)
    assert [row["no"] for row in again][:50] == [row["no"] for row in original][:50]
    assert again != original


def test_a_plan_of_its_own_replaces_declared_dirt() -> None:
    assert feed().plan(City(plan=())) == ()
    assert {entry.feed for entry in feed().plan(City())} == {"office.ticket"}
