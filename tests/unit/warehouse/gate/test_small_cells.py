"""The rules for small cells, each on the smallest table that breaks it, and beside earlier releases."""

from __future__ import annotations

import duckdb
import pytest

from warehouse.build.report import SmallCells
from warehouse.gate.small_cells import RULES, Broken, broken, sentence

SAID = SmallCells(k=5, count="people", by=["week"], cell="town", total="all", ratios=["share"])
Whole = dict[str, int | None]

GOOD: Whole = {"a": 7, "b": None, "c": None, "d": 0, "all": 14}
"""b and c are 7 people: 3 and 4, or one of them large."""


def judged(*releases: Whole | dict[str, Whole], share: dict[str, float] | None = None) -> set[str]:
    """Rules that the first table breaks beside the others; one whole each, or several by week."""
    with duckdb.connect() as connection:
        for number, release in enumerate(releases):
            connection.execute(f"create table t{number} (week varchar, town varchar, people bigint, share double)")
            weeks = release if all(isinstance(one, dict) for one in release.values()) else {"w1": release}
            rows = [
                [week, town, people, (share or {}).get(town)]
                for week, cells in weeks.items()
                if isinstance(cells, dict)
                for town, people in cells.items()
            ]
            if rows:
                connection.executemany(f"insert into t{number} values (?, ?, ?, ?)", rows)
        names = [f"t{number}" for number in range(len(releases))]
        return set(broken(connection, names[0], SAID, names[1:]))


@pytest.mark.parametrize(
    ("whole", "rules"),
    [
        (GOOD, None),
        ({"a": 0, "all": 0}, None),
        ({"a": 9, "b": None, "all": None}, None),
        ({"a": 7, "b": None, "c": None, "all": 13}, None),
        ({"a": 7, "b": 3, "all": 10}, "shown"),
        ({"a": 0, "b": None, "all": 4}, "shown derivable"),
        ({"a": 7, "b": None, "all": 10}, "derivable"),
        ({"a": 7, "b": None, "c": None, "all": 12}, "derivable"),
        ({"a": 7, "b": 8, "all": 18}, "derivable"),
        ({"a": 7, "b": 8}, "incomplete"),
    ],
)
def test_a_whole_alone(whole: Whole, rules: str | None) -> None:
    assert judged(whole) == set((rules or "").split())


def test_a_ratio_beside_a_number_or_a_total_left_out() -> None:
    assert judged(GOOD, share={"a": 50}) == set()
    assert judged(GOOD, share={"b": 21}) == {"ratio"}
    assert judged({"a": 9, "b": None, "all": None}, share={"a": 75}) == {"ratio"}


@pytest.mark.parametrize(
    ("earlier", "rule"),
    [
        (GOOD, None),
        (GOOD | {"a": 8, "all": 15}, "difference"),
        (GOOD | {"all": 16}, "difference"),  # two people among those left out
        (GOOD | {"a": 20, "all": 27}, None),  # thirteen people: no small number shows
        (GOOD | {"a": 20, "all": 30}, "difference"),  # thirteen in a, three among those left out
        ({"a": None, "b": None, "c": 6, "d": 0, "all": 14}, "together"),  # b is 1: each release shows one of the others
        ({"a": None, "b": 6, "c": None, "d": 0, "all": 30}, "pattern"),
        ({"a": 7, "b": None, "c": None, "all": 14}, "cells"),
        ({"a": 7, "b": None, "c": None, "d": 0, "all": None}, None),
        ({"a": None, "b": None, "c": None, "d": 0, "all": 14}, None),  # another k: less was known
    ],
)
def test_a_whole_beside_an_earlier_release(earlier: Whole, rule: str | None) -> None:
    assert judged(GOOD, earlier) == ({rule} if rule else set())
    assert judged(earlier, GOOD) & {"difference", "pattern", "together", "cells"} == ({rule} if rule else set())


@pytest.mark.parametrize(
    ("earlier", "now", "rule"),
    [
        ({"a": 8, "all": 8}, {"a": 9, "all": 9}, "difference"),
        ({"a": 8, "b": 9, "all": 17}, {"a": 9, "b": 8, "all": 17}, "difference"),
        (
            {"a": None, "b": 7, "c": None, "d": 20, "all": 36},
            {"a": 7, "b": None, "c": None, "d": 20, "all": 36},
            "together",
        ),
    ],
)
def test_numbers_that_changed_places_are_no_less_other_numbers(earlier: Whole, now: Whole, rule: str) -> None:
    assert judged(now, earlier) == judged(earlier, now) == {rule}


def test_a_table_that_has_nothing_of_what_was_shown_is_not_the_same_table() -> None:
    other: Whole = {"a": None, "b": None, "all": 9}
    assert judged({"w2": other}, {"w1": GOOD}) == {"stranger"}
    assert judged({"w2": other, "w1": GOOD}, {"w1": GOOD}) == set()
    assert judged({"w2": other}, {"w1": GOOD}, {"w2": other}) == set()
    assert judged({}, {"w1": GOOD}) == set(), "a table that shows nothing gives nothing"


def test_three_releases_tell_together_what_no_two_of_them_do() -> None:
    now = {"a": None, "b": None, "c": 6, "d": 6, "e": None, "all": 27}
    second = now | {"a": 5}
    third = now | {"b": 5}
    assert judged(now, second) == judged(now, third) == set()
    assert judged(now, second, third) == set(), "e alone is left: five people"
    assert judged(now | {"all": 25}, second | {"all": 25}, third | {"all": 25}) == {"together"}


def test_weeks_that_come_or_go_are_not_compared() -> None:
    other: Whole = {"a": None, "b": None, "all": 9}
    assert judged({"w1": GOOD, "w2": other}, {"w1": GOOD}) == set()
    assert judged({"w1": GOOD}, {"w1": GOOD, "w2": other}) == set()
    assert judged({"w1": GOOD, "w2": other}, {"w1": GOOD, "w2": other | {"all": 10}}) == {"difference"}


def test_what_is_wrong_is_said_without_a_number_of_people() -> None:
    said = sentence({"derivable": Broken(3, ("DENG 2026-03-02", "FLU 2026-03-02"))}, SAID)
    assert said.startswith("3 totals with their cells show a total from which")
    assert said.endswith("(DENG 2026-03-02, FLU 2026-03-02, …)")
    assert all(text.format(k=5) for text in RULES.values())
