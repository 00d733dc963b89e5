"""The list of credit codes that were issued with a wrong check character."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import duckdb
import pytest

from ingestion.values.check_digits import is_uscc
from ingestion.values.uscc_exceptions import UsccException, exceptions, is_listed


def test_every_listed_code_needs_to_be() -> None:
    listed = exceptions()
    assert listed
    for one in listed:
        assert not is_uscc(one.uscc)
        assert len(one.uscc) == 18 and one.source.strip()
        assert one.valid_to is None or one.valid_from < one.valid_to
    spans = sorted((one.uscc, one.valid_from, one.valid_to or date.max) for one in listed)
    assert all(a[0] != b[0] or a[2] <= b[1] for a, b in pairwise(spans))


@pytest.mark.parametrize(
    ("code", "day", "wanted"),
    [
        ("A", "2016-01-01", True),
        ("A", "2015-12-31", False),
        ("A", "2017-12-31", True),
        ("A", "2018-01-01", False),
        ("B", "2030-01-01", True),
        ("C", "2016-06-01", False),
        (None, "2016-06-01", False),
        ("A", None, False),
    ],
)
def test_a_code_is_listed_from_its_first_day_until_before_its_last(
    code: str | None, day: str | None, wanted: bool
) -> None:
    listed = (
        UsccException("A", date(2016, 1, 1), date(2018, 1, 1), "x"),
        UsccException("B", date(2016, 1, 1), None, "x"),
    )
    query = f"select {is_listed('$code::varchar', '$day::date', listed)}"
    assert duckdb.execute(query, {"code": code, "day": day}).fetchall() == [(wanted,)]


def test_an_empty_list_lists_nothing() -> None:
    assert duckdb.execute(f"select {is_listed(repr('A'), 'current_date', ())}").fetchall() == [(False,)]
