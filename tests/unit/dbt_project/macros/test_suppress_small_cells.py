"""The macro that leaves out small cells, over every whole of four cells of 0 to 8 people and many larger ones."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from ingestion.settings import Settings
from tests.support.rendered import Rendered

WHOLES = """
    select whole: a * 729 + b * 81 + c * 9 + d, cell: 'c' || i, people: [a, b, c, d][i]
    from range(9) as ra (a), range(9) as rb (b), range(9) as rc (c), range(9) as rd (d), range(1, 5) as ri (i)
    union all
    select 10000 + w, 'c' || i, (hash(w, i) % (2 + w % 40))::bigint from range(400) as rw (w), range(24) as ri (i)
"""


@pytest.fixture(scope="module", params=[3, 5, 10])
def shown(request: pytest.FixtureRequest) -> Iterator[tuple[duckdb.DuckDBPyConnection, int]]:
    with duckdb.connect() as connection:
        connection.execute(f"create table given as {WHOLES}")
        rendered = Rendered(Settings().dbt_project).macro(
            "suppress_small_cells", "given", ["whole"], "cell", "people", request.param
        )
        connection.execute(
            f"create table shown as select s.*, g.people as truth"
            f" from ({rendered}) as s inner join given as g using (whole, cell)"
        )
        yield connection, request.param


def of_wholes(connection: duckdb.DuckDBPyConnection, where: str) -> int:
    """Wholes for which an expression holds: over hidden, hidden_sum, total, real_total, is_total_suppressed."""
    row = connection.sql(
        f"""with whole as (
                select
                    whole,
                    count(*) filter (people is null) as hidden,
                    coalesce(sum(truth) filter (people is null), 0) as hidden_sum,
                    any_value(total) as total,
                    sum(truth) as real_total,
                    any_value(is_total_suppressed) as is_total_suppressed
                from shown group by whole
            )
            select count(*) from whole where {where}"""
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_what_is_shown_is_true_and_never_small(shown: tuple[duckdb.DuckDBPyConnection, int]) -> None:
    connection, k = shown
    small = f"people between 1 and {k - 1} or (truth = 0 and is_suppressed)"
    wrong = f"people <> truth or (people is null) <> is_suppressed or {small}"
    assert connection.sql(f"select count(*) from shown where {wrong}").fetchone() == (0,)
    assert of_wholes(connection, "total <> real_total or (total is null) <> is_total_suppressed") == 0
    assert of_wholes(connection, f"total between 1 and {k - 1}") == 0


def test_a_number_left_out_can_be_k_or_more_by_what_is_shown(shown: tuple[duckdb.DuckDBPyConnection, int]) -> None:
    """Under a shown total the others left out are at least 1 each, which leaves `hidden_sum - (hidden - 1)` for one."""
    connection, k = shown
    assert of_wholes(connection, f"total is not null and hidden > 0 and hidden_sum - (hidden - 1) < {k}") == 0
    assert of_wholes(connection, "total is not null and hidden = 1") == 0
    assert of_wholes(connection, "total is not null and hidden > 0") > 100


def test_who_knows_the_rule_tells_no_number() -> None:
    """He knows of each table shown which wholes of four towns, 0 included, would be shown so."""
    k = 5
    with duckdb.connect() as connection:
        connection.execute(
            f"""create table given as
                select whole: [a, b, c, d], cell: 'c' || i, people: [a, b, c, d][i]
                from range({k + 5}) as ra (a), range({k + 5}) as rb (b), range({k + 5}) as rc (c),
                    range({k + 5}) as rd (d), range(1, 5) as ri (i)"""
        )
        rendered = Rendered(Settings().dbt_project).macro(
            "suppress_small_cells", "given", ["whole"], "cell", "people", k
        )
        pinned, unsure = connection.sql(
            f"""with seen as (
                    select
                        whole,
                        any_value(total) as total,
                        list(people order by cell) as cells,
                        list(truth order by cell) as truths
                    from (
                        select s.*, g.people as truth from ({rendered}) as s inner join given as g using (whole, cell)
                    )
                    group by whole
                ),
                told as (
                    select total, cells, i, count(distinct truths[i]) as numbers
                    from seen, range(1, 5) as r (i) where cells[i] is null group by all
                )
                select count(*) filter (numbers = 1), count(*) filter (numbers > 1) from told"""
        ).fetchall()[0]
    assert (pinned, unsure > 1000) == (0, True)


def test_no_more_is_left_out_than_must_be(shown: tuple[duckdb.DuckDBPyConnection, int]) -> None:
    """Cells of one size of k or more, and only where the small ones do not hide each other; else the total."""
    connection, k = shown
    small = f"truth between 1 and {k - 1}"
    wholes = f"""
        select
            count(*) filter (truth >= {k} and people is null) as large,
            count(*) filter (truth >= {k} and truth = complement) as ties,
            count(*) filter ({small}) as small,
            coalesce(sum(truth) filter ({small}), 0) as small_sum,
            bool_or(is_total_suppressed) as is_bare,
            max(truth) as largest
        from (
            select *, min(truth) filter (truth >= {k}) over (partition by whole) as complement from shown
        ) group by whole"""
    needed = f"(small > 0 and (small_sum < small + {k - 1} or small_sum = small * {k - 1}))"
    wrong = f"large <> if({needed}, ties, 0) or is_bare <> ({needed} and largest < {k})"
    assert connection.sql(f"select count(*) from ({wholes}) where {wrong}").fetchone() == (0,)
