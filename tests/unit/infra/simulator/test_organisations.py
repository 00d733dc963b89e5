"""Market entities: who there is, what happens to them, and that files, table and list agree."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from infra.simulator.city import City
from infra.simulator.market_register import PHYSICAL, changed, table, written_whole
from infra.simulator.organisation_changes import CHANGES, NEW, QUIET_CHANGES
from infra.simulator.organisations import BASE
from infra.simulator.words import MARK

DAY = "gsj/market_entity/market_entity_202603{:02d}.parquet"
LIST = "gsj/market_entity_register/market_entity_register_2026-W09.parquet"


def rows(city: City, day_no: int) -> dict[str, tuple[str, ...]]:
    """The table at the end of a day by entity."""
    found = table(city, day_no)
    return dict(zip(found.cells["ztsfdm"], zip(*(found.cells[name] for name in PHYSICAL), strict=True), strict=True))


def states(city: City, day_no: int) -> dict[str, dict[str, str]]:
    """The same with names of what the columns hold."""
    return {key: dict(zip(PHYSICAL.values(), row, strict=True)) for key, row in rows(city, day_no).items()}


def test_food_businesses_with_a_code_are_entities_of_that_code_and_name(city: City) -> None:
    register = city.businesses
    listed = np.flatnonzero((register.opened <= city.days) & (register.uscc != ""))
    ours = {state["uscc"]: state["entity_name"] for state in states(city, city.days).values()}
    assert {register.uscc[at]: ours.get(register.uscc[at]) for at in listed} == {
        register.uscc[at]: register.name[at] for at in listed
    }


def test_older_entities_have_numbers_and_only_the_oldest_no_code(city: City) -> None:
    found = states(city, 0).values()
    assert all(state["uscc"] or state["registration_no"] for state in found)
    assert all(state["registered_date"] < "2013" for state in found if not state["uscc"])
    assert not [s for s in found if s["registration_no"] and s["registered_date"] >= "2016-12-01"]
    held = [state for state in found if state["uscc"] and state["organisation_code"]]
    assert all(state["uscc"][8:17] == state["organisation_code"] for state in held)
    kinds = Counter(state["entity_kind"] for state in found)
    assert min(kinds[kind] for kind in ("企业", "个体工商户", "农民专业合作社")) >= 40
    assert sum(not state["uscc"] for state in found) > 150


def test_names_are_marked_but_for_sole_traders_who_bear_a_persons_name(city: City) -> None:
    unmarked = [state for state in states(city, 0).values() if MARK not in state["entity_name"]]
    assert unmarked
    assert {state["entity_kind"] for state in unmarked} == {"个体工商户"}
    assert all(len(state["entity_name"]) <= 3 for state in unmarked)


def test_a_day_changes_what_it_says(city: City) -> None:
    before, after = states(city, 2), states(city, 3)
    kinds = {kind: after_numbers(city, 3, kind) for kind in city.organisations.changes[3].kinds}
    assert {kind: len(found) for kind, found in kinds.items()} == {
        **CHANGES, "new": NEW, "quiet": QUIET_CHANGES, "claimed": 1,
    }  # fmt: skip
    touched = set().union(*kinds.values())
    assert after.keys() - before.keys() == set(kinds["new"])
    assert all(after[key] == before[key] for key in before.keys() & after.keys() - touched)
    for key in kinds["renamed"]:
        assert (after[key]["former_name"], after[key]["uscc"]) == (before[key]["entity_name"], before[key]["uscc"])
    for key in kinds["merged"]:
        successor = [state for state in before.values() if state["uscc"] == after[key]["successor_uscc"]]
        assert [state["status"] for state in successor] == ["存续"]
    for key in kinds["coded"]:
        assert not before[key]["uscc"]
        assert after[key]["uscc"][8:17] == before[key]["organisation_code"]
    for key in kinds["claimed"]:
        assert after[key]["uscc"] in {state["uscc"] for state in before.values()}
    assert all(after[key]["approved_date"] == "2026-03-04" for key in touched)


def after_numbers(city: City, day_no: int, kind: str) -> list[str]:
    """Numbers of the entities of one kind of change."""
    index = city.organisations.changes[day_no].kinds[kind]
    numbers: list[str] = city.organisations.state(day_no).cells["entity_no"][index].tolist()
    return numbers


def test_the_deleted_are_missing_from_the_weekly_list_alone(city: City, drop: dict[str, Any]) -> None:
    gone = set(rows(city, 0)) - set(rows(city, 1))
    assert len(gone) == 1, "one on the first Monday"
    sent = {row["ztsfdm"] for tables in drop.values() for row in tables.get("market_entity", [])}
    listed = {row["ztsfdm"] for row in drop[LIST]["market_entity_register"]}
    assert listed == set(rows(city, 1))
    assert not gone & sent
    later = set(rows(city, 3)) - set(rows(city, 4))
    assert len(later) == 1
    assert later <= sent


def test_the_first_file_is_the_whole_table_and_the_others_what_changed(city: City, drop: dict[str, Any]) -> None:
    clean = City(plan=())
    assert set(rows(city, 1)) == {row["ztsfdm"] for row in drop[DAY.format(2)]["market_entity"]}
    for day_no in (2, 3, 4, 5):
        sent = changed(clean, day_no)
        assert len(sent) == sum(CHANGES.values()) + NEW + QUIET_CHANGES + (day_no == 3)
        assert set(sent.event_day if sent.event_day is not None else ()) == {str(city.date_of(day_no))}
        before, after = rows(clean, day_no - 1), rows(clean, day_no)
        moved = {key: row for key, row in after.items() if before.get(key) != row}
        assert moved == dict(
            zip(sent.cells["ztsfdm"], zip(*(sent.cells[name] for name in PHYSICAL), strict=True), strict=True)
        )


def test_what_is_handed_over_begins_with_the_whole_table() -> None:
    past = City(plan=(), history=30)
    assert len(changed(past, -29)) == len(table(past, -29)) > BASE
    assert len(changed(past, -28)) < 100
    assert written_whole(past) == (past.organisations.first, -29, 1)
    long = City(plan=(), history=100)
    assert len(changed(long, -99)) == BASE
    assert len(changed(long, -98)) == 0, "before the changes the register stands still"


@pytest.mark.parametrize("day_no", [5, 1, -20, 5])
def test_a_state_does_not_depend_on_what_was_asked_before(day_no: int) -> None:
    asked, fresh = City(days=5), City(days=6)
    asked.organisations.state(4)
    assert rows(asked, day_no) == rows(fresh, day_no)
