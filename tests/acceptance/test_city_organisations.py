"""Five days of the simulated city's register of market entities, file by file, against the register itself.

The city knows each day's register; the lake sees only what changed on a day and, once a week, which entities there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from infra.simulator.city import City
from infra.simulator.deliver import write_whole
from infra.simulator.feeds import FEEDS
from infra.simulator.organisations import MERGED
from infra.simulator.schedule import arriving
from ingestion.lake import open_lake
from ingestion.settings import Settings
from warehouse.build.report import BuildReport
from warehouse.build.runner import build
from warehouse.capture import Captured, capture

pytestmark = pytest.mark.faults

PRODUCT = "organisation"
START, DAYS = date(2026, 3, 5), 5
"""From a Thursday to the Monday on which the week's register arrives; on Mondays an entity is deleted without trace."""
COMPARED = ("uscc", "entity_name", "former_name", "entity_kind", "town_code", "status", "registration_no")


@pytest.fixture(scope="module")
def city() -> City:
    return City(start=START, days=DAYS)


@pytest.fixture(scope="module")
def built(city: City, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BuildReport]:
    """Built after the first day and again after the last; the build file and the last report."""
    lake = open_lake(Settings(home=tmp_path_factory.mktemp("register")))
    contracts = [contract for contract in lake.contracts.values() if contract.product == PRODUCT]
    feeds = [feed for feed in FEEDS if feed.id in {contract.name for contract in contracts}]
    for day_no in range(1, DAYS + 1):
        for delivery in (feed.deliver(city, slot) for feed in feeds for slot in arriving(city, feed, day_no)):
            path = lake.settings.root / "city" / "drop" / delivery.path
            write_whole(path, delivery.content, delivery.arrives_at.timestamp())
        day = city.date_of(day_no)
        for contract in contracts:
            capture(lake, contract, day, taken := Captured())
            assert {delivery.outcome for delivery in taken.deliveries} <= {"accepted", "duplicate"}, taken.deliveries
        if day_no in (1, DAYS):
            report = build(lake, day)
    return lake.settings.build_path, report


@pytest.fixture
def db(built: tuple[Path, BuildReport]) -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect(built[0], read_only=True)) as connection:
        yield connection


def register(city: City, day_no: int) -> dict[str, dict[str, Any]]:
    """What the register said of each entity at the end of a day; without those that planted dirt may fall on."""
    state = city.organisations.state(day_no)
    index = state.index[~state.quiet[state.index]]
    cells = {name: state.cells[name][index] for name in ("entity_no", "successor_uscc", *COMPARED)}
    return {
        number: {name: str(column[row]) or None for name, column in cells.items()}
        for row, number in enumerate(cells["entity_no"])
    }


def test_checks_of_the_product_pass(built: tuple[Path, BuildReport]) -> None:
    of_product = [check for check in built[1].checks if check.product == PRODUCT]
    assert len(of_product) > 10
    assert [(check.name, check.message) for check in of_product if check.status != "passed"] == []


def test_every_entity_is_as_the_register_has_it(db: duckdb.DuckDBPyConnection, city: City) -> None:
    columns = ", ".join(COMPARED[1:])
    rows = db.execute(
        f"select entity_no, registered_uscc, {columns} from dim_organisation where is_current and not is_deleted"
    ).fetchall()
    found = {number: dict(zip(COMPARED, said, strict=True)) for number, *said in rows}
    expected = register(city, DAYS)
    assert len(expected) > 3_000
    differing = {
        number: (found.get(number), said)
        for number, said in expected.items()
        if found.get(number) != {name: said[name] for name in COMPARED}
    }
    assert differing == {}


def test_the_register_of_the_week_tells_who_was_deleted(db: duckdb.DuckDBPyConnection, city: City) -> None:
    before, after = register(city, 1), register(city, DAYS)
    gone = set(before) - set(after)
    found = {number for (number,) in db.execute("select entity_no from dim_organisation where is_deleted").fetchall()}
    assert gone
    assert gone <= found
    assert found.isdisjoint(after)


def test_renamed_entities_have_a_version_for_each_name(db: duckdb.DuckDBPyConnection, city: City) -> None:
    names: dict[str, list[str]] = {}
    for day_no in range(1, DAYS + 1):
        for number, said in register(city, day_no).items():
            known = names.setdefault(number, [])
            if said["entity_name"] not in known[-1:]:
                known.append(said["entity_name"])
    renamed = {number: known for number, known in names.items() if len(known) > 1}
    assert renamed
    rows = db.execute(
        "select entity_no, entity_name from dim_organisation order by entity_no, valid_from_date"
    ).fetchall()
    found: dict[str, list[str]] = {}
    for number, name in rows:
        if name not in found.setdefault(number, [])[-1:]:
            found[number].append(name)
    assert {number: found[number] for number in renamed} == renamed


def test_merged_entities_point_to_where_they_ended(db: duckdb.DuckDBPyConnection, city: City) -> None:
    there = register(city, DAYS)
    owners = {said["uscc"]: number for number, said in there.items()}
    merged = {number: said["successor_uscc"] for number, said in there.items() if said["status"] == MERGED}
    expected = {}
    for number, code in merged.items():
        end = owners.get(code)
        while end in merged:
            end = owners.get(merged[end])
        expected[number] = end
    expected = {number: end for number, end in expected.items() if end}
    found = dict(
        db.execute(
            "select one.entity_no, ended.entity_no from dim_organisation as one inner join dim_organisation as ended "
            "on one.successor_organisation_id = ended.organisation_id where one.is_current and ended.is_current"
        ).fetchall()
    )
    assert len(expected) > 10
    assert {number: found.get(number) for number in expected} == expected


def test_one_entity_owns_a_code_that_two_claim(db: duckdb.DuckDBPyConnection, city: City) -> None:
    claims = Counter(said["uscc"] for said in register(city, DAYS).values() if said["uscc"])
    claimed_twice = {code for code, entities in claims.items() if entities > 1}
    assert claimed_twice
    rows = db.execute(
        "select registered_uscc, count(*), count(uscc), count(*) filter (is_code_conflict) from dim_organisation "
        "where is_current and list_contains($1, registered_uscc) group by all",
        [sorted(claimed_twice)],
    ).fetchall()
    assert {row[0] for row in rows} == claimed_twice
    assert {(owners, entities - losers) for _, entities, owners, losers in rows} == {(1, 1)}
