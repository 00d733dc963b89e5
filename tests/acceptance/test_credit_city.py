"""Credit on the simulated city: the models find what the city says happened, and no more (C1, C2, C3).

The truth is computed from what the city did, never from its files; the lake is that of the story, after five days.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest

from infra.simulator.city import City
from infra.simulator.credit_truth import credit_effects
from ingestion.settings import Settings
from tests.acceptance.test_story import START, five_days
from tests.support import baked

LAST = START + timedelta(days=4)
Truth = dict[str, Any]


@pytest.fixture(scope="module")
def truth() -> Truth:
    return credit_effects(City(seed=442000, start=START, days=5))


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    """The build file after the last day; only tables are read."""
    home = baked.shared("five-days", five_days)
    with duckdb.connect(Settings(home=home).build_path, read_only=True) as connection:
        yield connection


def rows(db: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return db.execute(sql).fetchall()


def test_received_and_late_by_authority_and_month(db: duckdb.DuckDBPyConnection, truth: Truth) -> None:
    received: Counter[tuple[str, str, str]] = Counter()
    late: Counter[tuple[str, str, str]] = Counter()
    for one in truth["reported"]:
        kind = "permit" if "permit" in one["feed"] else "penalty"
        key = kind, one["authority"], one["month"]
        received[key] += one["reported"]
        late[key] += one["late"]
    found = rows(
        db,
        "select record_kind, authority, strftime(received_month, '%Y-%m'), received, late from mart_double_publicity",
    )
    assert {(kind, name, month): (count, slow) for kind, name, month, count, slow in found} == {
        key: (count, late[key]) for key, count in received.items()
    }
    assert sum(late.values()) > 10


def test_permits_granted_while_sanctioned_are_those_planted(db: duckdb.DuckDBPyConnection, truth: Truth) -> None:
    planted = {(one["doc_no"], name) for one in truth["permits_while_sanctioned"] for name in one["lists"]}
    assert len(planted) > 3
    assert set(rows(db, "select doc_no, list_code from mart_joint_measures")) == planted


def test_decisions_leave_on_their_day(db: duckdb.DuckDBPyConnection, truth: Truth) -> None:
    by = {"maximum": "period", "repair": "repair"}
    expected = {one["doc_no"]: (date.fromisoformat(one["date"]), by[one["reason"]]) for one in truth["publicity_ends"]}
    assert {how for _, how in expected.values()} == set(by.values())
    found = rows(db, "select doc_no, publicity_end_date, publicity_ended_by from fct_penalty where is_publishable")
    assert {doc_no: (end, how) for doc_no, end, how in found if doc_no in expected} == expected
    shown = {doc_no for (doc_no,) in rows(db, "select doc_no from pub_credit_penalty")}
    assert not {doc_no for doc_no, (end, _) in expected.items() if end <= LAST} & shown
    assert shown == {
        doc_no
        for doc_no, start, end in rows(db, "select doc_no, publicity_start_date, publicity_end_date from fct_penalty")
        if start <= LAST < end
    }


def test_revoked_decisions_leave_with_the_report(db: duckdb.DuckDBPyConnection, truth: Truth) -> None:
    expected = {one["doc_no"]: date.fromisoformat(one["date"]) for one in truth["revoked"]}
    assert expected
    found = rows(
        db,
        "select doc_no, publicity_end_date, is_publishable from fct_permit where status = '1' union all "
        "select doc_no, publicity_end_date, is_publishable from fct_penalty where status = '1'",
    )
    assert {doc_no for doc_no, *_ in found} == set(expected)
    assert all(end <= expected[doc_no] for doc_no, end, shown in found if shown)


def test_who_is_put_on_a_list_and_taken_off_it(db: duckdb.DuckDBPyConnection, truth: Truth) -> None:
    """C2. What was taken off on the first day was on no list the lake has."""
    changes: dict[str, set[tuple[str, str, date]]] = {"listed": set(), "delisted": set()}
    for one in truth["lists"]:
        changes[one["change"]].add((one["list"], one["uscc"], date.fromisoformat(one["date"])))
    on = set(
        rows(db, f"select list_code, uscc, valid_from_date from fct_list_membership where valid_from_date >= '{START}'")
    )
    off = set(
        rows(db, "select list_code, uscc, valid_to_date from fct_list_membership where valid_to_date is not null")
    )
    # A row that was refused on the last day looks like one taken off until the next list.
    refused = {one for one in off - changes["delisted"] if one[2] == LAST}
    assert len(refused) <= 2
    assert off - refused == {one for one in changes["delisted"] if one[2] > START}
    assert on == changes["listed"]


def test_every_record_is_in_one_area_and_nothing_is_lost(db: duckdb.DuckDBPyConnection) -> None:
    """C3."""
    areas = rows(
        db,
        "select count(distinct area_code), sum(permits), sum(penalties), sum(list_memberships) from mart_credit_area",
    )
    facts = [
        rows(db, f"select count(*) from {fact}")[0][0] for fact in ("fct_permit", "fct_penalty", "fct_list_membership")
    ]
    assert areas == [(3, *facts)]
    assert all(facts)


def test_no_person_is_public(db: duckdb.DuckDBPyConnection) -> None:
    for name in ("permit", "penalty"):
        persons = rows(
            db,
            f"select count(*), count(p.{name}_id) from fct_{name} as f left join pub_credit_{name} as p "
            f"using ({name}_id) where coalesce(f.party_kind, '') not in ('法人及非法人组织', '个体工商户')",
        )
        assert persons[0][0] > 0
        assert persons[0][1] == 0
        names = {party for (party,) in rows(db, f"select party_name from pub_credit_{name}")}
        assert names
        assert all(len(party) > 6 for party in names)


def test_the_profile_is_of_every_organisation_once(db: duckdb.DuckDBPyConnection) -> None:
    found = rows(
        db,
        "select count(*), count(distinct organisation_id), sum(permits), sum(penalties), sum(food_licences) "
        "from mart_org_360",
    )
    (every, distinct, permits, penalties, licences) = found[0]
    assert every == distinct == rows(db, "select count(*) from dim_organisation where is_current")[0][0]
    assert min(permits, penalties, licences) > 0
