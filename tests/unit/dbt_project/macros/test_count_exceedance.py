"""The probability of a count beside those before it, against scipy's negative binomial."""

from __future__ import annotations

import duckdb
import pytest
from scipy.stats import nbinom

from ingestion.settings import Settings
from tests.support.rendered import Rendered


def test_it_is_the_tail_of_the_negative_binomial() -> None:
    macro = Rendered(Settings().dbt_project).macro("count_exceedance", "cases", "total", "units")
    cases = """
        select cases, total, units
        from range(0, 60, 3) as a (cases), range(0, 200, 17) as b (total), range(7, 30, 7) as c (units)"""
    with duckdb.connect() as connection:
        found = connection.sql(f"select cases, total, units, {macro} from ({cases})").fetchall()
    for count, total, units, probability in found:
        assert probability == pytest.approx(nbinom.sf(count - 1, total + 0.5, units / (units + 1)), abs=1e-12)
