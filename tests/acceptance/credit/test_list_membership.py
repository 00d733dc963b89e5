"""Memberships of lists against a walk through the days: random lists, lists and whole days that do not come, C2."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.contract.load import load_contracts
from ingestion.settings import Settings
from tests.acceptance.credit.test_credit_cases import AS_OF, IDENTIFIERS
from tests.support.examples import a_part
from tests.support.model_tables import ModelTables

FIRST = date(2026, 1, 1)
SETTINGS = Settings()
CONTRACTS = load_contracts(SETTINGS.contracts)

ENTRIES = "stg_fgj__credit_list_entries"

Lists = list[dict[str, set[str]]]
"""Of each day the members of each list that came; a day without any did not come."""

members = st.sets(st.sampled_from(["U1", "U2", "U3"]), min_size=1)
lists = st.lists(st.dictionaries(st.sampled_from("AB"), members), min_size=1, max_size=9)


def walked(days: Lists) -> set[tuple[str, str, date, date | None]]:
    """(list, member, first day on it, first day no longer on it), a day at a time."""
    found: set[tuple[str, str, date, date | None]] = set()
    last: dict[str, set[str]] = defaultdict(set)
    since: dict[tuple[str, str], date] = {}
    for number, sent in enumerate(days):
        day = FIRST + timedelta(days=number)
        for name in "AB" if sent else "":
            if name not in sent and len(last[name]) != 1:
                continue  # not among the lists that came
            now = sent.get(name, set())
            for member in last[name] - now:
                found.add((name, member, since.pop((name, member)), day))
            for member in now - last[name]:
                since[name, member] = day
            last[name] = now
    return found | {(name, member, day, None) for (name, member), day in since.items()}


@pytest.fixture(scope="module")
def tables() -> Iterator[ModelTables]:
    with duckdb.connect() as connection:
        found = ModelTables(connection, SETTINGS.dbt_project, CONTRACTS, AS_OF, views=True)
        found.give("dim_organisation_identifier", IDENTIFIERS)
        yield found


def bridged(memberships: set[tuple[str, str, date, date | None]]) -> set[tuple[str, str, date, date | None]]:
    """One membership of each member and list: who comes back with the same day of listing was never taken off."""
    spans: dict[tuple[str, str], list[tuple[date, date | None]]] = defaultdict(list)
    for name, member, first, end in sorted(memberships, key=lambda one: one[2]):
        spans[name, member].append((first, end))
    return {(*key, found[0][0], found[-1][1]) for key, found in spans.items()}


@settings(max_examples=a_part(0.7), deadline=None)
@given(days=lists, is_listed_anew=st.booleans())
def test_memberships_are_those_of_a_walk_through_the_days(
    tables: ModelTables, days: Lists, is_listed_anew: bool
) -> None:
    rows = [
        (name, member, FIRST + timedelta(days=number), f"b{number}")
        for number, sent in enumerate(days)
        for name, on_list in sent.items()
        for member in sorted(on_list)
    ]
    tables.insert(ENTRIES, "select null as list_code where false")
    tables.connection.execute(f"delete from {ENTRIES}")
    listed = "list_date" if is_listed_anew else "min(list_date) over (partition by list_code, uscc)"
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    tables.connection.execute(
        f"insert into {ENTRIES} (list_code, uscc, list_date, _batch_id, listed_date) select *, {listed} from ("
        "select unnest($1::varchar[]) as list_code, unnest($2::varchar[]) as uscc, "
        "unnest($3::date[]) as list_date, unnest($4::varchar[]))",
        columns,
    )
    found = tables.rows("fct_list_membership", "list_code, uscc, valid_from_date, valid_to_date")
    entries = tables.rows("fct_list_membership", "coalesce(sum(list_entries), 0)")
    assert len(found) == len(set(found))
    assert set(found) == (walked(days) if is_listed_anew else bridged(walked(days)))
    assert entries == [(len(rows),)]


def test_a_list_that_is_not_among_those_sent_is_counted(tables: ModelTables) -> None:
    tables.insert(ENTRIES, "select null as list_code where false")
    tables.connection.execute(f"delete from {ENTRIES}")
    sent = [("A", 1), ("B", 2), ("A", 2), ("B", 4)]
    for name, number in sent:
        tables.connection.execute(
            f"insert into {ENTRIES} (list_code, uscc, list_date) values ($1, 'U', $2)",
            [name, FIRST + timedelta(days=number)],
        )
    found = tables.rows("gov_mart_credit_gap", "records_checked, gaps_found", "record_kind = 'list'")
    # A on the first, second and fourth day; B, which is new, on the second and fourth.
    assert found == [(5, 1)]
