"""Check digits by shared vectors, by python-stdnum where it is right, and SQL by Python over random codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import get_args

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stdnum.cn import ric, uscc
from stdnum.iso7064 import mod_11_10

from ingestion.conform import checks
from ingestion.values import check_digits as rules
from ingestion.values.check_digit_sql import is_valid
from ingestion.values.check_digits import CHECKS, Check
from tests.support.check_digits import Vector, codes, vectors

ORACLES: dict[Check, Callable[[str], bool]] = {
    "uscc": uscc.is_valid,
    "registration_no": mod_11_10.is_valid,
    "citizen_id": ric.is_valid,
    "food_licence_no": lambda code: mod_11_10.is_valid(code[2:]),
}
"""python-stdnum knows no organisation code."""


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        checks.install(opened)
        yield opened


def named(vector: Vector) -> str:
    return f"{vector.check}-{vector.code or 'empty'}"


@pytest.mark.parametrize("vector", vectors(), ids=named)
def test_python_judges_the_vectors(vector: Vector) -> None:
    assert CHECKS[vector.check](vector.code) is vector.is_valid, vector.note


@pytest.mark.parametrize("check", CHECKS)
def test_sql_judges_the_vectors(connection: duckdb.DuckDBPyConnection, check: Check) -> None:
    chosen = [vector for vector in vectors() if vector.check == check]
    assert {vector.is_valid for vector in chosen} == {True, False}
    for expression in (f"{checks.CHECKS[check]}(code)", is_valid(check, "code")):
        query = f"select {expression} from (select unnest($1) as code)"
        found = connection.execute(query, [[*(vector.code for vector in chosen), None]]).fetchall()
        assert [row[0] for row in found] == [*(vector.is_valid for vector in chosen), None]


@pytest.mark.parametrize("vector", [v for v in vectors() if v.stdnum_is_right], ids=named)
def test_python_stdnum_agrees_where_it_is_right(vector: Vector) -> None:
    assert ORACLES[vector.check](vector.code) is vector.is_valid


@pytest.mark.parametrize(
    "vector", [v for v in vectors() if not v.stdnum_is_right and "python-stdnum" in v.note], ids=named
)
def test_where_python_stdnum_is_not_used_it_differs(vector: Vector) -> None:
    assert ORACLES[vector.check](vector.code) is not vector.is_valid


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), check=st.sampled_from(sorted(CHECKS)))
def test_sql_judges_any_text_as_python_does(
    connection: duckdb.DuckDBPyConnection, data: st.DataObject, check: Check
) -> None:
    tried = data.draw(st.lists(codes(check), min_size=1, max_size=20))
    query = f"select {checks.CHECKS[check]}(code) from (select unnest($1) as code)"
    found = [row[0] for row in connection.execute(query, [tried]).fetchall()]
    assert found == [CHECKS[check](code) for code in tried], tried


@settings(max_examples=20, deadline=None)
@given(data=st.data(), check=st.sampled_from(sorted(ORACLES)))
def test_a_changed_digit_is_always_found(data: st.DataObject, check: Check) -> None:
    """What a check character is for; of two neighbours that changed places, too (ISO 7064 MOD 11,10 misses some)."""
    code = data.draw(codes(check).filter(CHECKS[check]))
    place = data.draw(st.integers(2, len(code) - 2))
    other = data.draw(st.sampled_from([digit for digit in rules.DIGITS if digit != code[place]]))
    assert not CHECKS[check](code[:place] + other + code[place + 1 :])


def test_weights_are_the_powers_that_the_standards_say() -> None:
    assert tuple(pow(3, i, 31) for i in range(17)) == rules.USCC_WEIGHTS
    assert tuple(pow(2, 17 - i, 11) for i in range(17)) == rules.CITIZEN_ID_WEIGHTS


def test_every_named_check_has_its_rules() -> None:
    assert set(get_args(Check)) == set(CHECKS) == set(checks.CHECKS)


def test_an_expression_is_computed_once_where_conform_gives_one(connection: duckdb.DuckDBPyConnection) -> None:
    """Its session keeps equal expressions apart, and a check names its code some dozens of times."""
    connection.execute("create or replace temp sequence computed")
    connection.execute("select citylake_uscc(repeat('9', 17) || nextval('computed')) from range(3)").fetchall()
    assert connection.execute("select currval('computed')").fetchall() == [(3,)]
